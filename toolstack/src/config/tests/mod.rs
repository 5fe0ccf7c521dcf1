//! Whole configurations, through the public interface.

mod docs;
mod examples;
mod overrides;
mod properties;
mod stored;
mod toml_keys;
mod xl_keys;

use super::{ConfigError, ConfigFormat, GuestConfig, Loaded, Loader};

/// A TOML configuration with a kernel and memory, then `lines`.
fn toml(lines: &str) -> Result<Loaded, ConfigError> {
    let text = format!("kernel = \"k\"\nmemory = 4\n{lines}");
    Loader::new().parse("g.toml", ConfigFormat::Toml, text.as_bytes())
}

/// An `xl.cfg` with a kernel and memory, then `lines`.
fn xl(lines: &str) -> Result<Loaded, ConfigError> {
    let text = format!("kernel = 'k'\nmemory = 4\n{lines}");
    Loader::new().parse("g.cfg", ConfigFormat::Xl, text.as_bytes())
}

fn error(result: Result<Loaded, ConfigError>) -> String {
    result.expect_err("a configuration that is refused").to_string()
}

/// Checks one line per key: what it sets, as the TOML that describes the guest shows it.
fn assert_shows(result: Result<Loaded, ConfigError>, line: &str, expected: &str) {
    let config: GuestConfig = result.unwrap_or_else(|error| panic!("{line}: {error}")).config;
    let toml = config.to_toml();
    assert!(toml.lines().any(|shown| shown == expected), "{line}: no {expected} in\n{toml}");
}
