//! What the host asks of a guest, and what the guest reports.

use crate::layout::{
    REPORT_ACKNOWLEDGED, REPORT_ANSWER, REPORT_CODE, REPORT_IPV4, REPORT_IPV6, REPORT_PREFIX4,
    REPORT_STATE,
};
use crate::{Lie, SharedMemory};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::sync::atomic::Ordering;

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Request {
    /// Shut down and stay off.
    Poweroff = 1,
    /// Shut down and start again.
    Reboot = 2,
    /// Get ready to be saved, and suspend.
    Suspend = 3,
    /// Go on after a suspension.
    Resume = 4,
    /// Look at the device table.
    TableChanged = 5,
    /// Write what is worth knowing to the console and the log.
    Dump = 6,
}

impl Request {
    const ALL: [Request; 6] = [
        Request::Poweroff,
        Request::Reboot,
        Request::Suspend,
        Request::Resume,
        Request::TableChanged,
        Request::Dump,
    ];

    /// The request of a code; `None` for one that this version does not know.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Request> {
        Request::ALL.into_iter().find(|&request| request as u32 == code)
    }
}

/// A request that was not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number.
    pub sequence: u32,
    /// What it asks; `None` is to be answered with [`Answer::NotSupported`].
    pub request: Option<Request>,
}

/// A guest's answer to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Answer {
    /// It is being done, or was.
    #[default]
    Ok = 0,
    /// The guest has no such verb.
    NotSupported = 1,
    /// It was tried and went wrong.
    Failed = 2,
}

impl Answer {
    fn from_code(code: u32) -> Result<Answer, Lie> {
        match code {
            0 => Ok(Answer::Ok),
            1 => Ok(Answer::NotSupported),
            2 => Ok(Answer::Failed),
            n => Err(Lie::Answer(n)),
        }
    }
}

/// What a guest is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum State {
    /// It has said nothing yet.
    #[default]
    Booting = 0,
    /// Its kernel runs.
    Booted = 1,
    /// It serves.
    Ready = 2,
    /// It is shutting down.
    Stopping = 3,
    /// It has failed; the report's code says how.
    Crashed = 4,
}

impl State {
    fn from_code(code: u32) -> Result<State, Lie> {
        match code {
            0 => Ok(State::Booting),
            1 => Ok(State::Booted),
            2 => Ok(State::Ready),
            3 => Ok(State::Stopping),
            4 => Ok(State::Crashed),
            n => Err(Lie::State(n)),
        }
    }
}

/// An address and the bits of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixed<A> {
    /// The address.
    pub address: A,
    /// Bits of the network.
    pub prefix: u8,
}

/// What a guest reports of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What it is doing.
    pub state: State,
    /// More about the state; why it crashed.
    pub code: u32,
    /// Its IPv4 address.
    pub ipv4: Option<Prefixed<Ipv4Addr>>,
    /// Its IPv6 address.
    pub ipv6: Option<Prefixed<Ipv6Addr>>,
}

/// The last request that a guest answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its number; 0 is none.
    pub sequence: u32,
    /// The answer.
    pub answer: Answer,
}

pub(crate) fn write_report<M: SharedMemory>(memory: &M, report: &Report) {
    let (v4, prefix4) = report.ipv4.map_or(([0; 4], 0), |a| (a.address.octets(), a.prefix));
    let (v6, prefix6) = report.ipv6.map_or(([0; 16], 0), |a| (a.address.octets(), a.prefix));
    memory.write(REPORT_IPV4, &v4);
    memory.write(REPORT_PREFIX4, &[prefix4, prefix6]);
    memory.write(REPORT_IPV6, &v6);
    memory.store(REPORT_CODE, report.code, Ordering::Relaxed);
    memory.store(REPORT_STATE, report.state as u32, Ordering::Release);
}

/// Reads every field once.
pub(crate) fn read_report<M: SharedMemory>(memory: &M) -> Result<Report, Lie> {
    let state = State::from_code(memory.load(REPORT_STATE, Ordering::Acquire))?;
    let code = memory.load(REPORT_CODE, Ordering::Relaxed);
    let (mut v4, mut prefixes, mut v6) = ([0; 4], [0; 2], [0; 16]);
    memory.read(REPORT_IPV4, &mut v4);
    memory.read(REPORT_PREFIX4, &mut prefixes);
    memory.read(REPORT_IPV6, &mut v6);
    let ipv4 = prefixed(Ipv4Addr::from(v4), prefixes[0], 32)?;
    let ipv6 = prefixed(Ipv6Addr::from(v6), prefixes[1], 128)?;
    Ok(Report {
        state,
        code,
        ipv4: ipv4.filter(|a| !a.address.is_unspecified()),
        ipv6: ipv6.filter(|a| !a.address.is_unspecified()),
    })
}

fn prefixed<A>(address: A, prefix: u8, bits: u8) -> Result<Option<Prefixed<A>>, Lie> {
    if prefix > bits { Err(Lie::Prefix(prefix)) } else { Ok(Some(Prefixed { address, prefix })) }
}

pub(crate) fn write_answer<M: SharedMemory>(memory: &M, sequence: u32, answer: Answer) {
    memory.store(REPORT_ANSWER, answer as u32, Ordering::Relaxed);
    memory.store(REPORT_ACKNOWLEDGED, sequence, Ordering::Release);
}

/// Reads both fields once. `asked` is the number of the last request.
pub(crate) fn read_answer<M: SharedMemory>(memory: &M, asked: u32) -> Result<Acknowledged, Lie> {
    let sequence = memory.load(REPORT_ACKNOWLEDGED, Ordering::Acquire);
    let answer = Answer::from_code(memory.load(REPORT_ANSWER, Ordering::Relaxed))?;
    // Numbers wrap; one in the upper half of the distance is in the future.
    if asked.wrapping_sub(sequence) > u32::MAX / 2 {
        return Err(Lie::Acknowledged(sequence));
    }
    Ok(Acknowledged { sequence, answer })
}
