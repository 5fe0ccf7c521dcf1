//! Routing and address translation on the host.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use lightvm::api::NetworkSpec;

use super::NetworkError;

const FORWARD4: &str = "/proc/sys/net/ipv4/ip_forward";
const FORWARD6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

/// Lets the host route between its networks. It stays so: others may rely on it too.
pub(super) fn forward(spec: &NetworkSpec) -> Result<(), NetworkError> {
    let wanted = [(spec.subnet4.is_some(), FORWARD4), (spec.subnet6.is_some(), FORWARD6)];
    for (_, path) in wanted.iter().filter(|(wanted, _)| *wanted) {
        switch_on(Path::new(path))?;
    }
    Ok(())
}

/// Keeps the host from asking the guests behind `tap` for a router, which it is itself: every such
/// question wakes all of them. To be called before the device is up.
pub(super) fn ask_no_router(tap: &str) {
    let path = Path::new("/proc/sys/net/ipv6/conf").join(tap).join("router_solicitations");
    // A host without IPv6 asks nobody.
    if let Err(e) = std::fs::write(&path, "0\n")
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("{}: guests will be asked for a router: {e}", path.display());
    }
}

fn switch_on(path: &Path) -> Result<(), NetworkError> {
    let file = |source| NetworkError::File { path: path.to_owned(), source };
    if std::fs::read_to_string(path).map_err(file)?.trim() == "1" {
        return Ok(());
    }
    std::fs::write(path, "1\n")
        .map_err(|source| NetworkError::File { path: path.to_owned(), source })
}

/// Translates the addresses of `spec`'s guests to the host's on their way out.
pub(super) fn masquerade(id: u32, spec: &NetworkSpec, tap: &str) -> Result<(), NetworkError> {
    nft(&rules(id, spec, tap))
}

/// Removes what [`masquerade`] has made; nothing to remove is no error.
pub(super) fn remove(id: u32) -> Result<(), NetworkError> {
    let table = table(id);
    nft(&format!("add table inet {table}\ndelete table inet {table}\n"))
}

fn table(id: u32) -> String {
    format!("lightvm_{id}")
}

/// The table from scratch, in one transaction.
fn rules(id: u32, spec: &NetworkSpec, tap: &str) -> String {
    let table = table(id);
    let mut text = format!(
        "add table inet {table}\ndelete table inet {table}\nadd table inet {table}\n\
         add chain inet {table} out {{ type nat hook postrouting priority 100; }}\n"
    );
    let subnets = [
        spec.subnet4.map(|net| format!("ip saddr {}", net.trunc())),
        spec.subnet6.map(|net| format!("ip6 saddr {}", net.trunc())),
    ];
    for subnet in subnets.iter().flatten() {
        text += &format!("add rule inet {table} out {subnet} oifname != \"{tap}\" masquerade\n");
    }
    text
}

fn nft(text: &str) -> Result<(), NetworkError> {
    let failed = |e: std::io::Error| NetworkError::Nat(e.to_string());
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(NetworkError::Nat(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use lightvm::api::Uplink;

    use super::*;

    #[test]
    fn only_what_leaves_is_translated() {
        let spec = NetworkSpec {
            name: "web".into(),
            uplink: Uplink::Routed { nat: true },
            subnet4: Some("10.9.0.1/24".parse().unwrap()),
            subnet6: None,
            dhcp: false,
            mtu: None,
        };
        let text = rules(3, &spec, "lvm-web");
        let rule = "ip saddr 10.9.0.0/24 oifname != \"lvm-web\" masquerade";
        assert!(text.contains(rule), "{text}");
        assert!(!text.contains("ip6"), "{text}");
    }
}
