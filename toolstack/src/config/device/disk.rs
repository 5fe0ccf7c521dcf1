//! Disks.

use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::value::RawValue;
use super::fields::{self, Field};
use super::{DeviceError, DiskRate, Vdev, disk_rate, vdev};

/// A disk of a guest: a raw image file or a block device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The file or block device.
    pub path: PathBuf,
    /// The name under which the guest sees it, or `None` for the next free one: `xvda`, `xvdb`,
    /// and so on. A checked configuration has it filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vdev: Option<Vdev>,
    /// Whether the guest may write.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub writable: bool,
    /// Whether the guest is told that it may be taken out, as a CD.
    #[serde(default, skip_serializing_if = "is_no")]
    pub removable: bool,
    /// Whether the host's page cache is left out.
    #[serde(default, skip_serializing_if = "is_no")]
    pub direct_io: bool,
    /// Whether the guest may give blocks back, which makes holes in a file.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub discard: bool,
    /// The most the guest may do with it, or `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<DiskRate>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_yes(answer: &bool) -> bool {
    *answer
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_no(answer: &bool) -> bool {
    !*answer
}

const KNOWN: &str = "path, vdev, writable, removable, direct_io, discard and rate";
const PATH: &str = "a path";

impl Disk {
    /// A writable disk from the file or block device at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Disk {
            path: path.into(),
            vdev: None,
            writable: true,
            removable: false,
            direct_io: false,
            discard: true,
            rate: None,
        }
    }

    /// The name under which the guest sees it; `xvda` where none was given or filled in.
    #[must_use]
    pub fn device(&self) -> Vdev {
        self.vdev.clone().unwrap_or_else(|| Vdev::nth(0))
    }

    /// Reads a table of TOML.
    pub(in super::super) fn read(value: RawValue) -> Result<Self, DeviceError> {
        const EXPECTED: &str = "a table such as { path = \"disk.img\" }";
        let mut disk = Disk::new("");
        for field in fields::of_table(value, EXPECTED)? {
            disk.set(&field)?;
        }
        disk.check()?;
        Ok(disk)
    }

    /// Sets the part that `field` names.
    pub(super) fn set(&mut self, field: &Field) -> Result<(), DeviceError> {
        match field.name.as_str() {
            "path" => self.path = field.text(PATH)?.into(),
            "vdev" => self.vdev = Some(field.parse(vdev::EXPECTED)?),
            "writable" => self.writable = field.yes_or_no()?,
            "removable" => self.removable = field.yes_or_no()?,
            "direct_io" => self.direct_io = field.yes_or_no()?,
            "discard" => self.discard = field.yes_or_no()?,
            "rate" => self.rate = Some(field.parse(disk_rate::EXPECTED)?),
            _ => return Err(field.unknown(KNOWN)),
        }
        Ok(())
    }

    /// Checks what belongs together.
    pub(in super::super) fn check(&self) -> Result<(), DeviceError> {
        let malformed = |value: &str, expected| DeviceError::Malformed {
            field: "path".to_owned(),
            value: super::super::error::excerpt(value),
            expected,
        };
        match self.path.to_str() {
            Some("") => Err(DeviceError::Missing("path")),
            Some(path) if path.contains('\0') => Err(malformed(path, "a path without NUL bytes")),
            Some(_) => Ok(()),
            None => Err(malformed(&self.path.to_string_lossy(), "UTF-8; rename the file")),
        }
    }
}

/// As options are written: the path, then in any order the name, `ro` or `rw`, `removable`,
/// `direct-io`, `no-discard` and `rate=`: `/srv/web.img,xvda,rw,rate=20MB/s`.
impl FromStr for Disk {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',').map(str::trim);
        let mut disk = Disk::new(parts.next().unwrap_or_default());
        for part in parts.filter(|part| !part.is_empty()) {
            if part.starts_with("rate=") {
                fields::of_text(part).iter().try_for_each(|field| disk.set(field))?;
                continue;
            }
            match part {
                "ro" | "r" => disk.writable = false,
                "rw" | "w" => disk.writable = true,
                "removable" => disk.removable = true,
                "direct-io" => disk.direct_io = true,
                "no-discard" => disk.discard = false,
                name => match name.parse() {
                    Ok(_) if disk.vdev.is_some() => {
                        return Err(DeviceError::Twice("vdev".to_owned()));
                    }
                    Ok(vdev) => disk.vdev = Some(vdev),
                    Err(_) => {
                        return Err(DeviceError::UnknownField {
                            field: super::super::error::excerpt(name),
                            known: "a disk's name (xvda), ro, rw, removable, direct-io, \
                                    no-discard and rate=",
                        });
                    }
                },
            }
        }
        disk.check()?;
        Ok(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_sets_every_part() {
        let disk: Disk =
            "/d.img, xvdb, ro, removable, direct-io, no-discard, rate=1MB/s+5r/s".parse().unwrap();
        let expected = Disk {
            vdev: Some("xvdb".parse().unwrap()),
            writable: false,
            removable: true,
            direct_io: true,
            discard: false,
            rate: Some("1MB/s+5r/s".parse().unwrap()),
            ..Disk::new("/d.img")
        };
        assert_eq!(disk, expected);
        assert_eq!("/d.img".parse(), Ok(Disk::new("/d.img")));
    }

    #[test]
    fn errors_say_what_is_allowed() {
        for (text, message) in [
            ("", "path is missing"),
            (",xvda", "path is missing"),
            ("a,xvda,xvdb", "vdev: given twice"),
            ("a,rx", "`rx` is not known here; a disk's name (xvda), ro, rw"),
            ("a,rate=5p/s", "rate: `5p/s` is not a rate such as 20MB/s, 160Mb/s, 500r/s or"),
            ("a\0", "path: `a\\0` is not a path without NUL bytes"),
        ] {
            let error = text.parse::<Disk>().expect_err(text).to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn json_round_trips() {
        let disk: Disk = "/d.img,ro,rate=1r/s".parse().unwrap();
        let json = serde_json::to_string(&disk).unwrap();
        assert_eq!(json, r#"{"path":"/d.img","writable":false,"rate":"1r/s"}"#);
        assert_eq!(serde_json::from_str::<Disk>(&json).unwrap(), disk);
    }
}
