//! The console under load.

use lightvm::config::{GuestOverrides, GuestType};

use crate::guests::{self, BOTH};
use crate::host::OnXen;
use crate::terminal::Terminal;

const LINES: usize = 20_000;

/// Every line of a Linux that prints as fast as it can, in order, none lost.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn twenty_thousand_lines_from_linux() {
    let host = OnXen::new();
    let config = guests::config(guests::debian("bookworm", GuestType::Pvh, 1));
    let (guest, _) = host.creator.create(&config).expect("created").hold();
    let mut terminal = Terminal::attach(&guest);
    guest.unpause().expect("started");
    terminal.read_until("shell", |text| text.contains("guest shell ready"));
    // Printed by `printf`, not typed: the command itself must not look like the end.
    terminal.enter(&format!("seq 1 {LINES}; printf 'the %s\\n' end"));
    terminal.read_until("last line", |text| text.contains("the end\n"));
    let numbers: Vec<usize> =
        terminal.text().lines().filter_map(|line| line.trim().parse().ok()).collect();
    let expected: Vec<usize> = (1..=LINES).collect();
    assert!(numbers == expected, "{} of {LINES} lines", numbers.len());
    drop(terminal);
    guest.destroy().expect("destroyed");
}

/// A guest that never stops printing is stopped by a full ring, not by its reader.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_flood_is_in_order() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let config = guests::config(GuestOverrides {
            cmdline: Some("flood".into()),
            ..guests::unikernel("panicky", guest_type)
        });
        let (guest, _) = host.creator.create(&config).expect("created").hold();
        let mut terminal = Terminal::attach(&guest);
        guest.unpause().expect("started");
        let last = format!("flood, line {LINES}\n");
        terminal.read_until("last line", |text| text.contains(&last));
        let text = terminal.text();
        for (n, line) in text.lines().take(LINES).enumerate() {
            assert_eq!(line, format!("flood, line {n}"), "as {guest_type}");
        }
        drop(terminal);
        guest.destroy().expect("destroyed");
    }
}
