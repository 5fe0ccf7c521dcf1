//! Folders of the store that are there because of this process, so that they go again when they
//! are empty, and no others do.

use parking_lot::Mutex;

use super::entries::path::FIRST;
use super::error::StoreError;
use super::store::Store;

/// At most those of [`FIRST`]. A daemon that was killed leaves them, empty.
static MADE: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// Takes note of what the next guest will bring with it.
pub(super) fn note(store: &Store) -> Result<(), StoreError> {
    for folder in FIRST {
        let mut made = MADE.lock();
        if !made.contains(&folder) && store.read(folder)?.is_none() {
            made.push(folder);
        }
    }
    Ok(())
}

/// Removes those of them that are empty.
pub(super) fn prune(store: &mut Store) -> Result<(), StoreError> {
    let made = MADE.lock().clone();
    store.prune(&made)
}
