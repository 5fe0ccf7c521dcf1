//! What every server does: start, say so, serve on every device there is, end when asked to.

use crate::Due;
use crate::seat::{Change, Seat};
use core::fmt::{self, Write};
use smoltcp::iface::SocketSet;
use smoltcp::wire::Ipv4Address;
use xen_rt::channel::NoChannel;
use xen_rt::grant::Grants;
use xen_rt::net::Buffers;
use xen_rt::noxs::control::{Report, State};
use xen_rt::noxs::log::Severity;
use xen_rt::pages::Pages;
use xen_rt::{BootInfo, Channel, Clock, Console, Shutdown};

/// A guest that serves on at most `N` devices at a time.
struct Guest<const N: usize> {
    name: &'static str,
    channel: Channel,
    grants: Grants,
    clock: Clock,
    seats: [Seat; N],
}

/// Runs the guest called `name` until it is asked to end: `serve` does what there is to do on
/// the sockets of one device, and says whether that was anything. `pages` are for packets, and
/// `sockets` for serving, of one device each. The first packet has left before `sockets` is
/// asked for any.
pub fn run<const N: usize>(
    boot: BootInfo,
    name: &'static str,
    pages: [Pages; N],
    sockets: impl FnOnce() -> [SocketSet<'static>; N],
    mut serve: impl FnMut(&mut SocketSet<'static>) -> bool,
) -> Shutdown {
    let mut guest = match start(boot, name, pages) {
        Ok(guest) => guest,
        Err(end) => return end,
    };
    let mut sockets = sockets();
    // A socket listens from its first service on.
    sockets.iter_mut().for_each(|set| while serve(set) {});
    guest.ready();
    loop {
        if guest.serve(&mut sockets, &mut serve) {
            continue;
        }
        if let Some(end) = guest.asked_to_end() {
            return end;
        }
        if !guest.look(&mut sockets) {
            guest.sleep(&sockets);
        }
    }
}

/// Brings up the devices there are.
fn start<const N: usize>(
    boot: BootInfo,
    name: &'static str,
    pages: [Pages; N],
) -> Result<Guest<N>, Shutdown> {
    let channel = Channel::open(boot).map_err(|error| {
        say(boot, format_args!("{name}: {error}"));
        if error == NoChannel::Absent { Shutdown::PowerOff } else { Shutdown::Crash }
    })?;
    let (clock, mut up) = (Clock::new(boot), false);
    let grants = channel.grants();
    let guest = grants.map(|mut grants| {
        let seats = pages.map(|pages| {
            let mut seat = Seat::Free(Buffers::new(pages));
            up |= seat.look(channel, &mut grants, clock, None) != Change::Nothing;
            seat
        });
        Guest { name, channel, grants, clock, seats }
    });
    guest.filter(|_| up).ok_or_else(|| {
        say(boot, format_args!("{name}: this guest was given no net device"));
        Shutdown::PowerOff
    })
}

fn say(boot: BootInfo, text: fmt::Arguments<'_>) {
    if let Some(mut console) = Console::open(boot) {
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(console, "{text}");
    }
}

impl<const N: usize> Guest<N> {
    /// Tells everybody that the guest serves.
    fn ready(&mut self) {
        let address = self.report();
        let name = self.name;
        self.channel.log(Severity::Notice, format_args!("{name} is up, my address is {address}"));
        say(self.channel.boot(), format_args!("{name}: ready, {address}"));
    }

    /// Reports the addresses of the first device; the IPv4 address among them.
    fn report(&mut self) -> Ipv4Address {
        let stack = self.seats.iter_mut().find_map(Seat::stack);
        let (ipv4, ipv6) = stack.map_or((None, None), |stack| {
            let addresses = stack.addresses();
            (addresses.ipv4, addresses.ipv6)
        });
        self.channel.report(&Report { state: State::Ready, code: 0, ipv4, ipv6 });
        ipv4.map_or(Ipv4Address::UNSPECIFIED, |ipv4| ipv4.address)
    }

    /// Moves packets and serves, on every device; whether there was anything to serve.
    fn serve(
        &mut self,
        sockets: &mut [SocketSet<'static>; N],
        serve: &mut impl FnMut(&mut SocketSet<'static>) -> bool,
    ) -> bool {
        let clock = self.clock;
        let mut served = false;
        for (seat, sockets) in self.seats.iter_mut().zip(sockets) {
            if let Some(stack) = seat.stack() {
                stack.poll(clock, sockets);
                served |= serve(sockets);
            }
        }
        served
    }

    /// Looks for devices that come and go, if there are any; whether there were.
    fn look(&mut self, sockets: &mut [SocketSet<'static>; N]) -> bool {
        let mut changed = false;
        // What has gone may have left room for what has come.
        while (changed || self.channel.table_changed()) && self.look_once(sockets) {
            changed = true;
        }
        if changed {
            self.report();
        }
        changed
    }

    fn look_once(&mut self, sockets: &mut [SocketSet<'static>; N]) -> bool {
        let mut changed = false;
        for (seat, sockets) in self.seats.iter_mut().zip(sockets) {
            let change = seat.look(self.channel, &mut self.grants, self.clock, Some(sockets));
            let (name, log) = (self.name, Severity::Notice);
            match change {
                Change::Nothing => continue,
                Change::Came(n) => {
                    self.channel.log(log, format_args!("{name} uses net device {n}"))
                }
                Change::Went(n) => {
                    self.channel.log(log, format_args!("{name} left net device {n}"))
                }
            }
            changed = true;
        }
        changed
    }

    /// Sleeps until there is something to do.
    fn sleep(&mut self, sockets: &[SocketSet<'static>; N]) {
        let now = self.clock.now();
        let mut until = None;
        for (seat, sockets) in self.seats.iter_mut().zip(sockets) {
            match seat.stack().map(|stack| stack.due(now, sockets)) {
                Some(Due::Now) => return,
                Some(Due::At(time)) => {
                    until = Some(until.map_or(time, |until: u64| until.min(time)))
                }
                Some(Due::Rung) | None => {}
            }
        }
        let stacks = self.seats.iter_mut().filter_map(Seat::stack);
        // All of them, whatever the first says: the host is to tell of each.
        let ready = || stacks.fold(false, |work, stack| stack.has_work() | work);
        self.channel.sleep(until, ready);
    }

    /// How to end, when the host asks for it.
    fn asked_to_end(&self) -> Option<Shutdown> {
        let end = self.channel.asked_to_end()?;
        self.channel.log(Severity::Notice, format_args!("{} ends as asked", self.name));
        self.channel.report(&Report { state: State::Stopping, ..Report::default() });
        Some(end)
    }
}
