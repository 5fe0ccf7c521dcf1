//! Paths: which are valid, who is whose child.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facade::wire::{ABSOLUTE_PATH_MAX, Errno, RELATIVE_PATH_MAX};

/// A valid absolute path: `/` or `/a/b`, of letters, digits and `-_@`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Path(Arc<str>);

impl Path {
    /// The path above all others.
    pub fn root() -> Path {
        Path("/".into())
    }

    /// Checks an absolute path.
    ///
    /// # Errors
    /// `EINVAL` when it is none, holds other characters than letters, digits and
    /// `-/_@`, or is too long: [`RELATIVE_PATH_MAX`] below a domain's own folder.
    pub fn absolute(text: &str) -> Result<Path, Errno> {
        let shape =
            text == "/" || (text.starts_with('/') && !text.ends_with('/') && !text.contains("//"));
        let chars = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_@".contains(&b));
        let long =
            text.len() > ABSOLUTE_PATH_MAX || text.len() - home_prefix(text) > RELATIVE_PATH_MAX;
        if !shape || !chars || long {
            return Err(Errno::Invalid);
        }
        Ok(Path(text.into()))
    }

    /// Checks a path as a guest writes it: relative ones are below `home`.
    ///
    /// # Errors
    /// As [`Path::absolute`].
    pub fn from_guest(text: &str, home: &Path) -> Result<Path, Errno> {
        if text.starts_with('/') {
            Path::absolute(text)
        } else {
            Path::absolute(&format!("{}/{text}", home.0))
        }
    }

    /// The path of `name`, one or more levels below this one.
    ///
    /// # Panics
    /// When `name` is no valid path: for names the host chooses.
    #[must_use]
    pub fn join(&self, name: impl fmt::Display) -> Path {
        let above = if self.is_root() { "" } else { &self.0 };
        Path::absolute(&format!("{above}/{name}")).expect("the host's own names are valid")
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The path one level up; `None` for `/`.
    pub fn parent(&self) -> Option<Path> {
        match self.0.rsplit_once('/')? {
            _ if self.is_root() => None,
            ("", _) => Some(Path::root()),
            (parent, _) => Some(Path(parent.into())),
        }
    }

    /// The last part; empty for `/`.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// The path below `above` without its first `/`: empty when they are the same,
    /// `None` when it is not below.
    pub fn below(&self, above: &Path) -> Option<&str> {
        if above.is_root() {
            return self.0.strip_prefix('/');
        }
        let rest = self.0.strip_prefix(&*above.0)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes of `/local/domain/N/` at the start of `text`; they do not count as length.
fn home_prefix(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("/local/domain/") else { return 0 };
    let digits = rest.bytes().take(5).take_while(u8::is_ascii_digit).count();
    if digits > 0 && rest[digits..].starts_with('/') {
        text.len() - rest.len() + digits + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_valid() {
        for good in ["/", "/a", "/a/b-c_D@9", "/local/domain/7/x"] {
            assert!(Path::absolute(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "//", "/a/", "/a//b", "/a b", "/a\u{e4}", "/a.b", "@x"] {
            assert_eq!(Path::absolute(bad), Err(Errno::Invalid), "{bad}");
        }
    }

    #[test]
    fn length_is_counted_below_a_domains_folder() {
        let long = "x".repeat(RELATIVE_PATH_MAX);
        assert!(Path::absolute(&format!("/local/domain/7/{long}")).is_ok());
        assert!(Path::absolute(&format!("/local/domain/7/{long}x")).is_err());
        assert!(Path::absolute(&format!("/{long}")).is_err());
    }

    #[test]
    fn relative_paths_are_below_home() {
        let home = Path::absolute("/local/domain/7").unwrap();
        let path = Path::from_guest("device/vif", &home).unwrap();
        assert_eq!(path.as_str(), "/local/domain/7/device/vif");
        assert_eq!(path.below(&home), Some("device/vif"));
        assert_eq!(home.below(&home), Some(""));
        assert_eq!(home.below(&path), None);
        assert_eq!(Path::absolute("/local/domain/70").unwrap().below(&home), None);
        assert_eq!(path.below(&Path::root()), Some("local/domain/7/device/vif"));
        assert_eq!(Path::from_guest("", &home), Err(Errno::Invalid));
    }

    proptest! {
        #[test]
        fn parents_lead_to_the_root(text in "(/[a-z0-9@_-]{1,8}){1,6}") {
            let path = Path::absolute(&text).unwrap();
            let parent = path.parent().unwrap();
            prop_assert_eq!(parent.join(path.name()), path.clone());
            let levels = std::iter::successors(Some(path), Path::parent).count();
            prop_assert_eq!(levels, text.matches('/').count() + 1);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,80}") {
            let _ = Path::from_guest(&text, &Path::absolute("/local/domain/1").unwrap());
        }
    }
}
