//! Networks on disk: a file each, so that they are there again after the next boot.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lightvm::api::NetworkSpec;
use serde::{Deserialize, Serialize};

use super::NetworkError;

/// A network as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its number.
    pub(super) id: u32,
    /// What it was made from.
    pub(super) spec: NetworkSpec,
}

/// The folder of the files.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Store, NetworkError> {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        Ok(Store { folder: folder.to_owned() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// All networks there are; files that cannot be read are left alone and named in the log.
    pub(super) fn load(&self) -> Result<Vec<Record>, NetworkError> {
        let mut records = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let path = entry.map_err(at(&self.folder))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path) {
                Ok(record) => records.push(record),
                Err(e) => tracing::error!("{}: not a network's record: {e}", path.display()),
            }
        }
        Ok(records)
    }

    /// Writes a network's file, whole or not at all.
    pub(super) fn save(&self, record: &Record) -> Result<(), NetworkError> {
        let path = self.path(&record.spec.name);
        write(&path, record).map_err(at(&path))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), NetworkError> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(at(&path))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> NetworkError {
    let path = path.to_owned();
    move |source| NetworkError::File { path, source }
}

fn read(path: &Path) -> io::Result<Record> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn write(path: &Path, record: &Record) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(record)?)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let spec = NetworkSpec {
            name: "web".into(),
            uplink: lightvm::api::Uplink::Bridge { bridge: "br0".into() },
            subnet4: Some("10.0.0.1/24".parse().unwrap()),
            subnet6: None,
            dhcp: true,
            mtu: Some(9000),
        };
        let record = Record { id: 3, spec };
        store.save(&record).unwrap();
        std::fs::write(folder.path().join("broken.json"), "{").unwrap();
        assert_eq!(store.load().unwrap(), [record]);
        store.remove("web").unwrap();
        assert!(store.load().unwrap().is_empty());
    }
}
