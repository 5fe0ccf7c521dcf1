//! Time since Xen booted and time of day, read without a call from the shared info page.
//!
//! Layouts: `struct vcpu_time_info` in `vcpu_info`, and the wall clock behind the event
//! channels' bits (Xen `public/xen.h`). Xen makes a version odd while it writes.

use crate::hvm;
use crate::info::{BootInfo, Flavour};
use crate::shared::SharedPage;
use crate::shared_info;
use core::arch::x86_64::_rdtsc;

/// `vcpu_time_info` of the first vCPU, at the end of its `vcpu_info`.
const TIME: usize = 32;
const TSC_TIMESTAMP: usize = TIME + 8;
const SYSTEM_TIME: usize = TIME + 16;
const MULTIPLIER: usize = TIME + 24;
const SHIFT: usize = TIME + 28;

const WALL_VERSION: usize = 3072;
const WALL_SECONDS: usize = 3076;
const WALL_NANOSECONDS: usize = 3080;
const WALL_SECONDS_HIGH: usize = 3084;

const NANOSECONDS: u64 = 1_000_000_000;

/// Xen's clocks, as this guest reads them.
#[derive(Clone, Copy)]
pub struct Clock {
    boot: BootInfo,
}

/// How time stamp counter values become system time, from one consistent reading.
#[derive(Clone, Copy, Debug)]
struct Scale {
    counter: u64,
    system_time: u64,
    multiplier: u32,
    shift: i8,
}

impl Clock {
    /// The clocks of the running guest.
    #[must_use]
    pub fn new(boot: BootInfo) -> Self {
        Self { boot }
    }

    /// Nanoseconds since Xen booted: never goes back, and what
    /// [`event::wait_until`](crate::event::wait_until) takes.
    #[must_use]
    pub fn now(self) -> u64 {
        let page = shared_info::page(self.boot);
        // SAFETY: every x86-64 processor has the instruction, and Xen lets guests use it.
        consistent(&page, TIME, |page| scale(page).at(unsafe { _rdtsc() }))
    }

    /// Seconds since the start of 1970, UTC; `None` where Xen does not know.
    #[must_use]
    pub fn time_of_day(self) -> Option<u64> {
        let page = shared_info::page(self.boot);
        if page.load(WALL_VERSION) == 0 && self.boot.flavour() == Flavour::Pvh {
            // Xen writes the wall clock when a guest first shows whether it runs in
            // 64-bit mode, which this call does.
            hvm::show_mode();
        }
        let start = consistent(&page, WALL_VERSION, wall_start);
        (start >= NANOSECONDS).then(|| start.saturating_add(self.now()) / NANOSECONDS)
    }
}

/// Time of day in nanoseconds at the moment system time was zero.
fn wall_start(page: &SharedPage) -> u64 {
    let low = page.load(WALL_SECONDS);
    let seconds = u64::from(page.load(WALL_SECONDS_HIGH)) << 32 | u64::from(low);
    let nanoseconds = u64::from(page.load(WALL_NANOSECONDS));
    seconds.saturating_mul(NANOSECONDS).saturating_add(nanoseconds)
}

/// Reads again until no change of the version at `version` fell between.
fn consistent<T>(page: &SharedPage, version: usize, read: impl Fn(&SharedPage) -> T) -> T {
    loop {
        let before = page.load(version);
        let value = read(page);
        if before & 1 == 0 && page.load(version) == before {
            return value;
        }
        core::hint::spin_loop();
    }
}

fn scale(page: &SharedPage) -> Scale {
    let wide = |at| u64::from(page.load(at + 4)) << 32 | u64::from(page.load(at));
    Scale {
        counter: wide(TSC_TIMESTAMP),
        system_time: wide(SYSTEM_TIME),
        multiplier: page.load(MULTIPLIER),
        shift: page.load(SHIFT).to_le_bytes()[0].cast_signed(),
    }
}

impl Scale {
    /// System time when the counter stands at `counter`. The stamp of a young guest is from
    /// before its counter was zero: a negative number.
    fn at(self, counter: u64) -> u64 {
        let passed = counter.wrapping_sub(self.counter).cast_signed().max(0).cast_unsigned();
        let shifted = match self.shift {
            left @ 0.. => passed.wrapping_shl(u32::from(left.unsigned_abs())),
            right => passed.wrapping_shr(u32::from(right.unsigned_abs())),
        };
        let product = u128::from(shifted) * u128::from(self.multiplier);
        self.system_time.wrapping_add(u64::try_from(product >> 32).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_nanoseconds() {
        // 2 GHz: half a nanosecond for each tick.
        let scale = Scale { counter: 1000, system_time: 7, multiplier: 1 << 31, shift: 0 };
        assert_eq!(scale.at(1000), 7);
        assert_eq!(scale.at(3000), 1007);
        assert_eq!(Scale { shift: -1, ..scale }.at(3000), 507);
        assert_eq!(Scale { shift: 1, ..scale }.at(3000), 2007);
    }

    #[test]
    fn time_passes_in_a_guest_younger_than_its_stamp() {
        let before = 0_u64.wrapping_sub(1000);
        let scale = Scale { counter: before, system_time: 7, multiplier: 1 << 31, shift: 0 };
        assert_eq!(scale.at(0), 507);
        assert_eq!(scale.at(3000), 2007);
    }

    #[test]
    fn a_counter_behind_its_stamp_is_the_stamp() {
        let scale = Scale { counter: 1000, system_time: 7, multiplier: u32::MAX, shift: 0 };
        assert_eq!(scale.at(999), 7);
    }
}
