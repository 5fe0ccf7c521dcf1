//! Tests and measures the first block device; the words of the command line say how, in
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
use xen_rt::block::Block;
use xen_rt::channel::NoChannel;
use xen_rt::noxs::control::{Answer, Report, Request, State};
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
        let Some(asked) = self.channel.asked() else { return Ok(()) };
        let (answer, end) = match asked.request {
            Some(Request::Poweroff) => (Answer::Ok, Some(Shutdown::PowerOff)),
            Some(Request::Reboot) => (Answer::Ok, Some(Shutdown::Reboot)),
            Some(Request::TableChanged) => (Answer::Ok, None),
            _ => (Answer::NotSupported, None),
        };
        self.channel.answer(asked, answer);
        end.map_or(Ok(()), |end| Err(Failure::Asked(end)))
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
    let block = channel
        .grants()
        .zip(pages)
        .and_then(|(mut grants, (pages, lists))| Block::open(channel, &mut grants, pages, lists));
    let Some(block) = block else {
        voice.say(format_args!("this guest was given no disk"));
        return Shutdown::PowerOff;
    };
    let mut disk = Disk::new(block, channel);
    introduce(&mut voice, &disk);
    match run(&mut voice, &mut disk, boot) {
        Ok(()) => end(&mut voice, &mut disk, boot),
        Err(Failure::Disk) => Shutdown::Crash,
        Err(Failure::Asked(end)) => end,
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

/// Stays where the command line says so, else powers off.
fn end(voice: &mut Voice, disk: &mut Disk, boot: BootInfo) -> Shutdown {
    voice.say(format_args!("done"));
    while cmdline::has(boot.command_line(), "idle") {
        if let Err(Failure::Asked(end)) = voice.check_requests() {
            return end;
        }
        disk.idle();
    }
    Shutdown::PowerOff
}
