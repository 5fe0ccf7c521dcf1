//! Ring 1 of `lightvm::xen` against the C headers it copies: every structure's
//! size, alignment and fields, and every constant, as a C compiler sees them.
//!
//! `LIGHTVM_XEN_HEADERS` names a folder with `4.17/include` and `4.20/include`
//! (Debian's `libxen-dev` of either release; `scripts/xenbox headers` fetches
//! them). Without it the comparison is skipped, unless
//! `LIGHTVM_REQUIRE_XEN_HEADERS=1`.

mod check;
mod coverage;
mod probe;
mod table;

use std::env;
use std::path::PathBuf;

use check::Check;
use probe::{Headers, evaluate};

fn header_root() -> Option<PathBuf> {
    if let Some(root) = env::var_os("LIGHTVM_XEN_HEADERS") {
        return Some(root.into());
    }
    assert!(
        env::var("LIGHTVM_REQUIRE_XEN_HEADERS").as_deref() != Ok("1"),
        "LIGHTVM_XEN_HEADERS is not set: it names a folder with 4.17/include and 4.20/include"
    );
    eprintln!("skipped: LIGHTVM_XEN_HEADERS is not set");
    None
}

/// Fails with every difference at once, so that a new release is read in one go.
fn compare(headers: &Headers<'_>, checks: &[Check]) {
    let answers = evaluate(headers, checks.iter().map(|c| c.c.as_str()));
    let wrong: Vec<String> = checks
        .iter()
        .zip(answers)
        .filter(|(check, c)| check.rust != *c)
        .map(|(check, c)| format!("  {}: Rust {}, {} = {c}", check.item, check.rust, check.c))
        .collect();
    let (name, count) = (headers.name, wrong.len());
    assert!(
        wrong.is_empty(),
        "{count} differences from the headers of {name}:\n{}",
        wrong.join("\n")
    );
}

fn compare_release(release: &str, versioned: Vec<Check>) {
    let Some(root) = header_root() else { return };
    let headers = Headers {
        name: &format!("Xen {release}"),
        include: &root.join(release).join("include"),
        files: table::XEN_HEADERS,
    };
    let mut checks = table::every_release();
    checks.extend(versioned);
    compare(&headers, &checks);
}

#[test]
fn layouts_match_xen_4_17() {
    compare_release("4.17", table::domctl_0x15());
}

#[test]
fn layouts_match_xen_4_20() {
    compare_release("4.20", table::domctl_0x17());
}

/// The device files are Linux's; its headers take Xen's types from either release.
#[test]
fn layouts_match_linux() {
    let Some(root) = header_root() else { return };
    let headers =
        Headers { name: "Linux", include: &root.join("4.17/include"), files: table::LINUX_HEADERS };
    compare(&headers, &table::linux());
}

#[test]
fn every_item_of_abi_is_in_the_table() {
    let mut checks = table::every_release();
    checks.extend(table::domctl_0x15());
    checks.extend(table::domctl_0x17());
    checks.extend(table::linux());
    let missing = coverage::missing(&checks, table::IN_NO_HEADER);
    assert!(missing.is_empty(), "not compared with any header: {}", missing.join(", "));
}
