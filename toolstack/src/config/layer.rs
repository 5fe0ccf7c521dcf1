//! One input's description together with where each key was set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Location, Origin, ValueError};
use super::key::Key;
use super::overrides::GuestOverrides;
use super::value::RawValue;

#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) values: GuestOverrides,
    origins: BTreeMap<Key, (Origin, &'static str)>,
    /// Where all of it comes from, when that is one place.
    whole: Option<Origin>,
}

impl Layer {
    /// The caller's own description: command-line flags.
    pub(super) fn from_overrides(values: GuestOverrides) -> Self {
        let set = Key::ALL.into_iter().filter(|key| values.is_set(*key));
        let origins = set.map(|key| (key, (Origin::Override(key), key.name()))).collect();
        Self { values, origins, whole: None }
    }

    /// A description stored by an earlier run.
    pub(super) fn stored(values: GuestOverrides) -> Self {
        Self { values, origins: BTreeMap::new(), whole: Some(Origin::Stored) }
    }

    /// Sets `key`, which the file calls `written`, to what is at `location`.
    pub(super) fn set(
        &mut self,
        key: Key,
        written: &'static str,
        value: RawValue,
        location: Location,
    ) -> Result<(), ConfigError> {
        let origin = Origin::Text(location);
        match self.values.set(key, value) {
            Ok(()) => {
                self.origins.insert(key, (origin, written));
                Ok(())
            }
            Err(problem) => {
                Err(ConfigError::Value { origin, key: written.to_owned(), problem: problem.into() })
            }
        }
    }

    /// This description, with `base` filling what it leaves open.
    pub(super) fn over(self, base: Self) -> Self {
        let mut origins = base.origins;
        origins.extend(self.origins);
        Self { values: self.values.over(base.values), origins, whole: None }
    }

    /// Makes relative paths absolute, taking them as relative to `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        let anchor = |path: &mut PathBuf| *path = folder.join(&*path);
        self.values.kernel.iter_mut().for_each(anchor);
        self.values.ramdisk.iter_mut().for_each(anchor);
        // A missing path is found later, and must not turn into the folder's.
        let disks = self.values.disk.iter_mut().flatten().map(|disk| &mut disk.path);
        disks.filter(|path| !path.as_os_str().is_empty()).for_each(anchor);
    }

    /// Where `key` was set.
    pub(super) fn origin(&self, key: Key) -> Origin {
        let whole = || self.whole.clone().filter(|_| self.values.is_set(key));
        let known = self.origins.get(&key).map(|(origin, _)| origin.clone());
        known.or_else(whole).unwrap_or(Origin::Default)
    }

    /// `problem` with the value of `key`.
    pub(super) fn error(&self, key: Key, problem: ValueError) -> ConfigError {
        let written = self.origins.get(&key).map_or(key.name(), |(_, written)| written);
        ConfigError::Value {
            origin: self.origin(key),
            key: written.to_owned(),
            problem: problem.into(),
        }
    }
}
