//! `lvm create` as it is mostly typed, read without clap: to describe all options to clap takes longer
//! than the guest to make. What is read here means the same to clap; all else is left to it, above
//! all what is wrong, which clap explains.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use lightvm::api::DEFAULT_SOCKET;
use lightvm::registry::DEFAULT_DIR;

use super::create::user_data;
use super::{
    Cli, CreateArgs, Globals, GuestFlags, REGISTRY_VARIABLE, SOCKET_VARIABLE, Verb, WaitFor,
    seconds,
};

/// Reads a command line, the program's name first; nothing where it may be wrong or is not `create`.
pub(super) fn read(line: &[OsString]) -> Option<Cli> {
    let line = line.iter().map(|word| word.to_str()).collect::<Option<Vec<&str>>>()?;
    let [_, "create" | "run", words @ ..] = line.as_slice() else { return None };
    let mut words = Words { rest: words, inline: None };
    let mut line = Line::default();
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some(option) => line.option(words.name_of(option), &mut words)?,
            None if word.starts_with('-') => return None,
            None => line.create.config.push(word.to_owned()),
        }
        if words.inline.is_some() {
            return None;
        }
    }
    line.cli()
}

/// The words that are still to be read.
struct Words<'a> {
    rest: &'a [&'a str],
    /// What stands behind the `=` of the last option.
    inline: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn name_of(&mut self, option: &'a str) -> &'a str {
        let Some((name, value)) = option.split_once('=') else { return option };
        self.inline = Some(value);
        name
    }

    /// The last option's value.
    fn value(&mut self) -> Option<&'a str> {
        let value = self.inline.take().or_else(|| self.next())?;
        // Some options may be followed by nothing or by a dash, others not.
        (!value.is_empty() && !value.starts_with('-')).then_some(value)
    }

    /// The same of an option that may stand alone.
    fn value_if_any(&mut self) -> Option<&'a str> {
        let alone = self.rest.first().is_none_or(|next| next.starts_with('-'));
        if alone && self.inline.is_none() { None } else { self.value() }
    }
}

/// What was read so far.
struct Line {
    json: bool,
    registry: Option<PathBuf>,
    socket: Option<PathBuf>,
    create: CreateArgs,
}

impl Default for Line {
    fn default() -> Self {
        let create = CreateArgs {
            config: Vec::new(),
            number: NonZeroU32::MIN,
            keep: false,
            paused: false,
            console: false,
            wait: None,
            direct: false,
            timeout: None,
            timings: false,
            format: None,
            guest: GuestFlags::default(),
        };
        Line { json: false, registry: None, socket: None, create }
    }
}

impl Line {
    fn option(&mut self, name: &str, words: &mut Words<'_>) -> Option<()> {
        let create = &mut self.create;
        match name {
            "json" => flag(&mut self.json),
            "registry" => once(&mut self.registry, words.value()?.parse().ok()),
            "socket" => once(&mut self.socket, words.value()?.parse().ok()),
            "keep" => flag(&mut create.keep),
            "paused" => flag(&mut create.paused),
            "console" => flag(&mut create.console),
            "direct" => flag(&mut create.direct),
            "timings" => flag(&mut create.timings),
            "wait" => {
                let what = words.value_if_any().map_or(Ok(WaitFor::Event), wait_for);
                once(&mut create.wait, what.ok())
            }
            "timeout" => once(&mut create.timeout, seconds(words.value()?).ok()),
            "user-data" => once(&mut create.guest.user_data, user_data(words.value()?).ok()),
            "nic" => add(&mut create.guest.nic, words.value()?),
            "disk" => add(&mut create.guest.disk, words.value()?),
            _ => guest_option(&mut create.guest, name, words.value()?),
        }
    }

    fn cli(self) -> Option<Cli> {
        if self.create.wait.is_some() && self.create.paused {
            return None;
        }
        let globals = Globals {
            json: self.json,
            registry: path(self.registry, REGISTRY_VARIABLE, DEFAULT_DIR)?,
            socket: path(self.socket, SOCKET_VARIABLE, DEFAULT_SOCKET)?,
        };
        Some(Cli { globals, verb: Verb::Create(Box::new(self.create)) })
    }
}

fn guest_option(guest: &mut GuestFlags, name: &str, value: &str) -> Option<()> {
    match name {
        "name" => set(&mut guest.name, value),
        "uuid" => set(&mut guest.uuid, value),
        "type" => set(&mut guest.guest_type, value),
        "kernel" => set(&mut guest.kernel, value),
        "ramdisk" => set(&mut guest.ramdisk, value),
        "cmdline" => set(&mut guest.cmdline, value),
        "memory" => set(&mut guest.memory, value),
        "max-memory" => set(&mut guest.max_memory, value),
        "vcpus" => set(&mut guest.vcpus, value),
        "max-vcpus" => set(&mut guest.max_vcpus, value),
        "cpus" => set(&mut guest.cpus, value),
        "control" => set(&mut guest.control, value),
        "on-poweroff" => set(&mut guest.on_poweroff, value),
        "on-reboot" => set(&mut guest.on_reboot, value),
        "on-crash" => set(&mut guest.on_crash, value),
        _ => None,
    }
}

fn set<T: FromStr>(slot: &mut Option<T>, value: &str) -> Option<()> {
    once(slot, value.parse().ok())
}

fn add<T: FromStr>(list: &mut Vec<T>, value: &str) -> Option<()> {
    list.push(value.parse().ok()?);
    Some(())
}

/// Puts a good value where none is.
fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    let first = slot.is_none();
    *slot = value;
    (first && slot.is_some()).then_some(())
}

fn flag(flag: &mut bool) -> Option<()> {
    let first = !*flag;
    *flag = true;
    first.then_some(())
}

fn wait_for(word: &str) -> Result<WaitFor, String> {
    WaitFor::from_str(word, false)
}

/// What was typed, or stands in the environment, or is usual.
fn path(typed: Option<PathBuf>, variable: &str, usual: &str) -> Option<PathBuf> {
    let path = typed.or_else(|| std::env::var_os(variable).map(PathBuf::from));
    let path = path.unwrap_or_else(|| usual.into());
    (!path.as_os_str().is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(words: &[&str]) -> Vec<OsString> {
        ["lvm"].iter().chain(words).map(OsString::from).collect()
    }

    /// Words of a command line, most of them right.
    fn word() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "--json",
            "--registry",
            "/r",
            "--socket=/s",
            "--socket",
            "--keep",
            "--paused",
            "--console",
            "-c",
            "--wait",
            "--wait=ready",
            "ready",
            "booted",
            "event",
            "--direct",
            "--timeout",
            "2.5",
            "--timeout=x",
            "--timings",
            "--timings=1",
            "--name",
            "--name=a",
            "web",
            "--uuid",
            "--type",
            "pvh",
            "--type=hvm",
            "--kernel",
            "/boot/k",
            "--kernel=",
            "--cmdline",
            "a=b",
            "--cmdline=-x",
            "-x",
            "--memory",
            "-m",
            "4",
            "64",
            "2MiB",
            "--vcpus",
            "--vcpus=0",
            "--cpus",
            "0-3",
            "--control",
            "noxs",
            "--user-data",
            "text",
            "--nic",
            "network=lan",
            "--nic=network=lan",
            "--disk=/srv/a.img",
            "--format",
            "xl",
            "--number",
            "--pool=p",
            "--on-crash",
            "--on-reboot=restart",
            "guest.cfg",
            "",
            "-",
            "--",
            "--help",
            "--version",
            "--nonsense",
            "--cap",
            "help",
            "create",
            "on-crash",
        ])
    }

    proptest! {
        #[test]
        fn clap_reads_the_same(words in proptest::collection::vec(word(), 0..7)) {
            let line = line(&[&["create"], words.as_slice()].concat());
            if let Some(plain) = read(&line) {
                let clap = <Cli as clap::Parser>::try_parse_from(&line);
                prop_assert_eq!(format!("{plain:?}"), format!("{:?}", clap.unwrap()));
            }
        }
    }

    #[test]
    fn what_is_mostly_typed_is_read() {
        let text = "create --wait ready --memory 2MiB --type=pvh --name web --kernel /boot/k --json \
                    --nic network=lan --disk /srv/web.img,xvda,rw --timeout 5 guest.cfg vcpus=2";
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(read(&line(&words)).is_some());
        assert!(read(&line(&["list"])).is_none());
        assert!(read(&line(&[])).is_none());
    }

    #[test]
    fn options_left_to_clap_are_rare_ones() {
        use clap::CommandFactory;
        let values = ["1", "a", "pvh", "ready", "destroy", "0-1", "noxs", "network=lan"];
        let uuid = "00000000-0000-0000-0000-000000000001";
        let is_read = |long: &str| {
            let read = |value| read(&line(&["create", &format!("--{long}"), value]));
            values.into_iter().chain([uuid]).any(|value| read(value).is_some())
        };
        let command = Cli::command();
        let create = command.find_subcommand("create").unwrap();
        let longs = create.get_arguments().filter_map(clap::Arg::get_long);
        let left: Vec<_> = longs.filter(|long| !is_read(long)).collect();
        let rare =
            "number format cpu-weight cap pool on-watchdog on-soft-reset tsc-mode hotplug-slots";
        assert_eq!(left.join(" "), rare);
    }
}
