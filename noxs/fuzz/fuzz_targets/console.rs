//! Any console page, rewritten between two turns of the host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use noxs::SharedMemory;
use noxs::console::{Back, IN_CONSUMED, OUT_SIZE};

mod memory;

fuzz_target!(|input: (Vec<u8>, Vec<(u8, u32, u16)>)| {
    let (bytes, steps) = input;
    let page = memory::Page::new(&bytes);
    let mut back = Back::attach(&*page);
    let mut buffer = [0; 8192];
    for (which, word, len) in steps {
        page.write(IN_CONSUMED + usize::from(which % 4) * 4, &word.to_le_bytes());
        let len = usize::from(len) % buffer.len();
        match back.read(&mut buffer[..len]) {
            Ok(n) => assert!(n <= len.min(OUT_SIZE as usize)),
            Err(_) => back.skip(),
        }
        let _ = back.write(&buffer[..len]).map(|n| assert!(n <= len.min(1024)));
        let _ = back.release();
    }
});
