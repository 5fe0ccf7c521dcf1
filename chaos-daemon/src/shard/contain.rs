//! A panic while a guest is served ends that guest's service and nothing else.
//!
//! Libraries read what guests write, and a shard serves many guests. Everything a shard
//! does with a guest passes [`Loop::attend`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::epoll::EpollEvent;

use super::guest::{Guest, bits};
use super::thread::Loop;
use super::tools::Tools;
use super::{Fault, GuestId};

/// Runs `work`; an error is what it said when it panicked.
///
/// What a shard shares between guests stays usable: the switch, the timers and the table
/// of ports change in single steps, each whole before the next thing that could panic.
/// A packet that was under way is lost, and its memory with it.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| said(&*payload))
}

/// A panic's message.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

impl Loop {
    /// Does something with a guest. `None`: it is not here, or serving it has panicked,
    /// now or earlier.
    pub(super) fn attend<T>(
        &mut self,
        id: GuestId,
        verb: impl FnOnce(&mut Guest, &mut Tools) -> T,
    ) -> Option<T> {
        let Loop { guests, tools, .. } = self;
        let guest = guests.get(id).filter(|guest| !guest.broken)?;
        match contained(|| verb(guest, tools)) {
            Ok(answer) => Some(answer),
            Err(panic) => {
                guest.break_off(panic, tools);
                None
            }
        }
    }

    /// Has the switch take what came in.
    pub(super) fn switch(&mut self, event: EpollEvent) {
        let Tools { fabric, now, .. } = &mut self.tools;
        if let Err(panic) = contained(|| fabric.take(event, *now)) {
            tracing::error!(panic, "the switch panicked over a packet, which is lost");
        }
    }
}

impl Guest {
    /// Serves the guest no longer: its devices are disconnected and say why.
    pub(super) fn break_off(&mut self, panic: String, tools: &mut Tools) {
        let domain = self.domain;
        tracing::error!(%domain, panic, "serving the guest panicked: its devices are disconnected");
        self.broken = true;
        let fault = Fault::Panic(panic);
        for slot in bits(u32::MAX) {
            if let Some(place) = &mut self.slots[usize::from(slot)] {
                // It may be as broken as the one that panicked.
                let _ = contained(|| place.disconnect(domain, tools));
                place.condemn(fault.clone());
            }
            self.tell_connected(slot);
        }
        self.unbind_all(tools);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_message() {
        assert_eq!(contained(|| 5), Ok(5));
        let number = 7;
        assert_eq!(contained(|| panic!("a number: {number}")), Err::<(), _>("a number: 7".into()));
        assert_eq!(contained(|| panic!("plain")), Err::<(), _>("plain".into()));
        let other = || std::panic::panic_any(5_u8);
        assert_eq!(contained(other), Err::<(), _>("no message".into()));
    }
}
