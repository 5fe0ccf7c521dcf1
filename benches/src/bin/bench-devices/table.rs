//! Puts what the parts of one run measured side by side.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The figures, with the part and the place in it that each comes from.
const FIGURES: [(&str, &str, &str, f64); 17] = [
    ("first_packet_ms", "first_packet", "/ms/median", 1.0),
    ("ping_us", "ping", "/ms/median", 1e3),
    ("ping_pv_us", "ping_pv", "/ms/median", 1e3),
    ("ping_netback_us", "ping_kernel", "/ms/median", 1e3),
    ("ping_linux_us", "ping_linux", "/ms/median", 1e3),
    ("tcp_mbps", "linux", "/figures/tcp_mbps", 1.0),
    ("tcp_netback_mbps", "linux_kernel", "/figures/tcp_mbps", 1.0),
    ("tcp_from_guest_mbps", "linux", "/figures/tcp_from_guest_mbps", 1.0),
    ("tcp_from_guest_netback_mbps", "linux_kernel", "/figures/tcp_from_guest_mbps", 1.0),
    ("blk4k_iops", "linux", "/figures/blk4k_iops", 1.0),
    ("blk4k_blkback_iops", "linux_kernel", "/figures/blk4k_iops", 1.0),
    ("blk4k_write_iops", "linux", "/figures/blk4k_write_iops", 1.0),
    ("blk4k_write_blkback_iops", "linux_kernel", "/figures/blk4k_write_iops", 1.0),
    ("blk1m_mbps", "linux", "/figures/blk1m_mbps", 1.0),
    ("blk1m_blkback_mbps", "linux_kernel", "/figures/blk1m_mbps", 1.0),
    ("blk1m_write_mbps", "linux", "/figures/blk1m_write_mbps", 1.0),
    ("blk1m_write_blkback_mbps", "linux_kernel", "/figures/blk1m_write_mbps", 1.0),
];

/// Ours against the kernel's, and the least or the most it should be.
const RATIOS: [(&str, &str, &str, &str); 4] = [
    ("ping to a native guest / to Linux on netback", "ping_us", "ping_netback_us", "< 1"),
    ("TCP to Linux, facade / netback", "tcp_mbps", "tcp_netback_mbps", ">= 0.7"),
    ("4 KiB random reads, facade / blkback", "blk4k_iops", "blk4k_blkback_iops", ">= 0.7"),
    ("1 MiB sequential reads, facade / blkback", "blk1m_mbps", "blk1m_blkback_mbps", ">= 0.7"),
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
    let figures = figures(&parts);
    if as_json {
        let mut all = figures;
        all.insert("host".to_owned(), json!(host));
        all.insert("details".to_owned(), parts);
        println!("{}", Value::Object(all));
    } else {
        print(&figures, &parts, host);
    }
    Ok(())
}

/// What could not be measured is null.
fn figures(parts: &Value) -> Map<String, Value> {
    let mut figures = Map::new();
    for (name, part, place, factor) in FIGURES {
        let value = parts[part].pointer(place).and_then(Value::as_f64);
        figures.insert(name.to_owned(), json!(value.map(|value| value * factor)));
    }
    let median = |kind: &str| parts["devices"][kind]["median"].as_f64();
    let devices = median("with").zip(median("without")).map(|(with, without)| with - without);
    figures.insert("devices_ms".to_owned(), json!(devices));
    figures
}

fn print(figures: &Map<String, Value>, parts: &Value, host: &str) {
    println!("devices of guests, on {host}\n");
    for (name, value) in figures {
        let value = value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        println!("{name:<32} {value:>12}");
    }
    println!();
    for (what, ours, theirs, target) in RATIOS {
        let value = |name: &str| figures[name].as_f64();
        if let (Some(ours), Some(theirs)) = (value(ours), value(theirs)) {
            println!("{what:<46} {:>7.3}  (wanted: {target})", ours / theirs);
        }
    }
    println!("\nEach ping (and the rest of 1 ms after it), MiB or request, in us: time elapsed,");
    println!("CPU time of the guest, of dom0, and of whom in dom0");
    for part in ["ping", "ping_pv", "ping_kernel", "ping_linux"] {
        print_usage(part, &parts[part]["each"]);
    }
    for part in ["linux", "linux_kernel"] {
        for (name, usage) in parts[part]["each"].as_object().into_iter().flatten() {
            print_usage(&format!("{part} {name}"), usage);
        }
    }
}

fn print_usage(name: &str, usage: &Value) {
    let us = |of: &str| usage[of].as_f64();
    if let (Some(elapsed), Some(guest), Some(dom0)) =
        (us("elapsed_us"), us("guest_us"), us("dom0_us"))
    {
        println!("{name:<36} {elapsed:>9.1} {guest:>9.1} {dom0:>9.1}  {}", usage["of_dom0_us"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_their_parts_and_what_is_missing_is_null() {
        let parts = json!({
            "ping": { "ms": { "median": 0.05 } },
            "devices": { "with": { "median": 0.7 }, "without": { "median": 0.5 } },
        });
        let figures = figures(&parts);
        let near = |name: &str, value: f64| (figures[name].as_f64().unwrap() - value).abs() < 1e-9;
        assert!(near("ping_us", 50.0) && near("devices_ms", 0.2));
        assert_eq!(figures["tcp_mbps"], Value::Null);
    }
}
