//! Items of `xl.cfg`'s `vif` list, as xl-network-configuration(5) describes them.

use super::fields::{self, Field};
use super::{DeviceError, Nic};

impl Nic {
    /// Reads `mac=…,bridge=…,…`. Parts of lightvm's own, such as `network`, are taken too.
    pub(in super::super) fn from_xl(text: &str) -> Result<Self, DeviceError> {
        let mut nic = Nic::default();
        for field in fields::of_text(text) {
            if !is_ignored(&field)? {
                nic.set(&field)?;
            }
        }
        nic.check()?;
        Ok(nic)
    }
}

/// Whether the interface is the same without this part. Refuses those it would not be.
fn is_ignored(field: &Field) -> Result<bool, DeviceError> {
    match field.name.as_str() {
        // What a back end of the host's kernel is called, and how a device model shows it.
        "vifname" | "model" | "type" | "devid" | "trusted" | "accel" => Ok(true),
        "script" if field.text("a script")?.ends_with("vif-bridge") => Ok(true),
        "script" => Err(field.not_served(
            "scripts are not run; the daemon attaches the interface itself: name a `network`",
        )),
        "backend" if matches!(field.text("a domain")?, "0" | "Domain-0") => Ok(true),
        "backend" | "backendname" | "backend-id" => {
            Err(field.not_served("driver domains are not served; leave it out"))
        }
        "gatewaydev" | "vifscript" => {
            Err(field.not_served("name a `network` whose uplink is routed instead"))
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_administrators_write_them() {
        let nic =
            Nic::from_xl("mac=00:16:3e:00:00:01, bridge=xenbr0, ip=10.0.0.5 fd00::5").unwrap();
        assert_eq!(nic.bridge.as_deref(), Some("xenbr0"));
        let addresses: Vec<_> = nic.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.0.0.5/32", "fd00::5/128"]);
        assert_eq!(Nic::from_xl(""), Ok(Nic::default()));
        let nic = Nic::from_xl("script=vif-bridge,vifname=v1,model=e1000,rate=10Mb/s@50ms");
        assert_eq!(nic.unwrap().rate.unwrap().to_string(), "1250000B/s");
    }

    #[test]
    fn what_would_be_another_interface_is_refused() {
        for text in ["script=vif-route", "backend=net1", "gatewaydev=eth0"] {
            let error = Nic::from_xl(text).expect_err(text);
            assert!(matches!(error, DeviceError::NotServed { .. }), "{text}: {error}");
        }
        assert!(matches!(Nic::from_xl("colour=1"), Err(DeviceError::UnknownField { .. })));
    }
}
