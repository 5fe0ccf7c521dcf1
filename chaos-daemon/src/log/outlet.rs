//! Where records go: syslog, a file of syslog lines, a file of JSON lines.

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use syslog_fmt::Severity;
use syslog_fmt::v5424::{Config, Timestamp};

use super::entry::Entry;
use super::options::{Facility, Target};
use crate::logfile::LogFile;

/// The structured data's name: 32473 is the number that RFC 5612 sets aside for examples,
/// as this project has none of its own.
const SD_ID: &str = "lightvm@32473";

/// Longest APP-NAME of RFC 5424.
const APP_NAME: usize = 48;

/// How long a receiver may take for one message.
const PATIENCE: Duration = Duration::from_secs(1);

/// One place where records go.
#[derive(Debug)]
pub enum Outlet {
    /// A receiver of syslog messages.
    Syslog {
        /// Which one.
        target: Target,
        /// The facility of messages.
        facility: Facility,
        /// This host's name.
        host: String,
        /// While it works.
        socket: Option<Socket>,
    },
    /// A file of syslog lines.
    Lines {
        /// The file.
        file: LogFile,
        /// The facility of messages.
        facility: Facility,
        /// This host's name.
        host: String,
    },
    /// A file of JSON lines.
    Json(LogFile),
}

/// A socket that is connected to a receiver.
#[derive(Debug)]
pub enum Socket {
    /// On this host.
    Unix(UnixDatagram),
    /// Anywhere.
    Udp(UdpSocket),
}

impl Outlet {
    /// Writes one record.
    ///
    /// # Errors
    /// Those of the file or socket; the record is lost there. A socket is opened again
    /// with the next one.
    pub fn put(&mut self, entry: &Entry) -> io::Result<()> {
        let mut bytes = self.format(entry)?;
        match self {
            Outlet::Json(file) | Outlet::Lines { file, .. } => {
                bytes.push(b'\n');
                file.append(&bytes)
            }
            Outlet::Syslog { target, socket, .. } => {
                let open = match socket.take() {
                    Some(open) => open,
                    None => Socket::connect(target)?,
                };
                open.send(&bytes)?;
                *socket = Some(open);
                Ok(())
            }
        }
    }

    /// A record as it is written there, without the end of a line.
    ///
    /// # Errors
    /// None that this could do anything about.
    pub fn format(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        match self {
            Outlet::Json(_) => Ok(serde_json::to_vec(entry)?),
            Outlet::Lines { facility, host, .. } | Outlet::Syslog { facility, host, .. } => {
                message(entry, *facility, host)
            }
        }
    }

    /// What is written there, for messages about it.
    pub fn name(&self) -> String {
        match self {
            Outlet::Syslog { target, .. } => target.to_string(),
            Outlet::Lines { file, .. } | Outlet::Json(file) => file.path().display().to_string(),
        }
    }
}

impl Socket {
    fn connect(target: &Target) -> io::Result<Socket> {
        match target {
            Target::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Socket::Unix(socket))
            }
            Target::Udp(host) => {
                // Any address of the receiver's own family will do.
                let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0"))?;
                if socket.connect(host.as_str()).is_err() {
                    let socket = UdpSocket::bind("0.0.0.0:0")?;
                    socket.connect(host.as_str())?;
                    return Ok(Socket::Udp(socket));
                }
                Ok(Socket::Udp(socket))
            }
        }
    }

    fn send(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Socket::Unix(socket) => socket.send(message).map(drop),
            Socket::Udp(socket) => socket.send(message).map(drop),
        }
    }
}

/// The record as RFC 5424 has it: the guest is the application, its UUID the process.
fn message(entry: &Entry, facility: Facility, host: &str) -> io::Result<Vec<u8>> {
    let (name, guest) = (app_name(&entry.name), entry.guest.to_string());
    let formatter = Config {
        facility: facility.into(),
        hostname: Some(host),
        app_name: Some(&name),
        proc_id: Some(&guest),
    }
    .into_formatter();
    let record = &entry.record;
    let (seq, time) = (record.seq.to_string(), record.time_ns.to_string());
    let data = [(SD_ID, [("seq", seq.as_str()), ("time_ns", time.as_str())])];
    let severity = Severity::try_from(record.severity).unwrap_or(Severity::Info);
    let mut message = Vec::with_capacity(record.text.len() + 160);
    formatter.write_with_data(
        &mut message,
        severity,
        Timestamp::CreateChronoLocal,
        record.text.as_str(),
        Some("noxs"),
        data,
    )?;
    Ok(message)
}

/// The name as an APP-NAME: printable ASCII without spaces, 48 characters at most.
fn app_name(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let name: String = name.chars().map(fit).take(APP_NAME).collect();
    if name.is_empty() { "-".into() } else { name }
}
