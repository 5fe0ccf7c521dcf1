//! Whole kernel files. Whatever parses must keep the promises of `lightvm::image`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/images/invariants.rs"]
mod invariants;

fuzz_target!(|file: &[u8]| {
    let _ = invariants::parse_checked(file);
});
