//! The noxs page: the guest's side of its control channel, see `docs/noxs.md`.
//!
//! The page stands in the boot slot where other guests find their XenStore ring. One event
//! channel serves everything; words in the page say who rang.

use crate::event::{self, Port};
use crate::grant::Grants;
use crate::hooks::{self, Hooks};
use crate::info::BootInfo;
use crate::shared::SharedPage;
use crate::{bare, shared_info};
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use noxs::layout as at;

/// Services with a bit in the doorbells.
const CONTROL: u32 = 1;
const LOG: u32 = 1 << 1;

/// Device slot of the console.
const CONSOLE_SLOT: u8 = 0;

/// Where the channel is, for code that is handed nothing: a dying guest's.
static PAGE: AtomicUsize = AtomicUsize::new(0);
static PORT: AtomicU32 = AtomicU32::new(0);

/// Why there is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChannel {
    /// The boot slot is empty.
    Absent,
    /// Something else stands there: a XenStore ring, as a rule.
    Other,
    /// A version this guest does not know.
    Version(u32),
}

impl fmt::Display for NoChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "this guest was given no noxs page"),
            Self::Other => write!(f, "what stands in the store's place is no noxs page"),
            Self::Version(major) => {
                write!(f, "noxs page of version {major}, this guest knows {}", at::MAJOR)
            }
        }
    }
}

/// What a guest is doing, as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Runs.
    Booted = 1,
    /// Serves.
    Ready = 2,
    /// About to end as it was asked to.
    Stopping = 3,
    /// About to end by a fault of its own.
    Crashed = 4,
}

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End.
    PowerOff,
    /// End, to be started afresh.
    Reboot,
    /// Suspend.
    Suspend,
    /// Look at the device table again.
    TableChanged,
    /// Something else; resuming and dumping among it.
    Other(u32),
}

impl From<u32> for Request {
    fn from(code: u32) -> Self {
        match code {
            1 => Self::PowerOff,
            2 => Self::Reboot,
            3 => Self::Suspend,
            5 => Self::TableChanged,
            other => Self::Other(other),
        }
    }
}

/// The answer to a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Answer {
    /// Done, or about to be.
    Done = 0,
    /// This guest does not do such things.
    NotSupported = 1,
    /// Tried without success.
    Failed = 2,
}

/// Severity of a log record, as in RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// The guest ends.
    Critical = 2,
    /// Something failed.
    Error = 3,
    /// Something may fail.
    Warning = 4,
    /// Worth knowing.
    Notice = 5,
    /// In case somebody asks.
    Information = 6,
}

/// The control channel. Copies speak of the same page.
#[derive(Clone, Copy)]
pub struct Channel {
    boot: BootInfo,
    port: Port,
    page: usize,
}

static HOOKS: Hooks = Hooks {
    ring_console: || installed().ring(CONSOLE_SLOT),
    sleep: |ready| installed().sleep(None, ready),
    crashed: || installed().report(State::Crashed, 0),
};

/// The channel that was opened, for the hooks, which stand only then.
fn installed() -> Channel {
    let boot = BootInfo::installed().expect("the guest has booted");
    let port = Port::new(PORT.load(Ordering::Relaxed)).expect("the channel is open");
    Channel { boot, port, page: PAGE.load(Ordering::Relaxed) }
}

impl Channel {
    /// Finds and checks the page.
    ///
    /// # Errors
    /// When there is none, or none this guest knows.
    pub fn open(boot: BootInfo) -> Result<Self, NoChannel> {
        let (page, port) = bare::store(boot).ok_or(NoChannel::Absent)?;
        check(&page)?;
        let flags = page.load(at::HEADER_FLAGS);
        if flags & at::FLAG_SHARED_INFO != 0 {
            shared_info::use_placed(boot, wide(&page, at::HEADER_SHARED_INFO));
        }
        PAGE.store(page.address(), Ordering::Relaxed);
        PORT.store(port.number(), Ordering::Relaxed);
        hooks::install(&HOOKS);
        Ok(Self { boot, port, page: page.address() })
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

    /// The grant table, where the page says it is.
    #[must_use]
    pub fn grants(self) -> Option<Grants> {
        let page = self.page();
        let placed = page.load(at::HEADER_FLAGS) & at::FLAG_GRANT_TABLE != 0;
        let frames = page.load(at::HEADER_GRANT_FRAMES);
        Grants::open(self.boot, placed.then(|| (wide(&page, at::HEADER_GRANT_TABLE), frames)))
    }

    /// The page as it is.
    pub(crate) fn page(self) -> SharedPage {
        // SAFETY: `open` found the page at this address, mapped for good; everybody accesses
        // it through `SharedPage`s.
        unsafe { SharedPage::new(core::ptr::with_exposed_provenance_mut(self.page)) }
    }

    /// Tells the host that device slot `slot` has work.
    pub fn ring(self, slot: u8) {
        self.page().set_bits(at::HOST_BELL + at::BELL_DEVICES, 1 << (slot % 32));
        self.wake_host();
    }

    fn ring_services(self, services: u32) {
        self.page().set_bits(at::HOST_BELL + at::BELL_SERVICES, services);
        self.wake_host();
    }

    fn wake_host(self) {
        if self.page().swap(at::HOST_BELL + at::BELL_ASLEEP, 0) == 1 {
            event::send(self.port);
        }
    }

    /// Sleeps until the host rings, or until system time `until`. Returns at once when it has
    /// rung already or `ready` says that there is work.
    pub fn sleep(self, until: Option<u64>, ready: impl FnOnce() -> bool) {
        let page = self.page();
        page.swap(at::GUEST_BELL + at::BELL_ASLEEP, 1);
        if !self.rung() && !ready() {
            event::wait_until(self.boot, self.port, until);
        }
        page.swap(at::GUEST_BELL + at::BELL_ASLEEP, 0);
        page.swap(at::GUEST_BELL + at::BELL_DEVICES, 0);
        page.swap(at::GUEST_BELL + at::BELL_SERVICES, 0);
    }

    fn rung(self) -> bool {
        let page = self.page();
        page.load(at::GUEST_BELL + at::BELL_DEVICES) != 0
            || page.load(at::GUEST_BELL + at::BELL_SERVICES) != 0
    }

    /// Reports what the guest is doing; `code` says more about it.
    pub fn report(self, state: State, code: u32) {
        let page = self.page();
        page.store(at::REPORT_CODE, code);
        page.store(at::REPORT_STATE, state as u32);
        self.ring_services(CONTROL);
    }

    /// Says which addresses the guest has, to go with the next report.
    pub fn set_addresses(self, v4: ([u8; 4], u8), v6: ([u8; 16], u8)) {
        let page = self.page();
        page.write(at::REPORT_IPV4, &v4.0);
        page.write(at::REPORT_IPV6, &v6.0);
        page.write(at::REPORT_PREFIX4, &[v4.1, v6.1]);
    }

    /// What the host asks for, if it asks for something that was not answered.
    #[must_use]
    pub fn request(self) -> Option<Request> {
        let page = self.page();
        let number = page.load(at::CONTROL_SEQUENCE);
        (number != page.load(at::REPORT_ACKNOWLEDGED))
            .then(|| Request::from(page.load(at::CONTROL_REQUEST)))
    }

    /// Answers the request.
    pub fn answer(self, answer: Answer) {
        let page = self.page();
        page.store(at::REPORT_ANSWER, answer as u32);
        page.store(at::REPORT_ACKNOWLEDGED, page.load(at::CONTROL_SEQUENCE));
        self.ring_services(CONTROL);
    }

    /// Says that the log has news.
    pub(crate) fn ring_log(self) {
        self.ring_services(LOG);
    }
}

fn check(page: &SharedPage) -> Result<(), NoChannel> {
    if page.load(at::HEADER_MAGIC) != at::MAGIC {
        return Err(NoChannel::Other);
    }
    let major = page.load(at::HEADER_MAJOR) & 0xffff;
    if major != u32::from(at::MAJOR) {
        return Err(NoChannel::Version(major));
    }
    Ok(())
}

/// A 64-bit field that does not change.
fn wide(page: &SharedPage, offset: usize) -> u64 {
    u64::from(page.load(offset + 4)) << 32 | u64::from(page.load(offset))
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
    use crate::paging::PAGE_SIZE;

    #[repr(align(4096))]
    struct Backing([u8; PAGE_SIZE]);

    fn checked(header: [u8; 8]) -> Result<(), NoChannel> {
        let mut backing = Backing([0; PAGE_SIZE]);
        backing.0[..8].copy_from_slice(&header);
        // SAFETY: nobody else touches the page while the value lives.
        check(&unsafe { SharedPage::new(backing.0.as_mut_ptr()) })
    }

    #[test]
    fn only_a_page_of_a_known_version_is_used() {
        assert_eq!(checked(*b"NOXS\x01\0\0\0"), Ok(()));
        assert_eq!(checked(*b"NOXS\x01\0\x07\0"), Ok(()), "a minor version adds fields");
        assert_eq!(checked(*b"NOXS\x02\0\0\0"), Err(NoChannel::Version(2)));
        assert_eq!(checked([0; 8]), Err(NoChannel::Other));
    }
}
