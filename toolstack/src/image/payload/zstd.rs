//! One Zstandard frame (RFC 8878), its checksum verified.

use std::io::{self, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::image::MAX_WINDOW;

/// Decodes the first frame of its input and ignores what follows.
pub(super) struct ZstdReader<'a> {
    decoder: StreamingDecoder<&'a [u8], FrameDecoder>,
}

impl<'a> ZstdReader<'a> {
    pub(super) fn new(input: &'a [u8]) -> io::Result<ZstdReader<'a>> {
        StreamingDecoder::new_with_max_window_size(input, MAX_WINDOW)
            .map(|decoder| ZstdReader { decoder })
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))
    }

    /// The frame decoder leaves this to its caller.
    fn check(&self) -> io::Result<()> {
        let frame = &self.decoder.decoder;
        match (frame.get_checksum_from_data(), frame.get_calculated_checksum()) {
            (Some(said), Some(seen)) if said != seen => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the content checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for ZstdReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.check()?;
        }
        Ok(count)
    }
}
