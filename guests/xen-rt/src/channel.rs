//! The noxs page: the guest's side of its control channel, see `docs/noxs.md`.
//!
//! The page stands in the boot slot where other guests find their XenStore ring. One event
//! channel serves everything; words in the page say who rang.

use crate::event::{self, Port};
use crate::grant::Grants;
use crate::hooks::{self, Hooks};
use crate::info::BootInfo;
use crate::lone::Lone;
use crate::paging::PAGE_SIZE;
use crate::{Clock, Shutdown, bare, shared_info};
use core::fmt::{self, Write};
use core::ptr::NonNull;
use noxs::control::{Answer, Asked, Report, Request, State};
use noxs::device::{Device, Slot};
use noxs::doorbell::{Rung, TO_GUEST_TABLE};
use noxs::log::Severity;
use noxs::page::{GuestPage, Header};
use noxs::{Busy, RawShared, Refusal};

/// Bytes of a log record's text; more is cut off.
const TEXT: usize = 240;

/// Why there is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChannel {
    /// The boot slot is empty.
    Absent,
    /// What stands there is no page that this guest knows.
    Refused(Refusal),
}

impl fmt::Display for NoChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("this guest was given no noxs page"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

/// The control channel. There is one; copies speak of the same.
#[derive(Clone, Copy)]
pub struct Channel {
    boot: BootInfo,
    port: Port,
}

struct Open {
    page: GuestPage<RawShared>,
    channel: Channel,
    /// System time when the channel was opened, from which log records count.
    since: u64,
    /// The host has changed the device table, and nobody has looked.
    table_changed: bool,
}

impl Open {
    /// Notes what the host rang for; whether it rang at all.
    fn hear(&mut self, rung: Rung) -> bool {
        self.table_changed |= rung.services & TO_GUEST_TABLE != 0;
        !rung.is_empty()
    }
}

static OPEN: Lone<Open> = Lone::new();

static HOOKS: Hooks = Hooks {
    ring_console: || with_channel(|channel| channel.ring(Slot::CONSOLE)),
    sleep: |ready| with_channel(|channel| channel.sleep(None, ready)),
    crashed: || {
        with_channel(|channel| {
            channel.report(&Report { state: State::Crashed, ..Report::default() })
        });
    },
};

fn with_channel(work: impl FnOnce(Channel)) {
    if let Some(channel) = OPEN.with(|open| open.channel) {
        work(channel);
    }
}

impl Channel {
    /// Finds and checks the page. From here on the console, and a panic, speak through it.
    ///
    /// # Errors
    /// When there is none, or none this guest knows.
    pub fn open(boot: BootInfo) -> Result<Self, NoChannel> {
        let (page, port) = bare::store(boot).ok_or(NoChannel::Absent)?;
        let base = core::ptr::with_exposed_provenance_mut(page.address());
        let base = NonNull::new(base).ok_or(NoChannel::Absent)?;
        // SAFETY: the toolstack set the page aside for this; it was mapped for good just now
        // and nobody keeps references into it.
        let page = GuestPage::attach(unsafe { RawShared::new(base, PAGE_SIZE) });
        let mut page = page.map_err(NoChannel::Refused)?;
        // Says that the console is in use; the host sees it when the console first rings.
        page.use_device(Slot::CONSOLE, 0);
        if let Some(gfn) = page.header().shared_info {
            shared_info::use_placed(boot, gfn);
        }
        let channel = Self { boot, port };
        let since = Clock::new(boot).now();
        OPEN.set(Some(Open { page, channel, since, table_changed: false }));
        hooks::install(&HOOKS);
        Ok(channel)
    }

    /// Forgets the page: the console and a panic do without it again.
    pub(crate) fn forget(self) {
        OPEN.set(None);
        hooks::remove();
    }

    /// The event channel to the host.
    #[must_use]
    pub fn port(self) -> Port {
        self.port
    }

    /// The boot information of the guest whose channel this is.
    #[must_use]
    pub fn boot(self) -> BootInfo {
        self.boot
    }

    /// What the page begins with; `None` when it was forgotten.
    #[must_use]
    pub fn header(self) -> Option<Header> {
        self.with(|page| *page.header())
    }

    /// The grant table, where the page says it is. `None` where there is none.
    #[must_use]
    pub fn grants(self) -> Option<Grants> {
        let table = self.header()?.grant_table;
        Grants::open(self.boot, table.map(|table| (table.first_frame, table.frames)))
    }

    fn with<R>(self, work: impl FnOnce(&mut GuestPage<RawShared>) -> R) -> Option<R> {
        OPEN.with(|open| work(&mut open.page))
    }

    /// Does `work` on the page and tells the host what there is to tell.
    fn tell(self, work: impl FnOnce(&mut GuestPage<RawShared>)) {
        let notify = self.with(|page| {
            work(page);
            page.flush()
        });
        if notify == Some(true) {
            event::send(self.port);
        }
    }

    /// Tells the host that device `slot` has work.
    pub fn ring(self, slot: Slot) {
        self.tell(|page| page.ring_device(slot));
    }

    /// Sleeps until the host rings, or until system time `until` in ns. Returns at once when
    /// `ready` says that there is work, or when the host has rung already.
    pub fn sleep(self, until: Option<u64>, ready: impl FnOnce() -> bool) {
        let sleep = |open: &mut Open| {
            let rung = open.page.sleep();
            open.hear(rung)
        };
        if !ready() && OPEN.with(sleep) != Some(true) {
            event::wait_until(self.boot, self.port, until);
            OPEN.with(|open| {
                let rung = open.page.take();
                open.hear(rung)
            });
        }
    }

    /// Whether the device table has changed since this was last asked.
    #[must_use]
    pub fn table_changed(self) -> bool {
        OPEN.with(|open| core::mem::take(&mut open.table_changed)).unwrap_or(false)
    }

    /// Reports what the guest is doing.
    pub fn report(self, report: &Report) {
        self.tell(|page| page.report(report));
    }

    /// What the host asks for and was not answered.
    #[must_use]
    pub fn asked(self) -> Option<Asked> {
        // A host that is writing rings when it has finished.
        self.with(|page| page.asked().ok().flatten()).flatten()
    }

    /// Answers what the host asked for.
    pub fn answer(self, asked: Asked, answer: Answer) {
        self.tell(|page| page.answer(asked.sequence, answer));
    }

    /// Answers what the host asks for; how to end when that is what it asks.
    #[must_use]
    pub fn asked_to_end(self) -> Option<Shutdown> {
        let asked = self.asked()?;
        let (answer, end) = match asked.request {
            Some(Request::Poweroff) => (Answer::Ok, Some(Shutdown::PowerOff)),
            Some(Request::Reboot) => (Answer::Ok, Some(Shutdown::Reboot)),
            // The table says what has changed.
            Some(Request::TableChanged) => (Answer::Ok, None),
            _ => (Answer::NotSupported, None),
        };
        self.answer(asked, answer);
        end
    }

    /// What is in a slot of the device table; `None` when it is a hole.
    ///
    /// # Errors
    /// The host is writing; it rings when it has written.
    pub fn device(self, slot: Slot) -> Result<Option<Device>, Busy> {
        self.with(|page| page.device(slot)).unwrap_or(Ok(None))
    }

    /// Whether the guest has the device in use, and the host has not taken it away.
    pub(crate) fn is_using(self, slot: Slot) -> bool {
        self.with(|page| page.is_using(slot)).unwrap_or(false)
    }

    /// Says that the guest uses a device, with these of its features.
    pub(crate) fn use_device(self, slot: Slot, features: u16) {
        // The host is told with the first request.
        self.with(|page| page.use_device(slot, features));
    }

    /// Says that the guest uses a device no more.
    pub(crate) fn leave_device(self, slot: Slot) {
        self.tell(|page| page.leave_device(slot));
    }

    /// Writes a log record. One that finds no room is lost and counted.
    pub fn log(self, severity: Severity, text: fmt::Arguments<'_>) {
        let mut line = Line { bytes: [0; TEXT], length: 0 };
        // A line takes what fits: it has no errors.
        let _ = line.write_fmt(text);
        let now = Clock::new(self.boot).now();
        let since = OPEN.with(|open| open.since).unwrap_or(now);
        self.tell(|page| {
            let _ = page.log(severity, now.saturating_sub(since), &line.bytes[..line.length]);
        });
    }
}

/// Text of limited length; what does not fit is cut off.
struct Line {
    bytes: [u8; TEXT],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.length + character.len_utf8();
            if end > TEXT {
                break;
            }
            character.encode_utf8(&mut self.bytes[self.length..end]);
            self.length = end;
        }
        Ok(())
    }
}

/// Marks the program as one that wants a noxs page: an ELF note of owner `noxs`, type 1,
/// whose word is the version of the page.
#[macro_export]
macro_rules! noxs_guest {
    () => {
        core::arch::global_asm!(
            ".pushsection .note.Xen, \"a\", @note",
            ".balign 4",
            ".long 5, 4, 1",
            ".asciz \"noxs\"",
            ".balign 4",
            ".long 1",
            ".popsection",
        );
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_characters() {
        let mut line = Line { bytes: [0; TEXT], length: 0 };
        assert_eq!(write!(line, "{}", "ä".repeat(TEXT)), Ok(()));
        assert_eq!(core::str::from_utf8(&line.bytes[..line.length]), Ok(&*"ä".repeat(TEXT / 2)));
    }
}
