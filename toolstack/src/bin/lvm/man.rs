//! `lvm man`: the manual pages, written to a folder.

use std::fs;

use clap::CommandFactory;

use crate::args::{Cli, ManArgs};
use crate::failure::Failure;

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let failed = || Failure::io(format!("cannot write manual pages to {}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed())?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        run(&ManArgs { dir: dir.path().to_owned() }).unwrap();
        for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let page = dir.path().join(format!("lvm-{}.1", verb.get_name()));
            let text = fs::read_to_string(&page).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{}", page.display());
            assert!(text.contains(".SH EXTRA"), "{} has no examples", page.display());
        }
        assert!(fs::read_to_string(dir.path().join("lvm.1")).unwrap().contains("Exit codes"));
    }
}
