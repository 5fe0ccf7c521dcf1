//! Tells the time of day to whoever connects to TCP port 13 (RFC 867).
//!
//! Addresses come from the noxs page, the time from Xen's wall clock.

#![no_std]
#![no_main]

use core::fmt::Write;
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use xen_rt::calendar::Date;
use xen_rt::pages::StaticPages;
use xen_rt::{BootInfo, Clock, Shutdown, StaticCell, entry};

entry!(main);
xen_rt::noxs_guest!();

const PORT: u16 = 13;
/// Connections served at a time.
const CONNECTIONS: usize = 8;
/// Nobody has to say anything to this server, and it says little.
const RECEIVE: usize = 64;
const SEND: usize = 128;

static PAGES: StaticPages<48> = StaticPages::new();
static MEMORY: StaticCell<Memory> = StaticCell::new(Memory::new());

struct Memory {
    sockets: [SocketStorage<'static>; CONNECTIONS],
    receive: [[u8; RECEIVE]; CONNECTIONS],
    send: [[u8; SEND]; CONNECTIONS],
}

impl Memory {
    const fn new() -> Self {
        Self {
            sockets: [SocketStorage::EMPTY; CONNECTIONS],
            receive: [[0; RECEIVE]; CONNECTIONS],
            send: [[0; SEND]; CONNECTIONS],
        }
    }
}

fn main(boot: BootInfo) -> Shutdown {
    let pages = PAGES.take().expect("main runs once");
    let mut guest = match ip::start(boot, "daytime", pages) {
        Ok(guest) => guest,
        Err(end) => return end,
    };
    let clock = Clock::new(boot);
    let memory = MEMORY.take().expect("main runs once");
    let Memory { sockets, receive, send } = memory;
    let mut sockets = SocketSet::new(&mut sockets[..]);
    let mut buffers = receive.iter_mut().zip(send);
    let handles = [(); CONNECTIONS].map(|()| {
        let (receive, send) = buffers.next().expect("as many as sockets");
        sockets.add(connection(receive, send))
    });
    guest.ready();
    loop {
        guest.poll(&mut sockets);
        if serve(&mut sockets, &handles, clock) {
            continue;
        }
        if let Some(end) = guest.asked_to_end() {
            return end;
        }
        guest.sleep(&sockets);
    }
}

fn connection(receive: &'static mut [u8], send: &'static mut [u8]) -> tcp::Socket<'static> {
    tcp::Socket::new(tcp::SocketBuffer::new(receive), tcp::SocketBuffer::new(send))
}

/// Says the time where somebody came. Whether there was anything to do.
fn serve(sockets: &mut SocketSet<'_>, handles: &[SocketHandle], clock: Clock) -> bool {
    let mut worked = false;
    for &handle in handles {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if !socket.is_open() {
            // Fails for port 0 and for a socket that is open.
            let _ = socket.listen(PORT);
            worked = true;
        } else if socket.may_send() && socket.state() == tcp::State::Established {
            tell(socket, clock);
            socket.close();
            worked = true;
        }
    }
    worked
}

fn tell(socket: &mut tcp::Socket<'_>, clock: Clock) {
    // A fresh connection's buffer has room for a line.
    let _ = match clock.time_of_day() {
        Some(seconds) => write!(socket, "{} UTC\r\n", Date::new(seconds)),
        None => socket.write_str("the time of day is not known\r\n"),
    };
}
