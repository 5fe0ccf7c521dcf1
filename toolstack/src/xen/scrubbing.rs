//! Whether the memory Xen hands out is cleared.
//!
//! Xen clears memory after its owner's death, and what it found at boot unless its
//! command line says otherwise (`bootscrub`, `docs/misc/xen-command-line.pandoc`).

use super::abi::{hypercall, version};
use super::{Call, Xen, XenError};

impl Xen {
    /// Asks for Xen's command line.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn command_line(&self) -> Result<String, XenError> {
        const CALL: Call = Call("XENVER_commandline");
        let mut buffer = self.buffer()?;
        let text = buffer.put(&version::CommandLine::default());
        let args = [version::XENVER_COMMANDLINE, buffer.address(text), 0, 0, 0];
        // SAFETY: the buffer holds an `xen_commandline_t` and outlives the call.
        unsafe { self.hypercall(CALL, None, hypercall::XEN_VERSION, args)? };
        let text: version::CommandLine = buffer.get(text);
        let end = text.0.iter().position(|&b| b == 0).unwrap_or(text.0.len());
        Ok(String::from_utf8_lossy(&text.0[..end]).into_owned())
    }

    /// False on a host that was told not to clear its memory at boot: what was there
    /// before is then found in memory that no domain has had yet.
    pub fn clears_memory(&self) -> bool {
        self.clears_memory
    }
}

/// What `command_line` says about clearing memory at boot; the last word counts.
pub(super) fn clears_memory(command_line: &str) -> bool {
    let said = command_line.split_ascii_whitespace().rev().find_map(|word| match word {
        "no-bootscrub" => Some(false),
        "bootscrub" => Some(true),
        _ => Some(
            !["0", "no", "off", "false", "disable"].contains(&word.strip_prefix("bootscrub=")?),
        ),
    });
    said.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::clears_memory;

    #[test]
    fn the_last_word_counts() {
        for (line, clears) in [
            ("", true),
            ("dom0_mem=1536M bootscrub_chunk=4M", true),
            ("bootscrub=no", false),
            ("bootscrub=0 com1=115200", false),
            ("no-bootscrub", false),
            ("bootscrub=no bootscrub=idle", true),
            ("bootscrub bootscrub=off", false),
        ] {
            assert_eq!(clears_memory(line), clears, "{line}");
        }
    }
}
