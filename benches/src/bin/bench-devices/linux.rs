//! Bulk TCP and disk requests of a Linux guest, by `bench-guest`'s commands.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::usage::Usage;

const PORT: u16 = 7000;
const MIB: u32 = 1 << 20;
const BOOT: Duration = Duration::from_secs(60);
const DEPTH: u32 = 32;

/// One thing measured: its name, its unit, how many units it is made of.
struct Work {
    figure: &'static str,
    command: Command,
    /// What the figure counts, a second.
    amount: f64,
    /// By how many things the CPU time is divided.
    things: u32,
}

enum Command {
    Sink(u64),
    Source(u64),
    Disk { how: &'static str, size: u32, count: u32, depth: u32 },
}

/// Waits for the guest, then measures everything.
pub(crate) fn run(address: Ipv4Addr, domain: u16, quick: bool) -> Result<Value, Box<dyn Error>> {
    let guest = Guest { address: (address, PORT).into() };
    guest.wait()?;
    guest.run(&Command::Sink(u64::from(MIB)))?;
    // Pages of the disk's file are there from now on.
    guest.run(&Command::Disk { how: "write sequential", size: MIB, count: 64, depth: 4 })?;
    let (mut figures, mut usage) = (Map::new(), Map::new());
    for work in works(if quick { 8 } else { 1 }) {
        let before = Usage::now(domain)?;
        let time = guest.run(&work.command)?;
        usage.insert(work.figure.to_owned(), before.since(domain, work.things)?);
        figures.insert(work.figure.to_owned(), json!(work.amount / time.as_secs_f64()));
    }
    Ok(json!({ "figures": figures, "each": usage }))
}

fn works(divisor: u32) -> Vec<Work> {
    let (mib, requests) = (64 / divisor, 4096 / divisor);
    let bytes = u64::from(mib * MIB);
    let tcp = |figure, command| {
        let amount = f64::from(mib) * f64::from(MIB) * 8.0 / 1e6;
        Work { figure, command, amount, things: mib }
    };
    let small = |figure, how, depth| {
        let command = Command::Disk { how, size: 4096, count: requests, depth };
        Work { figure, command, amount: f64::from(requests), things: requests }
    };
    let large = |figure, how| {
        let command = Command::Disk { how, size: MIB, count: mib, depth: 4 };
        Work { figure, command, amount: f64::from(mib) * f64::from(MIB) / 1e6, things: mib }
    };
    vec![
        tcp("tcp_mbps", Command::Sink(bytes)),
        tcp("tcp_from_guest_mbps", Command::Source(bytes)),
        small("blk4k_iops", "read random", DEPTH),
        small("blk4k_write_iops", "write random", DEPTH),
        small("blk4k_depth1_iops", "read random", 1),
        large("blk1m_mbps", "read sequential"),
        large("blk1m_write_mbps", "write sequential"),
    ]
}

/// A guest that runs `bench-guest`.
struct Guest {
    address: SocketAddr,
}

impl Guest {
    fn wait(&self) -> io::Result<()> {
        let end = Instant::now() + BOOT;
        loop {
            match TcpStream::connect_timeout(&self.address, Duration::from_millis(500)) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => sleep(Duration::from_millis(100)),
            }
        }
    }

    fn run(&self, command: &Command) -> io::Result<Duration> {
        match command {
            Command::Sink(bytes) => self.sink(*bytes),
            Command::Source(bytes) => self.source(*bytes),
            Command::Disk { how, size, count, depth } => {
                self.command(&format!("disk {how} {size} {count} {depth}"), |_| Ok(()))
            }
        }
    }

    /// Sends `bytes`; until the guest has read them all.
    fn sink(&self, bytes: u64) -> io::Result<Duration> {
        self.command(&format!("sink {bytes}"), |guest| {
            let data = vec![0; 256 << 10];
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left).unwrap_or(data.len()).min(data.len());
                guest.write_all(&data[..part])?;
                left -= part as u64;
            }
            Ok(())
        })
    }

    /// Receives `bytes`.
    fn source(&self, bytes: u64) -> io::Result<Duration> {
        self.command(&format!("source {bytes}"), |guest| {
            let mut data = vec![0; 256 << 10];
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left).unwrap_or(data.len()).min(data.len());
                match guest.read(&mut data[..part])? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => left -= n as u64,
                }
            }
            Ok(())
        })
    }

    /// From the command to the guest's `ok`, connected before.
    fn command(
        &self,
        line: &str,
        transfer: impl FnOnce(&mut TcpStream) -> io::Result<()>,
    ) -> io::Result<Duration> {
        let mut guest = TcpStream::connect(self.address)?;
        guest.set_nodelay(true)?;
        guest.set_read_timeout(Some(BOOT))?;
        let start = Instant::now();
        writeln!(guest, "{line}")?;
        transfer(&mut guest)?;
        let mut answer = String::new();
        guest.read_to_string(&mut answer)?;
        let time = start.elapsed();
        match answer.trim_end() {
            "ok" => Ok(time),
            other => Err(io::Error::other(format!("{line}: {other}"))),
        }
    }
}
