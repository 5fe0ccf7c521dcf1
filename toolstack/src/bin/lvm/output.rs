//! Tables, JSON and units.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table};
use lightvm::domain::End;
use lightvm::xen::{CpuMap, DomainState, ShutdownReason};
use serde::Serialize;

use crate::failure::Failure;

/// Prints `text` on standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints `bytes` as they are on standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(output_failed)
}

/// Prints `text` and a newline on standard output.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Prints `value` as JSON on standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::io("cannot write JSON")(e.into()))?;
    line(&text)
}

pub(crate) fn output_failed(e: io::Error) -> Failure {
    match e.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::io("cannot write to standard output")(e),
    }
}

/// A plain table: a header, then rows; `numbers` are right-aligned columns.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    numbers: &[usize],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for &number in numbers {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `key: value` lines with the values in one column.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(key, _)| key.len()).max().unwrap_or(0) + 1;
    facts.iter().map(|(key, value)| format!("{:<width$} {value}\n", format!("{key}:"))).collect()
}

/// Bytes as MiB, or as KiB where they are no whole MiB.
pub(crate) fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{} KiB", bytes / 1024)
    }
}

/// Nanoseconds as seconds.
pub(crate) fn cpu_time(nanoseconds: u64) -> String {
    let ms = nanoseconds / 1_000_000;
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

/// `1 guest`, `2 guests`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// What a domain is doing, in a word or two.
pub(crate) fn state(state: DomainState) -> String {
    match state {
        DomainState::Dying => "dying".to_owned(),
        DomainState::Shutdown(reason) => format!("ended ({})", self::reason(reason)),
        DomainState::Paused => "paused".to_owned(),
        DomainState::Blocked => "blocked".to_owned(),
        DomainState::Running => "running".to_owned(),
    }
}

/// As [`state`], for JSON: a word, and the reason where it ended by itself.
pub(crate) fn state_words(state: DomainState) -> (String, Option<String>) {
    match state {
        DomainState::Shutdown(reason) => ("ended".to_owned(), Some(self::reason(reason))),
        other => (self::state(other), None),
    }
}

/// The name of a reason to stop.
pub(crate) fn reason(reason: ShutdownReason) -> String {
    match reason {
        ShutdownReason::Poweroff => "poweroff".to_owned(),
        ShutdownReason::Reboot => "reboot".to_owned(),
        ShutdownReason::Suspend => "suspend".to_owned(),
        ShutdownReason::Crash => "crash".to_owned(),
        ShutdownReason::Watchdog => "watchdog".to_owned(),
        ShutdownReason::SoftReset => "soft-reset".to_owned(),
        ShutdownReason::Other(number) => format!("reason {number}"),
    }
}

/// How a guest ended, in a word.
pub(crate) fn end(end: End) -> String {
    match end {
        End::Shutdown(reason) => self::reason(reason),
        End::Destroyed => "destroyed".to_owned(),
    }
}

/// The CPUs of a set on a host with `host_cpus` CPUs, such as `0-3,5`, or `all`.
pub(crate) fn cpus(map: &CpuMap, host_cpus: u32) -> String {
    if (0..host_cpus).all(|cpu| map.contains(cpu)) {
        return "all".to_owned();
    }
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in map.iter() {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let texts: Vec<_> = ranges
        .into_iter()
        .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
        .collect();
    texts.join(",")
}

/// The first paragraph of `text` in one line.
pub(crate) fn first_paragraph(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_aligned_columns_and_no_trailing_blanks() {
        let rows = [["a".to_owned(), "7".to_owned()], ["long-name".to_owned(), "1234".to_owned()]];
        assert_eq!(
            table(["name", "id"], &[1], rows),
            "name         id\na             7\nlong-name  1234\n"
        );
    }

    #[test]
    fn facts_have_one_column_of_values() {
        assert_eq!(
            facts(&[("name", "a".to_owned()), ("memory", "4 MiB".to_owned())]),
            "name:   a\nmemory: 4 MiB\n"
        );
    }

    #[test]
    fn sizes_and_times() {
        assert_eq!(size(4 << 20), "4 MiB");
        assert_eq!(size((4 << 20) + 4096), "4100 KiB");
        assert_eq!(cpu_time(61_002_999_999), "61.002 s");
        assert_eq!(count(1, "guest"), "1 guest");
        assert_eq!(count(0, "guest"), "0 guests");
    }

    #[test]
    fn sets_of_cpus() {
        let set = |cpus: &[u32]| cpus.iter().copied().collect::<CpuMap>();
        assert_eq!(cpus(&set(&[0, 1, 2, 5, 7, 8]), 16), "0-2,5,7-8");
        assert_eq!(cpus(&set(&[0, 1]), 2), "all");
        assert_eq!(cpus(&set(&[]), 2), "");
    }
}
