//! Bulk TCP and disk requests of a Linux guest, by `bench-guest`'s commands.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PORT: u16 = 7000;
const MIB: u32 = 1 << 20;
const BOOT: Duration = Duration::from_secs(60);
const DEPTH: u32 = 32;

/// Waits for the guest, then measures everything.
pub(crate) fn run(address: Ipv4Addr, quick: bool) -> io::Result<Value> {
    let scale = |n: u32| if quick { n / 8 } else { n };
    let guest = Guest { address: (address, PORT).into() };
    guest.wait()?;
    guest.sink(u64::from(MIB))?;
    let bulk = u64::from(scale(64) * MIB);
    let (to_guest, from_guest) = (guest.sink(bulk)?, guest.source(bulk)?);
    let small = |how, depth| guest.disk(how, 4096, scale(4096), depth);
    let large = |how| guest.disk(how, MIB, scale(64), 4);
    large("write sequential")?;
    Ok(json!({
        "tcp_mbps": mbit_per_s(bulk, to_guest),
        "tcp_from_guest_mbps": mbit_per_s(bulk, from_guest),
        "blk4k_iops": per_s(scale(4096), small("read random", DEPTH)?),
        "blk4k_write_iops": per_s(scale(4096), small("write random", DEPTH)?),
        "blk4k_depth1_iops": per_s(scale(4096), small("read random", 1)?),
        "blk1m_mbps": per_s(scale(64), large("read sequential")?) * f64::from(MIB) / 1e6,
        "blk1m_write_mbps": per_s(scale(64), large("write sequential")?) * f64::from(MIB) / 1e6,
    }))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mbit_per_s(bytes: u64, time: Duration) -> f64 {
    bytes as f64 * 8.0 / 1e6 / time.as_secs_f64()
}

fn per_s(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
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

    fn disk(&self, how: &str, size: u32, count: u32, depth: u32) -> io::Result<Duration> {
        self.command(&format!("disk {how} {size} {count} {depth}"), |_| Ok(()))
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
