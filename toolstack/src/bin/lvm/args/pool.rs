//! The options of `lvm pool`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PoolVerb {
    /// Show what there is (also without a verb)
    #[command(visible_alias = "ls")]
    List,
    /// Keep shells of a kind, until it is removed; other watermarks for one that is there
    Add(PoolAddArgs),
    /// Keep shells of flavours no longer
    Remove(PoolRemoveArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PoolAddArgs {
    /// Configuration of a guest that the shells are for
    #[arg(value_name = "CONFIG")]
    pub(crate) config: PathBuf,
    /// Shells that are there without demand
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) low: u32,
    /// The most there are
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) high: u32,
    /// Without the image: for guests of any image
    #[arg(long)]
    pub(crate) blank: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PoolRemoveArgs {
    /// Flavours, by the number that `lvm pool` shows
    #[arg(required = true, value_name = "NUMBER")]
    pub(crate) numbers: Vec<u64>,
}
