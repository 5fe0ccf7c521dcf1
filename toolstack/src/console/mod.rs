//! The PV console: the host's end of a guest's console ring.

mod ring;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crate::build::ConsoleRing;
use crate::xen::{DomId, EventChannels, Port, Xen, XenError};
use ring::Ring;

/// An attachment to a guest's console; detaches when dropped. One at a time.
///
/// The file descriptor is readable when the guest has written or read something:
/// call [`Console::acknowledge`], then [`Console::read`] until it answers 0.
#[derive(Debug)]
pub struct Console {
    ring: Ring,
    channels: EventChannels,
    port: Port,
}

impl Console {
    pub(crate) fn attach(
        xen: &Arc<Xen>,
        domid: DomId,
        place: ConsoleRing,
    ) -> Result<Console, XenError> {
        let mapping = xen.map(domid, &[place.frame])?;
        let channels = xen.event_channels()?;
        let port = xen.bind_interdomain(&channels, domid, place.port)?;
        Ok(Console { ring: Ring::new(mapping), channels, port })
    }

    /// Moves what the guest has written to `out`; answers the bytes moved, 0 when
    /// there are none. Never blocks.
    ///
    /// # Errors
    /// When the guest cannot be told that there is room again.
    pub fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.ring.take_output(out);
        if n > 0 {
            self.channels.notify(self.port)?;
        }
        Ok(n)
    }

    /// Moves as much of `bytes` to the guest as there is room for; answers how much.
    /// Never blocks.
    ///
    /// # Errors
    /// When the guest cannot be told.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.ring.put_input(bytes);
        if n > 0 {
            self.channels.notify(self.port)?;
        }
        Ok(n)
    }

    /// Takes pending events, so that the file descriptor waits for the next.
    ///
    /// # Errors
    /// Those of `/dev/xen/evtchn`.
    pub fn acknowledge(&self) -> io::Result<()> {
        while let Some(port) = self.channels.pending()? {
            self.channels.unmask(port)?;
        }
        Ok(())
    }
}

impl AsFd for Console {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channels.as_fd()
    }
}
