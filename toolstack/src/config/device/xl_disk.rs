//! Items of `xl.cfg`'s `disk` list, as xl-disk-configuration(5) describes them.

use super::fields::Field;
use super::{DeviceError, Disk, disk_rate, vdev};
use crate::config::value::RawValue;

/// Old prefixes of a target, which stand for the format or are without effect.
const OLD_PREFIXES: [&str; 8] =
    ["raw:", "phy:", "file:", "tap:", "tap2:", "tapdisk:", "aio:", "ioemu:"];

const TARGET: &str = "target";

impl Disk {
    /// Reads `target, format, vdev, access` with parts by name between them.
    pub(in super::super) fn from_xl(text: &str) -> Result<Self, DeviceError> {
        let mut reader = Reader { disk: Disk::new(""), format_known: false, access_known: false };
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            // A target by name takes all that follows, commas too.
            let (part, behind) = match rest.strip_prefix("target=") {
                Some(_) => (rest, ""),
                None => rest.split_once(',').unwrap_or((rest, "")),
            };
            reader.part(part.trim())?;
            rest = behind.trim_start();
        }
        let disk = reader.disk;
        match disk.check() {
            Err(DeviceError::Missing(_)) => Err(DeviceError::Missing(TARGET)),
            checked => checked.map(|()| disk),
        }
    }
}

struct Reader {
    disk: Disk,
    format_known: bool,
    access_known: bool,
}

impl Reader {
    fn part(&mut self, part: &str) -> Result<(), DeviceError> {
        if let Some((name, value)) = part.split_once('=') {
            return self.named(&field(name.trim(), value.trim()));
        }
        if self.flag(part)? {
            return Ok(());
        }
        let position = self.position();
        match position {
            Some("format") if part.is_empty() => self.format_known = true,
            Some("access") if part.is_empty() => self.access_known = true,
            Some(name) => self.named(&field(name, part))?,
            None => {
                let known = "target, format, vdev and access, in this order,";
                return Err(field(part, "").unknown(known));
            }
        }
        Ok(())
    }

    /// What a part without a name means next, as in `libxlu_disk_l.l`.
    fn position(&self) -> Option<&'static str> {
        if self.disk.path.as_os_str().is_empty() {
            Some(TARGET)
        } else if !self.format_known {
            Some("format")
        } else if self.disk.vdev.is_none() {
            Some("vdev")
        } else if !self.access_known {
            Some("access")
        } else {
            None
        }
    }

    /// Parts that are a word by themselves.
    fn flag(&mut self, word: &str) -> Result<bool, DeviceError> {
        match word {
            "cdrom" => (self.disk.removable, self.disk.writable) = (true, false),
            "direct-io-safe" => self.disk.direct_io = true,
            "discard" => self.disk.discard = true,
            "no-discard" => self.disk.discard = false,
            "colo" => {
                let field = Field { name: word.to_owned(), value: RawValue::Boolean(true) };
                return Err(field.not_served("replicated guests are not served"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn named(&mut self, field: &Field) -> Result<(), DeviceError> {
        match field.name.as_str() {
            TARGET => self.target(field),
            "format" => self.format(field),
            "vdev" => self.vdev(field),
            "access" => self.access(field),
            "devtype" => self.device_type(field.text(DEVICE_TYPE)?, field),
            // Not one of xl's, which refuses it.
            "rate" => {
                self.disk.rate = Some(field.parse(disk_rate::EXPECTED)?);
                Ok(())
            }
            // How another toolstack would open the file.
            "backendtype" => Ok(()),
            "backend" if matches!(field.text("a domain")?, "0" | "Domain-0") => Ok(()),
            "backend" => Err(field.not_served("driver domains are not served; leave it out")),
            "script" => Err(field.not_served("scripts are not run; name a file or block device")),
            "specification" if field.text("a name")? == "xen" => Ok(()),
            "specification" | "transport" | "grant-usage" | "grant_usage" => {
                Err(field.not_served("virtio disks are not served; leave it out"))
            }
            _ => Err(field.unknown(
                "target, format, vdev, access, devtype, backendtype, direct-io-safe, discard and rate",
            )),
        }
    }

    fn target(&mut self, field: &Field) -> Result<(), DeviceError> {
        let mut path = field.text("a path")?;
        for refused in ["qcow2:", "qcow:", "vhd:", "qed:"] {
            if path.starts_with(refused) {
                return Err(field.malformed("a raw image; convert it with qemu-img"));
            }
        }
        while let Some(bare) = OLD_PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)) {
            path = bare;
            self.format_known = true;
        }
        self.disk.path = path.into();
        Ok(())
    }

    fn format(&mut self, field: &Field) -> Result<(), DeviceError> {
        self.format_known = true;
        match field.text("raw")? {
            "raw" => Ok(()),
            _ => Err(field.malformed("raw, the only format served; convert it with qemu-img")),
        }
    }

    /// A name, in the old syntax with `:cdrom` or `:disk` behind it.
    fn vdev(&mut self, field_: &Field) -> Result<(), DeviceError> {
        let text = field_.text(vdev::EXPECTED)?;
        let name = match text.rsplit_once(':') {
            Some((name, kind)) => {
                self.device_type(kind, field_)?;
                name
            }
            None => text,
        };
        self.disk.vdev = Some(field("vdev", name).parse(vdev::EXPECTED)?);
        Ok(())
    }

    fn access(&mut self, field: &Field) -> Result<(), DeviceError> {
        self.access_known = true;
        self.disk.writable = match field.text("ro or rw")? {
            "r" | "ro" => false,
            "w" | "rw" => true,
            _ => return Err(field.malformed("ro or rw")),
        };
        Ok(())
    }

    fn device_type(&mut self, kind: &str, field: &Field) -> Result<(), DeviceError> {
        match kind {
            "disk" => Ok(()),
            "cdrom" => self.flag("cdrom").map(drop),
            _ => Err(field.malformed(DEVICE_TYPE)),
        }
    }
}

const DEVICE_TYPE: &str = "disk or cdrom";

fn field(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: RawValue::Text(value.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(text: &str) -> (String, String, bool) {
        let disk = Disk::from_xl(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        (disk.path.display().to_string(), disk.device().to_string(), disk.writable)
    }

    #[test]
    fn the_manual_s_examples() {
        let expected = ("/dev/vg/guest-volume".to_owned(), "hda".to_owned(), true);
        for text in [
            "/dev/vg/guest-volume,,hda",
            "/dev/vg/guest-volume,raw,hda,rw",
            "format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume",
            "raw:/dev/vg/guest-volume,hda,w",
        ] {
            assert_eq!(disk(text), expected, "{text}");
        }
        assert_eq!(
            disk("phy:/dev/vg/guest,xvda,r"),
            ("/dev/vg/guest".to_owned(), "xvda".to_owned(), false)
        );
        assert_eq!(disk("vdev=xvdb,target=/a,b").0, "/a,b");
        let cd = Disk::from_xl("/iso,,hdc,cdrom").unwrap();
        assert!(cd.removable && !cd.writable);
        let cd = Disk::from_xl("file:/iso,hdc:cdrom,r").unwrap();
        assert!(cd.removable && !cd.writable && cd.device().as_str() == "hdc");
    }

    #[test]
    fn what_would_be_another_disk_is_refused() {
        for (text, message) in [
            ("", "target is missing"),
            ("/a,qcow2,xvda", "format: `qcow2` is not raw"),
            ("qcow2:/a,,xvda", "target: `qcow2:/a` is not a raw image"),
            ("/a,raw,xvda,x", "access: `x` is not ro or rw"),
            ("/a,raw,disk0", "vdev: `disk0` is not a disk's name"),
            ("/a,raw,xvda,rw,more", "`more` is not known here"),
            ("/a,,xvda,script=block-iscsi", "script: scripts are not run"),
            ("/a,,xvda,backend=disks", "backend: driver domains are not served"),
        ] {
            let error = Disk::from_xl(text).expect_err(text).to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
