//! Any bytes as a TOML configuration: refused or read, never a panic; what is read survives storage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightvm::config::{ConfigFormat, Loader};

fuzz_target!(|text: &[u8]| {
    match Loader::new().parse("input", ConfigFormat::Toml, text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(loaded) => {
            let toml = loaded.config.to_toml();
            let again = Loader::new()
                .parse("again", ConfigFormat::Toml, toml.as_bytes())
                .expect("the TOML of a checked guest");
            assert_eq!(again.config, loaded.config);
        }
    }
});
