//! `lvm completions`: what a shell needs to complete command lines.

use std::io;

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lvm", &mut script);
    io::Write::write_all(&mut io::stdout(), &script).map_err(output::output_failed)
}
