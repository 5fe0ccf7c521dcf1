//! Tells the time of day to whoever connects to TCP port 13 (RFC 867).
//!
//! Addresses come from the noxs page, the time from Xen's wall clock.

#![no_std]
#![no_main]

use core::fmt::Write;
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::{Socket, tcp};
use xen_rt::calendar::Date;
use xen_rt::pages::StaticPages;
use xen_rt::{BootInfo, Clock, Shutdown, StaticCell, entry};

entry!(main);
xen_rt::noxs_guest!();

const PORT: u16 = 13;
/// Connections served at a time, on each device.
const CONNECTIONS: usize = 8;
/// Nobody has to say anything to this server, and it says little.
const RECEIVE: usize = 64;
const SEND: usize = 128;

/// Devices served on at a time.
const DEVICES: usize = 2;

static PAGES: [StaticPages<48>; DEVICES] = [const { StaticPages::new() }; DEVICES];
static MEMORY: [StaticCell<Memory>; DEVICES] = [const { StaticCell::new(Memory::new()) }; DEVICES];

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

    fn set(&'static mut self) -> SocketSet<'static> {
        let mut sockets = SocketSet::new(&mut self.sockets[..]);
        for (receive, send) in self.receive.iter_mut().zip(&mut self.send) {
            let (receive, send) = (&mut receive[..], &mut send[..]);
            let buffers = (tcp::SocketBuffer::new(receive), tcp::SocketBuffer::new(send));
            sockets.add(tcp::Socket::new(buffers.0, buffers.1));
        }
        sockets
    }
}

fn main(boot: BootInfo) -> Shutdown {
    let clock = Clock::new(boot);
    let pages = PAGES.each_ref().map(|pages| pages.take().expect("main runs once"));
    let sockets = || MEMORY.each_ref().map(|memory| memory.take().expect("main runs once").set());
    ip::run(boot, "daytime", pages, sockets, |sockets| serve(sockets, clock))
}

/// Says the time where somebody came. Whether there was anything to do.
fn serve(sockets: &mut SocketSet<'_>, clock: Clock) -> bool {
    let mut worked = false;
    for (_, socket) in sockets.iter_mut() {
        let Socket::Tcp(socket) = socket else { continue };
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
