//! The pages and ports of a guest's channel, as the guest and its host find them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lightvm::build::{Channel, ChannelSpec, Control, RingSpec};
use lightvm::config::{GuestConfig, GuestOverrides, GuestType};
use lightvm::create::{CreateError, Creator};
use lightvm::domain::{End, Loaded};
use lightvm::xen::{Call, CallMonitor, CopySegment, DomId, ForeignMapping, ShutdownReason, Xen};
use nix::errno::Errno;

use crate::guests::{self, BOTH};
use crate::host::OnXen;
use crate::terminal::{PATIENCE, Terminal};

/// Console, a network interface, a disk with a ring of four pages, a page of user data.
fn noxs() -> ChannelSpec {
    ChannelSpec {
        control: Control::Noxs,
        rings: vec![RingSpec::NET, RingSpec { rings: 1, pages_each: 4 }],
        data_pages: 1,
        grant_frames: 2,
    }
}

fn store() -> ChannelSpec {
    ChannelSpec { control: Control::Store, ..ChannelSpec::none() }
}

fn channel(loaded: &Loaded) -> Channel {
    loaded.channel().expect("a channel").clone()
}

fn map(host: &OnXen, domid: DomId, frames: &[u64]) -> ForeignMapping {
    host.xen.map(domid, frames).expect("pages of the guest")
}

fn words<const N: usize>(memory: &ForeignMapping, offset: usize) -> [u32; N] {
    std::array::from_fn(|n| memory.load(offset + 4 * n, Ordering::Relaxed))
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_noxs_channel_is_ready_before_the_guest_starts() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let config = guests::idle(guest_type);
        let loaded = host.creator.create_with(&config, &noxs()).expect("a guest");
        let channel = channel(&loaded);
        assert_eq!(channel.port, channel.console.port, "{guest_type}");
        assert_eq!(loaded.console_ring(), channel.console);
        assert_eq!(channel.rings.iter().map(|r| r.host.len()).collect::<Vec<_>>(), [2, 4]);
        let page = map(&host, loaded.domid(), &[channel.page]);
        assert_eq!(words::<1024>(&page, 0), [0; 1024], "{guest_type}: the page is the host's");
        for (ring, heads) in channel.rings.iter().zip([2, 1]) {
            let pages = map(&host, loaded.domid(), &ring.host);
            for head in 0..heads {
                assert_eq!(words(&pages, head * 4096), [0, 1, 0, 1, 0], "{guest_type}");
            }
        }
        let mapped = channel.grant_table.is_some() && channel.shared_info.is_some();
        assert_eq!(mapped, guest_type == GuestType::Pvh);
        drop(page);
        drop(loaded);
        host.assert_unchanged("a noxs channel");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_run_with_a_channel_nobody_serves() {
    let host = OnXen::new();
    for (guest_type, spec) in [
        (GuestType::Pvh, noxs()),
        (GuestType::Pv, noxs()),
        (GuestType::Pvh, store()),
        (GuestType::Pv, store()),
    ] {
        let config = guests::config(guests::unikernel("hello", guest_type));
        let loaded = host.creator.create_with(&config, &spec).expect("a guest");
        assert_eq!(
            channel(&loaded).port == loaded.console_ring().port,
            spec.control == Control::Noxs
        );
        let (guest, _) = loaded.hold();
        let mut terminal = Terminal::attach(&guest);
        guest.unpause().expect("started");
        let end = guest.wait(Some(PATIENCE)).expect("waiting").expect("an end in time");
        assert_eq!(end, End::Shutdown(ShutdownReason::Poweroff), "{guest_type} {spec:?}");
        terminal.read_until("its greeting", |text| text.contains("command line"));
        drop(terminal);
        guest.destroy().expect("destroyed");
        host.assert_unchanged("a guest with a channel");
    }
}

/// A guest's first unreserved grant (`GNTTAB_NR_RESERVED_ENTRIES` of `public/grant_table.h`).
const GRANT: u32 = 8;

/// Writes an entry as the guest would: dom0 may read and write `frame`
/// (`struct grant_entry_v1`, `GTF_permit_access`).
fn grant(table: &ForeignMapping, reference: u32, frame: u64) {
    const PERMIT_ACCESS: u32 = 1;
    let at = reference as usize * 8;
    table.store(at + 4, u32::try_from(frame).expect("a small frame"), Ordering::SeqCst);
    table.store(at, PERMIT_ACCESS, Ordering::SeqCst);
}

/// The table that a PVH guest finds mapped is its table: what stands in it is a grant.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn granted_pages_are_copied_and_mapped() {
    let host = OnXen::new();
    let config = guests::idle(GuestType::Pvh);
    let loaded = host.creator.create_with(&config, &noxs()).expect("a guest");
    let (domid, channel) = (loaded.domid(), channel(&loaded));
    let (first, count) = channel.grant_table.expect("a grant table");
    assert_eq!(count, 2);
    let table = map(&host, domid, &[first, first + 1]);
    let (one, two) = (channel.rings[1].host[1], channel.rings[1].host[2]);
    grant(&table, GRANT, one);
    grant(&table, 512 + GRANT, two);
    let grants = host.xen.grants().expect("gntdev");

    let text = [7; 4096];
    let mut piece = [0; 100];
    let mut segments = [
        CopySegment::write(GRANT, 0, &text),
        CopySegment::write(512 + GRANT, 4000, &text[..96]),
        CopySegment::write(512 + GRANT, 4001, &text[..96]),
        CopySegment::read(GRANT + 1, 0, &mut piece),
        CopySegment::write(GRANT, 0, &[]),
    ];
    grants.copy(domid, &mut segments).expect("a call");
    let done: Vec<bool> = segments.iter().map(CopySegment::is_done).collect();
    assert_eq!(done, [true, true, false, false, true], "{segments:?}");
    let mut read = CopySegment::read(512 + GRANT, 3950, &mut piece);
    grants.copy(domid, std::slice::from_mut(&mut read)).expect("a call");
    assert!(read.is_done());
    assert_eq!((&piece[..50], &piece[50..]), (&[0; 50][..], &[7; 50][..]));

    let mapping = grants.map(domid, &[512 + GRANT, GRANT]).expect("granted pages");
    assert_eq!((mapping.len(), mapping.fetch_or(4096, 0)), (8192, 0x0707_0707));
    mapping.store(0, 0x1234, Ordering::SeqCst);
    assert_eq!(words(&map(&host, domid, &[two]), 0), [0x1234]);
    let refused = grants.map(domid, &[GRANT + 1]).expect_err("no such grant");
    assert_eq!(refused.errno(), Some(Errno::EINVAL), "{refused}");
    drop((mapping, table, grants));
    drop(loaded);
    host.assert_unchanged("grants");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn devices_need_somebody_who_serves_them() {
    let host = OnXen::new();
    let refused = |overrides: GuestOverrides| {
        let error = host.creator.create(&guests::config(overrides)).expect_err("nobody serves it");
        assert!(matches!(error, CreateError::NeedsDaemon), "{error}");
    };
    let noop = || guests::unikernel("noop", GuestType::Pvh);
    refused(GuestOverrides { nic: Some(vec![Default::default()]), ..noop() });
    refused(GuestOverrides { control: "noxs".parse().ok(), ..noop() });
    host.assert_unchanged("refusals");
}

#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicUsize>);

impl CallMonitor for Counter {
    fn before(&self, _: Call) -> Result<(), Errno> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Calls are what creating a guest costs; a channel with a device adds four.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_channel_costs_few_calls() {
    let host = OnXen::new();
    let counter = Counter::default();
    let xen = Xen::open_monitored(Box::new(counter.clone())).expect("Xen");
    let creator = Creator::new(&xen);
    let calls = |config: &GuestConfig, spec: &ChannelSpec| {
        drop(creator.create_with(config, spec).expect("a guest"));
        counter.0.store(0, Ordering::Relaxed);
        let loaded = creator.create_with(config, spec).expect("a guest");
        let calls = counter.0.load(Ordering::Relaxed);
        drop(loaded);
        calls
    };
    let plain = guests::idle(GuestType::Pvh);
    let spec = ChannelSpec { rings: vec![RingSpec::NET], data_pages: 0, ..noxs() };
    let (without, with) = (calls(&plain, &ChannelSpec::none()), calls(&plain, &spec));
    println!("calls | without a channel {without}, with console and a network interface {with}");
    assert!(with <= without + 4, "{without} calls without, {with} with");
    drop(creator);
    drop(xen);
    host.assert_unchanged("counted guests");
}
