//! The benchmarks' other end in a Linux guest: takes one command a connection on TCP port 7000,
//! does it, answers `ok` or why not. `benches/guest/init` starts it.

mod command;
mod disk;
mod transfer;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use command::Command;

const PORT: u16 = 7000;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT))?;
    println!("bench guest ready");
    for connection in listener.incoming() {
        if let Err(error) = connection.and_then(serve) {
            eprintln!("bench guest: {error}");
        }
    }
    Ok(())
}

fn serve(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64, connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let done = match line.parse::<Command>() {
        Ok(Command::Sink(bytes)) => transfer::sink(&mut reader, bytes),
        Ok(Command::Source(bytes)) => transfer::source(&mut connection, bytes),
        Ok(Command::Disk(job)) => disk::run(&job),
        Err(error) => Err(io::Error::other(error)),
    };
    match done {
        Ok(()) => connection.write_all(b"ok\n"),
        Err(error) => writeln!(connection, "{error}"),
    }
}
