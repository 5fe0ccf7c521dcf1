//! `lvm create`: from a configuration to running guests.

mod maker;
mod many;
mod one;
mod report;

use std::path::Path;

use lightvm::config::{Loaded, Loader};

use crate::app::App;
use crate::args::{CreateArgs, GuestFlags};
use crate::exit::ExitCode;
use crate::failure::Failure;

// What other verbs need is not to lie between what this does.
#[inline(never)]
pub(crate) fn run(app: &App, mut args: CreateArgs) -> Result<ExitCode, Failure> {
    let flags = std::mem::take(&mut args.guest);
    check(&args, &flags)?;
    let guest = load(&args, flags)?;
    for warning in &guest.warnings {
        eprintln!("warning: {warning}");
    }
    if args.number.get() == 1 {
        one::run(app, &args, &guest)
    } else {
        many::run(app, &args, &guest)
    }
}

/// What belongs together and what does not.
fn check(args: &CreateArgs, flags: &GuestFlags) -> Result<(), Failure> {
    let many = args.number.get() > 1;
    if many && args.console {
        return Err(Failure::usage("--console is for one guest; leave out -n"));
    }
    if many && flags.uuid.is_some() {
        return Err(Failure::usage("--uuid is for one guest; leave it out with -n"));
    }
    if args.timeout.is_some() && args.wait.is_none() && !args.console {
        return Err(Failure::usage("--timeout is for --wait and --console; give one of them"));
    }
    if args.console && args.paused {
        return Err(Failure::usage("--console starts the guest; leave out --paused"));
    }
    Ok(())
}

fn load(args: &CreateArgs, flags: GuestFlags) -> Result<Loaded, Failure> {
    let (file, assignments) = split(&args.config, |path| Path::new(path).is_file());
    let mut loader = Loader::new().overrides(flags.into());
    if let Some(format) = args.format {
        loader = loader.format(format.into());
    }
    for assignment in assignments {
        if !assignment.contains('=') {
            return Err(Failure::usage(format!(
                "`{assignment}` is no KEY=VALUE; only the first argument can be a file"
            )));
        }
        loader = loader.assign(assignment);
    }
    Ok(match file {
        Some(path) => loader.load(path)?,
        None => loader.without_file()?,
    })
}

/// The configuration file, if one is named, and the assignments behind it. The first
/// argument is a file unless it looks like an assignment and no such file is there.
fn split(args: &[String], is_file: impl Fn(&str) -> bool) -> (Option<&str>, &[String]) {
    match args.split_first() {
        Some((first, rest)) if !first.contains('=') || is_file(first) => (Some(first), rest),
        _ => (None, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_is_a_file_or_an_assignment() {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let no_file = |_: &str| false;
        let both = args(&["guest.cfg", "memory=4"]);
        assert_eq!(split(&both, no_file), (Some("guest.cfg"), &both[1..]));
        let assignments = args(&["memory=4", "vcpus=2"]);
        assert_eq!(split(&assignments, no_file), (None, &assignments[..]));
        let odd = args(&["a=b.cfg", "vcpus=2"]);
        assert_eq!(split(&odd, |path| path == "a=b.cfg"), (Some("a=b.cfg"), &odd[1..]));
        assert_eq!(split(&[], no_file), (None, &[][..]));
    }
}
