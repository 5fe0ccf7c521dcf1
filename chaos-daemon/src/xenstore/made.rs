//! Folders of the store that are there because of a daemon, so that they go again when they are
//! empty, and no others do.

use std::fs;
use std::path::Path;

use parking_lot::Mutex;

use super::entries::path::FIRST;
use super::error::StoreError;
use super::store::Store;

/// At most those of [`FIRST`]; none until it was looked for.
static MADE: Mutex<Option<Vec<&'static str>>> = Mutex::new(None);

/// Where they are kept for the daemon after this one: like the store, gone when the host reboots.
const FILE: &str = "/run/lightvm/xenstore-folders";

/// Takes note of what the next guest will bring with it.
pub(super) fn note(store: &Store) -> Result<(), StoreError> {
    let mut made = MADE.lock();
    let made = made.get_or_insert_with(load);
    let known = made.len();
    for folder in FIRST {
        if !made.contains(&folder) && store.read(folder)?.is_none() {
            made.push(folder);
        }
    }
    if made.len() > known { save(made) } else { Ok(()) }
}

/// Those that go when they are empty.
pub(super) fn folders() -> Vec<&'static str> {
    MADE.lock().get_or_insert_with(load).clone()
}

fn load() -> Vec<&'static str> {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    FIRST.into_iter().filter(|folder| text.lines().any(|line| line == *folder)).collect()
}

fn save(made: &[&str]) -> Result<(), StoreError> {
    let folder = Path::new(FILE).parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).and_then(|()| fs::write(FILE, made.join("\n"))).map_err(|source| {
        StoreError::Request { verb: "note the folders made, in", what: FILE.to_owned(), source }
    })
}
