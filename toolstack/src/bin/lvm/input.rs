//! Standard input on its way to a guest's console.

use std::io::{self, Read};

use crate::failure::Failure;

/// Ctrl-], which leaves.
const ESCAPE: u8 = 0x1d;

/// Standard input on its way to the guest.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) waiting: Vec<u8>,
    pub(crate) ended: bool,
    pub(crate) left: bool,
}

impl Input {
    pub(crate) fn wants_more(&self) -> bool {
        !self.ended && !self.left && self.waiting.is_empty()
    }

    /// Reads what there is.
    pub(crate) fn fill(&mut self, terminal: bool) -> Result<(), Failure> {
        let mut chunk = [0; 1024];
        match io::stdin().lock().read(&mut chunk) {
            Ok(n) => self.take(&chunk[..n], terminal),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // The terminal was hung up.
            Err(_) if terminal => self.left = true,
            Err(e) => return Err(Failure::io("cannot read standard input")(e)),
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], terminal: bool) {
        if bytes.is_empty() {
            self.ended = true;
            self.left |= terminal;
        }
        let end = bytes.iter().position(|&b| terminal && b == ESCAPE);
        self.left |= end.is_some();
        self.waiting.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
    }

    /// Hands the guest what it has room for, with `write`.
    pub(crate) fn push(
        &mut self,
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> Result<(), Failure> {
        if !self.waiting.is_empty() {
            let n = write(&self.waiting).map_err(Failure::io("cannot write to the console"))?;
            self.waiting.drain(..n);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_bracket_leaves_a_terminal_and_passes_through_a_pipe() {
        let mut input = Input::default();
        input.take(b"ls\r\x1dmore", true);
        assert_eq!((input.waiting.as_slice(), input.left), (b"ls\r".as_slice(), true));
        let mut input = Input::default();
        input.take(b"a\x1db", false);
        assert_eq!((input.waiting.as_slice(), input.left), (b"a\x1db".as_slice(), false));
    }

    #[test]
    fn a_pipe_s_end_does_not_leave() {
        let mut input = Input::default();
        input.take(b"", false);
        assert!(input.ended && !input.left && !input.wants_more());
        let mut input = Input::default();
        input.take(b"", true);
        assert!(input.left);
    }
}
