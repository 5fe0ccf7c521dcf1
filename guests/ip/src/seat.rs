//! The place of a device that may come and go.

use crate::Stack;
use smoltcp::iface::SocketSet;
use smoltcp::socket::Socket;
use xen_rt::grant::Grants;
use xen_rt::net::{Buffers, Closing, Net};
use xen_rt::{Channel, Clock};

/// A device in use, or room for one.
#[expect(clippy::large_enum_variant, reason = "there is no heap")]
pub(crate) enum Seat {
    /// Nobody sits here.
    Free(Buffers),
    /// A device is used.
    Taken(Stack),
    /// The host has not let go yet of a device that was closed.
    Left(Closing),
    /// Its buffers are gone for good.
    Broken,
}

/// What has become of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// A device has come: its number.
    Came(u8),
    /// A device has gone: its number.
    Went(u8),
}

impl Seat {
    pub(crate) fn stack(&mut self) -> Option<&mut Stack> {
        match self {
            Self::Taken(stack) => Some(stack),
            _ => None,
        }
    }

    /// Does what the device table has for this seat: closes a device that is leaving, takes
    /// back the buffers of one that has left, uses one that nobody uses.
    pub(crate) fn look(
        &mut self,
        channel: Channel,
        grants: &mut Grants,
        clock: Clock,
        sockets: Option<&mut SocketSet<'_>>,
    ) -> Change {
        let (seat, change) = match core::mem::replace(self, Self::Broken) {
            Self::Taken(stack) if stack.is_leaving() => {
                sockets.into_iter().for_each(abort);
                let went = Change::Went(stack.index());
                (Self::Left(stack.close()), went)
            }
            Self::Left(closing) => match closing.end(grants) {
                Ok(Some(buffers)) => Self::use_next(channel, grants, clock, buffers),
                Ok(None) => (Self::Broken, Change::Nothing),
                Err(closing) => (Self::Left(closing), Change::Nothing),
            },
            Self::Free(buffers) => Self::use_next(channel, grants, clock, buffers),
            seat => (seat, Change::Nothing),
        };
        *self = seat;
        change
    }

    fn use_next(
        channel: Channel,
        grants: &mut Grants,
        clock: Clock,
        buffers: Buffers,
    ) -> (Self, Change) {
        let mut buffers = Some(buffers);
        match (Net::open(channel, grants, &mut buffers), buffers) {
            (Some(net), _) => {
                let stack = Stack::new(net, clock);
                let came = Change::Came(stack.index());
                (Self::Taken(stack), came)
            }
            (None, Some(buffers)) => (Self::Free(buffers), Change::Nothing),
            (None, None) => (Self::Broken, Change::Nothing),
        }
    }
}

/// Ends all connections: there is nothing left to tell the other sides with.
fn abort(sockets: &mut SocketSet<'_>) {
    for (_, socket) in sockets.iter_mut() {
        if let Socket::Tcp(socket) = socket {
            socket.abort();
        }
    }
}
