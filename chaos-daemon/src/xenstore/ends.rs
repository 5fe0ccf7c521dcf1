//! Guests that ended, as xenstored tells.
//!
//! Xen tells one program in dom0 that a domain ended (`VIRQ_DOM_EXC`), and where a xenstored
//! runs that is it. It passes the news on as `@releaseDomain`, but only for domains that it knows:
//! guests with another control channel have to be looked at now and then.

use std::thread::{Builder, JoinHandle};

use tracing::warn;

use super::error::StoreError;
use super::store::Watch;

/// Calls `ended` on a thread of its own, once at once and then whenever a domain that xenstored
/// knows has shut down or gone; which one is for `ended` to find out. Ends with xenstored.
///
/// # Errors
/// [`StoreError`] when xenstored cannot be reached.
pub fn watch_ends(mut ended: impl FnMut() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let mut watch = Watch::new("@releaseDomain")?;
    let run = move || {
        loop {
            match watch.wait() {
                Ok(_) => ended(),
                Err(error) => {
                    warn!(%error, "xenstored has gone: guests' ends are no longer heard of");
                    return;
                }
            }
        }
    };
    let thread = Builder::new().name("xenstore-ends".to_owned()).spawn(run);
    thread.map_err(|source| StoreError::Request {
        verb: "start a thread for",
        what: "@releaseDomain".to_owned(),
        source,
    })
}
