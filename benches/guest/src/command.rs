//! The commands, one a line:
//!
//! ```text
//! sink BYTES                                  reads that much from the connection
//! source BYTES                                writes that much to it
//! disk read|write random|sequential SIZE COUNT DEPTH
//! ```

use std::str::{FromStr, SplitWhitespace};

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Receive this many bytes.
    Sink(u64),
    /// Send this many bytes.
    Source(u64),
    /// Work on `/dev/xvda`.
    Disk(Job),
}

/// `count` requests of `size` bytes, `depth` of them under way at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) write: bool,
    pub(crate) random: bool,
    pub(crate) size: u32,
    pub(crate) count: u32,
    pub(crate) depth: u32,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("sink") => Ok(Self::Sink(number(&mut words)?)),
            Some("source") => Ok(Self::Source(number(&mut words)?)),
            Some("disk") => Ok(Self::Disk(Job {
                write: one_of(&mut words, "write", "read")?,
                random: one_of(&mut words, "random", "sequential")?,
                size: number(&mut words)?,
                count: number(&mut words)?,
                depth: number(&mut words)?,
            })),
            _ => Err(format!("no such command: {}", line.trim_end())),
        }
    }
}

fn number<T: FromStr>(words: &mut SplitWhitespace) -> Result<T, String> {
    words.next().and_then(|word| word.parse().ok()).ok_or_else(|| "a number is missing".to_owned())
}

fn one_of(words: &mut SplitWhitespace, yes: &str, no: &str) -> Result<bool, String> {
    match words.next() {
        Some(word) if word == yes => Ok(true),
        Some(word) if word == no => Ok(false),
        _ => Err(format!("{yes} or {no} is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command() {
        assert_eq!("sink 12\n".parse(), Ok(Command::Sink(12)));
        assert_eq!("source 3\n".parse(), Ok(Command::Source(3)));
        let job = Job { write: false, random: true, size: 4096, count: 100, depth: 8 };
        assert_eq!("disk read random 4096 100 8".parse(), Ok(Command::Disk(job)));
    }

    #[test]
    fn wrong_ones_say_why() {
        for (line, says) in [("", "no such"), ("sink", "number"), ("disk read fast", "sequential")]
        {
            assert!(line.parse::<Command>().unwrap_err().contains(says), "{line}");
        }
    }
}
