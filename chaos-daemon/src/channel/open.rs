//! Making a guest's page, or taking one over.

use lightvm::build;
use lightvm::xen::{DomId, ForeignMapping, Xen, XenError};
use noxs::doorbell::{Rung, TO_HOST_LOG, TO_HOST_REPORT};
use noxs::identity::{Name, Overflow};
use noxs::layout::USER_INLINE;
use noxs::page::{GrantTable, Header, HostPage};
use uuid::Uuid;

use super::Channel;
use crate::shard::Plug;

/// What is written into a guest's page.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The guest's domain.
    pub domain: DomId,
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What is handed to it.
    pub user_data: &'a [u8],
    /// Its devices.
    pub plugs: &'a [Plug],
    /// Whether it runs already, with a page that an earlier daemon wrote.
    pub running: bool,
    /// Its page, when it is mapped already.
    pub page: Option<ForeignMapping>,
}

/// Makes the page of a guest that is not running yet, or takes over that of one that is.
///
/// # Errors
/// [`XenError`] when the guest's memory cannot be mapped.
pub fn open(
    xen: &Xen,
    place: &build::Channel,
    mut opening: Opening<'_>,
) -> Result<Channel, XenError> {
    let memory = match opening.page.take() {
        Some(page) => page,
        None => xen.map(opening.domain, &[place.page])?,
    };
    let header = header(place, opening.uuid);
    let page = match opening.running {
        true => HostPage::adopt(memory, &header),
        false => HostPage::create(memory, &header),
    };
    let late = if opening.running { everything() } else { Rung::default() };
    let mut channel = Channel { port: place.port, page, late, lies: 0 };
    let overflow = write_overflow(xen, place, &opening)?;
    let inline = &opening.user_data[..opening.user_data.len().min(USER_INLINE)];
    channel.page.set_identity(Name::new(opening.name), inline, overflow);
    for plug in opening.plugs {
        channel.show(plug);
    }
    if !opening.running {
        // Nobody is there to be told; the guest finds it all when it starts.
        let _ = channel.flush();
    }
    Ok(channel)
}

/// What a guest that is taken over may have rung for.
fn everything() -> Rung {
    Rung { devices: u32::MAX, services: TO_HOST_REPORT | TO_HOST_LOG }
}

fn header(place: &build::Channel, uuid: Uuid) -> Header {
    let table = place.grant_table;
    Header {
        uuid: *uuid.as_bytes(),
        port: place.port,
        grant_table: table.map(|(first_frame, frames)| GrantTable { first_frame, frames }),
        shared_info: place.shared_info,
    }
}

/// Writes the user data that the page has no room for; answers where, and the length of
/// all of it.
fn write_overflow(
    xen: &Xen,
    place: &build::Channel,
    opening: &Opening<'_>,
) -> Result<Option<(Overflow, u32)>, XenError> {
    let (Some(rest), Some(pages)) = (opening.user_data.get(USER_INLINE..), &place.user_data) else {
        return Ok(None);
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let memory: ForeignMapping = xen.map(opening.domain, &pages.host)?;
    memory.write(0, &rest[..rest.len().min(memory.len())]);
    // A few pages.
    let count = u32::try_from(pages.host.len()).unwrap_or(u32::MAX);
    let len = u32::try_from(opening.user_data.len()).unwrap_or(u32::MAX);
    Ok(Some((Overflow { frame: pages.guest_first, pages: count }, len)))
}
