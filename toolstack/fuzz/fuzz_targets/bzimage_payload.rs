//! Compressed payloads: the decoders, reached without a setup header around them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightvm::image::{MAX_KERNEL, decompress};

fuzz_target!(|payload: &[u8]| {
    if let Ok(elf) = decompress(payload) {
        assert!(elf.starts_with(b"\x7fELF") && elf.len() as u64 <= MAX_KERNEL);
    }
});
