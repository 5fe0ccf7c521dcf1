//! What every server does: start, say so, end when asked to.

use crate::Stack;
use core::fmt::Write;
use smoltcp::iface::SocketSet;
use smoltcp::wire::Ipv4Address;
use xen_rt::channel::NoChannel;
use xen_rt::net::Net;
use xen_rt::noxs::control::{Answer, Report, Request, State};
use xen_rt::noxs::device::NetConfig;
use xen_rt::noxs::log::Severity;
use xen_rt::pages::Pages;
use xen_rt::{BootInfo, Channel, Clock, Console, Shutdown};

/// A guest that serves on the network.
pub struct Guest {
    name: &'static str,
    channel: Channel,
    stack: Stack,
}

/// Starts the network of the guest called `name`, with `pages` for packets. Its first packet
/// has left when this returns.
///
/// # Errors
/// How the guest is to end where there is no network; the console says why.
pub fn start(boot: BootInfo, name: &'static str, pages: Pages) -> Result<Guest, Shutdown> {
    let channel = Channel::open(boot).map_err(|error| {
        say(boot, format_args!("{name}: {error}"));
        if error == NoChannel::Absent { Shutdown::PowerOff } else { Shutdown::Crash }
    })?;
    let net = channel.grants().and_then(|mut grants| Net::open(channel, &mut grants, pages));
    let Some(net) = net else {
        say(boot, format_args!("{name}: this guest was given no net device"));
        return Err(Shutdown::PowerOff);
    };
    let stack = Stack::new(channel, net, Clock::new(boot));
    Ok(Guest { name, channel, stack })
}

fn say(boot: BootInfo, text: core::fmt::Arguments<'_>) {
    if let Some(mut console) = Console::open(boot) {
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(console, "{text}");
    }
}

impl Guest {
    /// Tells everybody that the guest serves.
    pub fn ready(&self) {
        let NetConfig { ipv4, ipv6, .. } = self.stack.addresses();
        self.channel.report(&Report { state: State::Ready, code: 0, ipv4, ipv6 });
        let address = ipv4.map_or(Ipv4Address::UNSPECIFIED, |ipv4| ipv4.address);
        let name = self.name;
        self.channel.log(Severity::Notice, format_args!("{name} is up, my address is {address}"));
        say(self.channel.boot(), format_args!("{name}: ready, {address}"));
    }

    /// Moves packets between the device and `sockets` until there are none left to move.
    pub fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        self.stack.poll(sockets);
    }

    /// Sleeps until there is something to do.
    pub fn sleep(&mut self, sockets: &SocketSet<'_>) {
        self.stack.sleep(sockets);
    }

    /// Answers what the host asks for; how to end when that is what it asks.
    #[must_use]
    pub fn asked_to_end(&self) -> Option<Shutdown> {
        let asked = self.channel.asked()?;
        let (answer, end) = match asked.request {
            Some(Request::Poweroff) => (Answer::Ok, Some(Shutdown::PowerOff)),
            Some(Request::Reboot) => (Answer::Ok, Some(Shutdown::Reboot)),
            Some(Request::TableChanged) => (Answer::Ok, None),
            _ => (Answer::NotSupported, None),
        };
        self.channel.answer(asked, answer);
        if end.is_some() {
            self.channel.log(Severity::Notice, format_args!("{} ends as asked", self.name));
            self.channel.report(&Report { state: State::Stopping, ..Report::default() });
        }
        end
    }
}
