//! Puts what the parts of one run measured beside what was wanted and beside their peers.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The figures: their key, the part and the place in it that each comes from, and what is wanted.
const FIGURES: [(&str, &str, &str, &str); 13] = [
    ("finish_ms", "finish", "/finish/median", "<= 0.15"),
    ("ready_ms", "finish", "/ready/median", "<= 0.55"),
    ("cli_ms", "cli", "/create/median", "<= 3.7"),
    ("forkexec_ms", "cli", "/forkexec/median", ""),
    ("flat_ratio", "flat", "/ratio", "<= 1.15"),
    ("churn_ratio", "churn", "/ratio", "<= 3"),
    ("per_second", "sustained", "/per_second", ">= 400"),
    ("idle_kib", "idle", "/dom0_kib", "<= 16"),
    ("idle_cpu_percent", "idle", "/cpu_percent", "< 0.1"),
    ("xl_ms", "xl", "/create/median", ""),
    ("xl_destroy_ms", "xl", "/destroy/median", ""),
    ("floor_ms", "floor", "/details/create/median", ""),
    ("floor_boot_ms", "floor", "/details/boot/median", ""),
];

/// Prints the parts in `folder`, each a JSON object in a file of its own.
pub(crate) fn run(folder: &Path, host: &str, as_json: bool) -> Result<(), Box<dyn Error>> {
    let mut parts = Map::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(part) = serde_json::from_str(&fs::read_to_string(entry.path())?) {
            parts.insert(entry.file_name().to_string_lossy().into_owned(), part);
        }
    }
    let parts = Value::Object(parts);
    let value = |part: &str, place: &str| parts[part].pointer(place).and_then(Value::as_f64);
    if as_json {
        // What could not be measured is null.
        let figures = FIGURES
            .iter()
            .map(|(key, part, place, _)| ((*key).to_owned(), json!(value(part, place))));
        let mut all: Map<_, _> = figures.collect();
        all.insert("host".to_owned(), json!(host));
        all.insert("details".to_owned(), parts);
        println!("{}", Value::Object(all));
        return Ok(());
    }
    println!("guests of the pool, on {host}; idle_* on a free-running one\n");
    for (key, part, place, wanted) in FIGURES {
        let value = value(part, place).map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        println!("{key:<20} {value:>12}   {wanted}");
    }
    Ok(())
}
