//! Tests and measures a block device, and after it the next; the words of the command line say how, in
//! order: `verify`, `records`, `check`, `random`, `sequential`.

#![no_std]
#![no_main]

mod disk;
mod measure;
mod pattern;
mod records;
mod verify;

use core::fmt;
use core::fmt::Write;
use disk::Disk;
use xen_rt::block::{Block, Buffers};
use xen_rt::channel::NoChannel;
use xen_rt::grant::Grants;
use xen_rt::noxs::control::{Report, State};
use xen_rt::noxs::log::Severity;
use xen_rt::pages::StaticPages;
use xen_rt::{BootInfo, Channel, Console, Shutdown, cmdline, entry};

entry!(main);
xen_rt::noxs_guest!();

/// Pages of the buffer: 1 MiB.
const BUFFER: usize = 256;
/// Long requests that can be under way.
const LISTS: usize = 8;

static PAGES: StaticPages<BUFFER> = StaticPages::new();
static LIST_PAGES: StaticPages<LISTS> = StaticPages::new();

/// Why a test ended early.
pub(crate) enum Failure {
    /// The disk said or gave something wrong; the console has it.
    Disk,
    /// The host asked the guest to end in this way.
    Asked(Shutdown),
}

/// Where everything is said.
pub(crate) struct Voice {
    console: Console,
    channel: Channel,
}

impl Voice {
    /// A line on the console.
    pub(crate) fn say(&mut self, text: fmt::Arguments<'_>) {
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(self.console, "blockio: {text}");
    }

    /// What is wrong, on the console and in the log.
    pub(crate) fn complain(&mut self, text: fmt::Arguments<'_>) -> Failure {
        self.say(text);
        self.channel.log(Severity::Error, text);
        Failure::Disk
    }

    /// Ends the test when the host has asked for it.
    pub(crate) fn check_requests(&self) -> Result<(), Failure> {
        self.channel.asked_to_end().map_or(Ok(()), |end| Err(Failure::Asked(end)))
    }

    /// Sleeps until the host rings.
    fn sleep(&self) -> Result<(), Failure> {
        self.check_requests()?;
        self.channel.sleep(None, || false);
        Ok(())
    }
}

fn main(boot: BootInfo) -> Shutdown {
    let mut console = Console::open(boot).expect("blockio needs a console");
    let channel = match Channel::open(boot) {
        Ok(channel) => channel,
        Err(error) => {
            // The console takes everything or sleeps: it has no errors.
            let _ = writeln!(console, "blockio: {error}");
            let absent = error == NoChannel::Absent;
            return if absent { Shutdown::PowerOff } else { Shutdown::Crash };
        }
    };
    let mut voice = Voice { console, channel };
    let pages = PAGES.take().zip(LIST_PAGES.take());
    let mut buffers = pages.map(|(data, lists)| Buffers { data, lists });
    let Some(mut grants) = channel.grants() else { return Shutdown::Crash };
    let mut next = Block::open(channel, &mut grants, &mut buffers);
    if next.is_none() {
        voice.say(format_args!("this guest was given no disk"));
        return Shutdown::PowerOff;
    }
    let end = loop {
        let tested = match next.take() {
            Some(block) => test(&mut voice, &mut grants, &mut buffers, block, boot),
            None => voice.sleep(),
        };
        match tested {
            Ok(()) => next = Block::open(channel, &mut grants, &mut buffers),
            Err(end) => break end,
        }
    };
    match end {
        Failure::Disk => Shutdown::Crash,
        Failure::Asked(end) => end,
    }
}

/// Tests a disk, and uses it until it is taken away. Its buffers are there again then.
fn test(
    voice: &mut Voice,
    grants: &mut Grants,
    buffers: &mut Option<Buffers>,
    block: Block,
    boot: BootInfo,
) -> Result<(), Failure> {
    let mut disk = Disk::new(block, voice.channel);
    introduce(voice, &disk);
    run(voice, &mut disk, boot)?;
    voice.say(format_args!("done"));
    if !cmdline::has(boot.command_line(), "idle") {
        return Err(Failure::Asked(Shutdown::PowerOff));
    }
    while disk.is_served() {
        voice.sleep()?;
    }
    let mut closing = disk.close();
    voice.say(format_args!("left the disk"));
    loop {
        match closing.end(grants) {
            Ok(pages) => {
                *buffers = pages;
                return Ok(());
            }
            Err(again) => closing = again,
        }
        voice.sleep()?;
    }
}

fn introduce(voice: &mut Voice, disk: &Disk) {
    let config = disk.config();
    voice.channel.report(&Report { state: State::Ready, ..Report::default() });
    voice.say(format_args!(
        "{} sectors of {} bytes, information {}, {} segments",
        config.sectors, config.sector_size, config.info, config.max_indirect_segments
    ));
}

fn run(voice: &mut Voice, disk: &mut Disk, boot: BootInfo) -> Result<(), Failure> {
    let line = boot.command_line();
    for word in cmdline::words(line) {
        match word {
            b"verify" => verify::run(voice, disk, line)?,
            b"records" => records::write(voice, disk, line)?,
            b"check" => records::check(voice, disk, line)?,
            b"random" => measure::random(voice, disk, line)?,
            b"sequential" => measure::sequential(voice, disk, line)?,
            _ => {}
        }
    }
    Ok(())
}
