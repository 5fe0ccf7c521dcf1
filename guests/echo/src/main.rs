//! Sends back what it gets: TCP and UDP port 7 (RFC 862), and answers pings.
//!
//! Addresses come from the noxs page.

#![no_std]
#![no_main]

use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::{Socket, tcp, udp};
use xen_rt::pages::StaticPages;
use xen_rt::{BootInfo, Shutdown, StaticCell, entry};

entry!(main);
xen_rt::noxs_guest!();

const PORT: u16 = 7;
/// TCP connections served at a time, on each device.
const CONNECTIONS: usize = 8;
/// Bytes of each direction's buffer of a connection.
const BUFFER: usize = 16 << 10;
/// Datagrams that may wait.
const DATAGRAMS: usize = 8;
const DATAGRAM: usize = 2 << 10;

/// Devices served on at a time.
const DEVICES: usize = 2;

static PAGES: [StaticPages<112>; DEVICES] = [const { StaticPages::new() }; DEVICES];
static SOCKETS: [StaticCell<Sockets>; DEVICES] =
    [const { StaticCell::new(Sockets::new()) }; DEVICES];
static BUFFERS: [StaticCell<Buffers>; DEVICES] =
    [const { StaticCell::new(Buffers::new()) }; DEVICES];

struct Sockets {
    all: [SocketStorage<'static>; CONNECTIONS + 1],
    metadata: [[udp::PacketMetadata; DATAGRAMS]; 2],
}

impl Sockets {
    const fn new() -> Self {
        Self {
            all: [SocketStorage::EMPTY; CONNECTIONS + 1],
            metadata: [[udp::PacketMetadata::EMPTY; DATAGRAMS]; 2],
        }
    }

    fn set(&'static mut self, buffers: &'static mut Buffers) -> SocketSet<'static> {
        let mut sockets = SocketSet::new(&mut self.all[..]);
        for [rx, tx] in &mut buffers.streams {
            sockets.add(stream(rx, tx));
        }
        sockets.add(datagrams(&mut self.metadata, &mut buffers.datagrams));
        sockets
    }
}

/// Apart from the rest, so that the image has no room for so many zeros.
struct Buffers {
    streams: [[[u8; BUFFER]; 2]; CONNECTIONS],
    datagrams: [[u8; DATAGRAMS * DATAGRAM]; 2],
}

impl Buffers {
    const fn new() -> Self {
        Self { streams: [[[0; BUFFER]; 2]; CONNECTIONS], datagrams: [[0; DATAGRAMS * DATAGRAM]; 2] }
    }
}

fn main(boot: BootInfo) -> Shutdown {
    let pages = PAGES.each_ref().map(|pages| pages.take().expect("main runs once"));
    let sockets = || {
        core::array::from_fn(|device| {
            let buffers = BUFFERS[device].take().expect("main runs once");
            SOCKETS[device].take().expect("main runs once").set(buffers)
        })
    };
    ip::run(boot, "echo", pages, sockets, serve)
}

fn stream(rx: &'static mut [u8], tx: &'static mut [u8]) -> tcp::Socket<'static> {
    let mut socket = tcp::Socket::new(tcp::SocketBuffer::new(rx), tcp::SocketBuffer::new(tx));
    // Echoes go out at once, as the other side waits for them.
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

fn datagrams(
    metadata: &'static mut [[udp::PacketMetadata; DATAGRAMS]; 2],
    bytes: &'static mut [[u8; DATAGRAMS * DATAGRAM]; 2],
) -> udp::Socket<'static> {
    let [rx_metadata, tx_metadata] = metadata;
    let [rx, tx] = bytes;
    let buffer = |metadata: &'static mut [_], bytes: &'static mut [u8]| {
        udp::PacketBuffer::new(metadata, bytes)
    };
    let mut socket = udp::Socket::new(buffer(rx_metadata, rx), buffer(tx_metadata, tx));
    // Fails for port 0 and for a socket that is bound already.
    let _ = socket.bind(PORT);
    socket
}

/// Moves what came in to what goes out. Whether anything was there to move.
fn serve(sockets: &mut SocketSet<'_>) -> bool {
    let mut moved = false;
    for (_, socket) in sockets.iter_mut() {
        moved |= match socket {
            Socket::Tcp(socket) => serve_stream(socket),
            Socket::Udp(socket) => serve_datagrams(socket),
        };
    }
    moved
}

fn serve_stream(socket: &mut tcp::Socket<'_>) -> bool {
    if !socket.is_open() {
        // Fails for port 0 and for a socket that is open.
        let _ = socket.listen(PORT);
        return true;
    }
    let mut moved = false;
    while socket.can_recv() && socket.can_send() && echo(socket) > 0 {
        moved = true;
    }
    if !socket.may_recv() && socket.may_send() && !socket.can_recv() {
        socket.close();
        moved = true;
    }
    moved
}

/// Moves bytes of a stream, a piece at a time; returns how many.
#[inline(never)]
fn echo(socket: &mut tcp::Socket<'_>) -> usize {
    let mut piece = [0; 1460];
    let most = (socket.send_capacity() - socket.send_queue()).min(piece.len());
    let length = socket.recv_slice(&mut piece[..most]).unwrap_or(0);
    socket.send_slice(&piece[..length]).unwrap_or(0)
}

fn serve_datagrams(socket: &mut udp::Socket<'_>) -> bool {
    let mut moved = false;
    while socket.can_recv() && socket.can_send() {
        return_datagram(socket);
        moved = true;
    }
    moved
}

/// Apart from the loop around it, so that its buffer is cleared for a datagram only.
#[inline(never)]
fn return_datagram(socket: &mut udp::Socket<'_>) {
    let mut piece = [0; DATAGRAM];
    if let Ok((length, from)) = socket.recv_slice(&mut piece) {
        // A datagram that does not fit is lost, as datagrams may be.
        let _ = socket.send_slice(&piece[..length], from.endpoint);
    }
}
