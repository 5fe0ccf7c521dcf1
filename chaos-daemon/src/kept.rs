//! Pages that a front end keeps granted, and that are therefore kept mapped: a copy from or to
//! them takes no call of the system.
//!
//! A guest says that it keeps them by `GRANTS_STAY` (`docs/noxs.md`). Nothing is believed but that
//! mapping pays: what it writes into a page meanwhile is read as ever, once and by copy; a page that
//! it stops granting stays mapped, which Xen has the guest see, until the device is disconnected;
//! and a page that cannot be mapped is copied by the hypervisor, which says what is wrong with it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lightvm::xen::{DomId, GrantDevice, GrantMapping, GrantView, XenError};

/// Pages mapped by all devices together, a quarter of what the kernel lets a process map by
/// default (`vm.max_map_count`, 65,530).
const MOST_OF_ALL: usize = 16_384;
/// A page used again within this time is worth mapping. What is broadcast to a guest that does
/// nothing comes less often, and the memory of its mappings is saved.
const SOON: Duration = Duration::from_secs(60);

static MAPPED: AtomicUsize = AtomicUsize::new(0);

/// How a page is mapped.
pub trait Mapping: Sized {
    /// Maps the page that `domain` grants as `gref`.
    ///
    /// # Errors
    /// [`XenError`].
    fn map(grants: &GrantDevice, domain: DomId, gref: u32) -> Result<Self, XenError>;
}

impl Mapping for GrantMapping {
    fn map(grants: &GrantDevice, domain: DomId, gref: u32) -> Result<Self, XenError> {
        grants.map(domain, &[gref])
    }
}

impl Mapping for GrantView {
    fn map(grants: &GrantDevice, domain: DomId, gref: u32) -> Result<Self, XenError> {
        grants.view(domain, gref)
    }
}

/// The pages of one device that are kept mapped, by their grants.
#[derive(Debug)]
pub struct Kept<M> {
    pages: BTreeMap<u32, Page<M>>,
    most: usize,
}

#[derive(Debug)]
enum Page<M> {
    /// Used then, and not mapped.
    Used(Instant),
    Mapped(M, #[expect(dead_code, reason = "counts while it lives")] Share),
    /// It cannot be mapped.
    Refused,
}

/// One page of [`MOST_OF_ALL`].
#[derive(Debug)]
struct Share(&'static AtomicUsize);

impl Share {
    fn take(of: &'static AtomicUsize, most: usize) -> Option<Share> {
        if of.fetch_add(1, Ordering::Relaxed) < most {
            return Some(Share(of));
        }
        of.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<M: Mapping> Kept<M> {
    /// The page that `domain` grants as `gref`. `None`: it is not mapped, and to be copied by the
    /// hypervisor.
    pub fn page(
        &mut self,
        gref: u32,
        grants: &GrantDevice,
        domain: DomId,
        now: Instant,
    ) -> Option<&M> {
        self.page_by(gref, now, || M::map(grants, domain, gref))
    }
}

impl<M> Kept<M> {
    /// Keeps at most `most` pages; 0 where the guest does not say that its grants stay.
    pub fn new(most: usize) -> Kept<M> {
        Kept { pages: BTreeMap::new(), most }
    }

    fn page_by<E>(
        &mut self,
        gref: u32,
        now: Instant,
        map: impl FnOnce() -> Result<M, E>,
    ) -> Option<&M> {
        let has_room = self.pages.len() < self.most;
        let page = match self.pages.entry(gref) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(place) => {
                if has_room {
                    place.insert(Page::Used(now));
                }
                return None;
            }
        };
        if let Page::Used(before) = page {
            let soon = now.saturating_duration_since(*before) < SOON;
            *page = if soon { Page::of(map, now) } else { Page::Used(now) };
        }
        match page {
            Page::Mapped(mapping, _) => Some(mapping),
            Page::Used(_) | Page::Refused => None,
        }
    }
}

impl<M> Page<M> {
    fn of<E>(map: impl FnOnce() -> Result<M, E>, now: Instant) -> Page<M> {
        // Others may give some back.
        let Some(share) = Share::take(&MAPPED, MOST_OF_ALL) else { return Page::Used(now) };
        map().map_or(Page::Refused, |mapping| Page::Mapped(mapping, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(kept: &mut Kept<u32>, gref: u32, now: Instant) -> Option<u32> {
        kept.page_by(gref, now, || Ok::<_, ()>(gref)).copied()
    }

    #[test]
    fn a_page_is_mapped_when_it_is_used_again_soon() {
        let (mut kept, now) = (Kept::new(2), Instant::now());
        assert_eq!(map(&mut kept, 7, now), None);
        assert_eq!(map(&mut kept, 7, now + SOON), None);
        assert_eq!(map(&mut kept, 7, now + SOON + SOON / 2), Some(7));
        let again = || -> Result<u32, ()> { panic!("mapped twice") };
        assert_eq!(kept.page_by(7, now + SOON * 9, again), Some(&7));
    }

    #[test]
    fn a_page_that_cannot_be_mapped_is_tried_once() {
        let (mut kept, now) = (Kept::<u32>::new(2), Instant::now());
        assert_eq!(kept.page_by(7, now, || Err(())), None);
        assert_eq!(kept.page_by(7, now, || Err(())), None);
        assert_eq!(kept.page_by(7, now, || -> Result<u32, ()> { panic!("tried twice") }), None);
    }

    #[test]
    fn a_device_has_a_bound_and_one_that_promises_nothing_none_mapped() {
        let (mut kept, now) = (Kept::new(2), Instant::now());
        for _ in 0..2 {
            for gref in 0..9 {
                map(&mut kept, gref, now);
            }
        }
        assert_eq!((map(&mut kept, 1, now), map(&mut kept, 2, now)), (Some(1), None));
        assert_eq!(kept.pages.len(), 2);
        let mut none = Kept::new(0);
        assert_eq!((map(&mut none, 1, now), map(&mut none, 1, now)), (None, None));
    }

    #[test]
    fn all_devices_together_have_a_bound() {
        static OF: AtomicUsize = AtomicUsize::new(0);
        let first = Share::take(&OF, 1);
        assert!(first.is_some() && Share::take(&OF, 1).is_none());
        drop(first);
        assert!(Share::take(&OF, 1).is_some());
    }
}
