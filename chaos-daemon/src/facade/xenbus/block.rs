//! Nodes of a block device: `public/io/blkif.h`.

use serde::{Deserialize, Serialize};

use super::front::{FrontEnd, Reader};

/// Largest ring in pages, as a power of two; the front end may not exceed it whatever
/// the back end offers.
const MAX_RING_ORDER: u32 = 4;

/// A block device as the host offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// Number of the virtual device (51712 is `xvda`).
    pub number: u32,
    /// Its name: `xvda`.
    pub name: String,
    /// May be written.
    pub writable: bool,
    /// Has a medium that may change.
    pub removable: bool,
    /// Nodes of the back end: sizes and features, by name.
    pub offer: Vec<(String, String)>,
}

/// How the front end lays out its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockAbi {
    /// A 64-bit guest.
    X86_64,
    /// A 32-bit guest.
    X86_32,
}

/// What a block front end said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockFront {
    /// Grants of the ring's pages, in order: 1, 2, 4, 8 or 16.
    pub ring: Vec<u32>,
    /// The guest's event channel.
    pub port: u32,
    /// Layout of its requests.
    pub abi: BlockAbi,
    /// Its data pages stay granted.
    #[serde(default)]
    pub persistent: bool,
}

impl BlockDevice {
    /// Nodes the guest reads in the back end's folder.
    pub(super) fn offer(&self) -> Vec<(String, String)> {
        let nodes = [
            ("dev", self.name.clone()),
            ("type", "phy".into()),
            ("mode", if self.writable { "w" } else { "r" }.into()),
            ("device-type", "disk".into()),
            ("removable", u8::from(self.removable).to_string()),
        ];
        let nodes = nodes.into_iter().map(|(name, value)| (name.to_owned(), value));
        nodes.chain(self.offer.iter().cloned()).collect()
    }

    /// Nodes the guest reads in its own folder.
    pub(super) fn front_nodes(&self) -> Vec<(String, String)> {
        vec![
            ("virtual-device".to_owned(), self.number.to_string()),
            ("device-type".to_owned(), "disk".to_owned()),
        ]
    }
}

impl BlockFront {
    /// `persistent`: whether the front end was offered that its pages may stay granted.
    pub(super) fn read(reader: &Reader<'_>, persistent: bool) -> Result<BlockFront, FrontEnd> {
        let abi = match reader.text("protocol") {
            None | Some("x86_64-abi") => BlockAbi::X86_64,
            Some("x86_32-abi") => BlockAbi::X86_32,
            Some(_) => {
                return Err(FrontEnd::Unsupported(
                    "a protocol other than x86_64-abi and x86_32-abi",
                ));
            }
        };
        let (ring, port) = (ring(reader)?, reader.needed("event-channel")?);
        let wanted = reader.number("feature-persistent")?.is_some_and(|bit| bit != 0);
        let persistent = persistent && wanted;
        Ok(BlockFront { ring, port, abi, persistent })
    }
}

fn ring(reader: &Reader<'_>) -> Result<Vec<u32>, FrontEnd> {
    let pages = match (reader.number("ring-page-order")?, reader.number("num-ring-pages")?) {
        (Some(order), _) if order <= MAX_RING_ORDER => 1 << order,
        (None, Some(pages)) if pages.is_power_of_two() && pages <= 1 << MAX_RING_ORDER => pages,
        (None, None) => return Ok(vec![reader.needed("ring-ref")?]),
        _ => return Err(FrontEnd::Unsupported("a ring of more than 16 pages")),
    };
    // A ring of one page may be named either way.
    if pages == 1 && reader.text("ring-ref0").is_none() {
        return Ok(vec![reader.needed("ring-ref")?]);
    }
    (0..pages).map(|n| reader.needed(&format!("ring-ref{n}"))).collect()
}
