//! Every attack and what becomes of it. `docs/hostile.md` is this table, printed.

use lightvm::xen::ShutdownReason;

use Count::{Broadcasts, Errors, Held, LogRecords, Printed, Refused, Spoofed};
use Outcome::{Counted, Disconnected, Either, Ended, Harmless, Limited};
use Part::{Console, Disk, Nic, Store};

/// What the host makes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What is wrong is counted and dropped, the device goes on.
    Counted(Count),
    /// The guest gets its share and no more; what is beyond is counted.
    Limited(Count),
    /// The device is disconnected, with a reason that has this in it. The guest goes on.
    Disconnected(Part, &'static str),
    /// The guest ends by it, as Xen says; without a reason the daemon has destroyed it.
    Ended(Option<ShutdownReason>),
    /// Nothing comes of it.
    Harmless,
    /// Guest and host race: one of these.
    Either(&'static [Outcome]),
}

/// A counter that the attack moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Wrong requests of the guest's devices.
    Errors,
    /// Frames in another's name.
    Spoofed,
    /// Frames to groups above the bound, or to nobody.
    Broadcasts,
    /// Events above the allowance: its port was kept masked.
    Held,
    /// Lies on its page, requests that its store refused.
    Refused,
    /// Log records above the rate.
    LogRecords,
    /// Console output that waited for its rate.
    Printed,
}

/// What can be disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Nic,
    Disk,
    Console,
    Store,
}

/// One attack.
pub(super) struct Attack {
    /// Its name on the command line of `hostile`.
    pub(super) name: &'static str,
    does: &'static str,
    pub(super) outcome: Outcome,
    why: &'static str,
}

const fn attack(
    name: &'static str,
    does: &'static str,
    outcome: Outcome,
    why: &'static str,
) -> Attack {
    Attack { name, does, outcome, why }
}

const RING: &str = "the ring's indexes are";
/// Whichever bound is met first.
const FLOOD: Outcome = Either(&[Limited(Broadcasts), Limited(Held), Harmless]);
/// A host so slow that the guest never gets to the bound has nothing to hold back.
const WAKES: Outcome = Either(&[Limited(Held), Harmless]);
const POWEROFF: Outcome = Ended(Some(ShutdownReason::Poweroff));

/// Attacks of the same kind.
pub(super) struct Kind {
    title: &'static str,
    pub(super) attacks: &'static [Attack],
}

const fn kind(title: &'static str, attacks: &'static [Attack]) -> Kind {
    Kind { title, attacks }
}

/// All attacks but those on a store.
pub(super) const NATIVE: &[Kind] = &[
    kind("Transmit ring of a network interface", TRANSMIT),
    kind("Receive ring of a network interface", RECEIVE),
    kind("Traffic", TRAFFIC),
    kind("Ring of a disk", BLOCK),
    kind("Console", CONSOLE),
    kind("The noxs page", PAGE),
    kind("Xen", XEN),
];

/// Attacks of a guest that has a store of its own (`--control facade`).
pub(super) const FACADE: &[Kind] = &[kind("XenStore, of a guest with `control = facade`", STORE)];

const TRANSMIT: &[Attack] = &[
    attack("net-tx-wild-index", "the producer index jumps by 2³¹", Disconnected(Nic, RING), ""),
    attack("net-tx-index-back", "the producer index goes back", Disconnected(Nic, RING), ""),
    attack("net-tx-over-full", "one request more than the ring holds", Disconnected(Nic, RING), ""),
    attack(
        "net-tx-responses",
        "the host's own response index is overwritten before the host first reads it",
        Counted(Errors),
        "slots that were never filled are read as requests, and refused",
    ),
    attack(
        "net-tx-events",
        "both event words change all the time",
        Harmless,
        "at worst the guest is told too often or too rarely",
    ),
    attack(
        "net-tx-wild-id",
        "request numbers nobody would use",
        Harmless,
        "numbers are the guest's own, given back as they came",
    ),
    attack("net-tx-too-long", "a packet of 65535 bytes in one slot", Counted(Errors), ""),
    attack(
        "net-tx-over-the-page",
        "a packet that runs over the end of its page",
        Counted(Errors),
        "",
    ),
    attack("net-tx-too-short", "packets of 0 and 13 bytes", Counted(Errors), ""),
    attack(
        "net-tx-chain-lies",
        "slots of a packet that are longer than the packet, or too short for it",
        Counted(Errors),
        "",
    ),
    attack(
        "net-tx-chain-endless",
        "a packet that never ends, over the whole ring",
        Disconnected(Nic, "a packet in more than 20 pieces"),
        "",
    ),
    attack(
        "net-tx-chain-cut",
        "a packet whose last slots never come",
        Disconnected(Nic, "whose rest is missing"),
        "",
    ),
    attack(
        "net-tx-extra-wild",
        "extra information of kinds that do not exist",
        Disconnected(Nic, "extra information of a kind there is not"),
        "",
    ),
    attack(
        "net-tx-extra-endless",
        "extra information without end",
        Either(&[
            Disconnected(Nic, "whose rest is missing"),
            Disconnected(Nic, "extra information without an end"),
        ]),
        "as much of it as is there when the host looks",
    ),
    attack("net-tx-gso-lies", "segmentation with impossible kinds and sizes", Counted(Errors), ""),
    attack("net-tx-csum-lies", "blank checksums in packets that have none", Counted(Errors), ""),
    attack("net-tx-bad-grant", "grants that do not exist", Counted(Errors), ""),
    attack(
        "net-tx-foreign-frame",
        "grants of frames that are not the guest's",
        Counted(Errors),
        "Xen does not copy them",
    ),
    attack(
        "net-tx-grant-vanishes",
        "grants taken back while the host may copy",
        Counted(Errors),
        "packets are copied by Xen, whole or not at all",
    ),
    attack(
        "net-tx-kept-vanishes",
        "grants that were said to stay are taken back and name other frames while they are mapped",
        Counted(Errors),
        "a mapped page stays the one it was; once it is unmapped, Xen copies, and refuses",
    ),
    attack(
        "net-tx-rewrite",
        "requests and packets changed while the host may read them",
        Either(&[Counted(Errors), Disconnected(Nic, "the guest broke the protocol")]),
        "each request is read once and judged as it was then",
    ),
];

const RECEIVE: &[Attack] = &[
    attack("net-rx-wild-index", "the producer index jumps by 2³⁰", Disconnected(Nic, RING), ""),
    attack(
        "net-rx-responses",
        "the host's own response index is overwritten before the host first reads it",
        Disconnected(Nic, RING),
        "",
    ),
    attack("net-rx-bad-grant", "buffers that do not exist", Counted(Errors), ""),
    attack("net-rx-read-only", "buffers the host may not write", Counted(Errors), ""),
    attack(
        "net-rx-same-buffer",
        "one buffer offered 200 times",
        Harmless,
        "it is overwritten as often",
    ),
    attack(
        "net-rx-no-buffer",
        "asks for answers without a buffer for them",
        Harmless,
        "they wait, in 4 MiB at most",
    ),
];

const TRAFFIC: &[Attack] = &[
    attack(
        "net-flood-broadcast",
        "800 broadcasts as fast as they go",
        FLOOD,
        "400 at once and 200 a second pass; a slow host bounds its events before, or never sees so many",
    ),
    attack(
        "net-flood-multicast",
        "the same to all nodes' multicast address",
        FLOOD,
        "as broadcasts",
    ),
    attack(
        "net-flood-unknown",
        "the same to addresses nobody has",
        Harmless,
        "they leave by the uplink; no other guest gets them",
    ),
    attack("net-spoof-mac", "64 frames from other hardware addresses", Counted(Spoofed), ""),
    attack(
        "net-spoof-many-macs",
        "800 frames from as many hardware addresses",
        Counted(Spoofed),
        "nothing is learned from a pinned port",
    ),
    attack("net-spoof-ip", "packets from 64 neighbours' IPv4 addresses", Counted(Spoofed), ""),
    attack(
        "net-spoof-arp",
        "ARP replies that claim 64 neighbours' addresses",
        Counted(Spoofed),
        "",
    ),
    attack("net-spoof-nd", "IPv6 neighbour advertisements that do", Counted(Spoofed), ""),
];

const BLOCK: &[Attack] = &[
    attack("block-wild-index", "the producer index jumps by 2³⁰", Disconnected(Disk, RING), ""),
    attack(
        "block-responses",
        "the host's own response index is overwritten before the host first reads it",
        Disconnected(Disk, RING),
        "",
    ),
    attack("block-wild-sector", "sectors beyond the disk and around 2⁶⁴", Counted(Errors), ""),
    attack("block-wild-segments", "0, 12 and 255 segments", Counted(Errors), ""),
    attack(
        "block-wild-range",
        "segments that end before they begin or outside their page",
        Counted(Errors),
        "",
    ),
    attack("block-wild-operation", "operations that do not exist", Counted(Errors), ""),
    attack("block-bad-grant", "grants that do not exist", Counted(Errors), ""),
    attack(
        "block-read-only-grant",
        "reading into a page the host may not write",
        Counted(Errors),
        "",
    ),
    attack(
        "block-grant-vanishes",
        "grants taken back while the host may copy",
        Counted(Errors),
        "data is copied by Xen, whole or not at all",
    ),
    attack(
        "block-same-id",
        "32 requests of one number at a time",
        Harmless,
        "numbers are the guest's own, given back as they came",
    ),
    attack(
        "block-flush-storm",
        "2,000 flushes",
        Harmless,
        "flushes that wait for the same data are one",
    ),
    attack("block-discard-wild", "ranges beyond the disk and around 2⁶⁴", Counted(Errors), ""),
    attack(
        "block-indirect-wild",
        "indirect requests with impossible counts, operations and lists",
        Counted(Errors),
        "",
    ),
    attack(
        "block-indirect-itself",
        "a list that names its own page as the buffer",
        Harmless,
        "the list was read before the data is moved",
    ),
    attack(
        "block-indirect-rewrite",
        "a list changed while the host may read it",
        Either(&[Counted(Errors), Harmless]),
        "the list is copied once and judged as it was then",
    ),
    attack(
        "block-rewrite",
        "requests changed while the host may read them",
        Either(&[Counted(Errors), Harmless]),
        "each request is read once and judged as it was then",
    ),
];

const CONSOLE: &[Attack] = &[
    attack("console-out-wild", "output positions that cannot be", Disconnected(Console, RING), ""),
    attack(
        "console-consumed-lies",
        "the host's own position is overwritten",
        Either(&[Harmless, Disconnected(Console, RING)]),
        "the host reads it once, when it takes the console up",
    ),
    attack(
        "console-in-wild",
        "input positions that cannot be",
        Harmless,
        "nobody types; who does finds the console disconnected",
    ),
    attack(
        "console-flood",
        "320 KiB of control characters",
        Either(&[Harmless, Limited(Printed)]),
        "2 KiB at a time and 256 KiB a second; the log keeps the last 2 MiB",
    ),
];

const PAGE: &[Attack] = &[
    attack("page-header", "the header is overwritten", Harmless, "the host does not read it back"),
    attack(
        "page-table",
        "the device table is overwritten",
        Harmless,
        "frames are kept elsewhere; devices come and go as the guest says it uses them",
    ),
    attack(
        "page-identity",
        "the identity is overwritten",
        Harmless,
        "the host does not read it back",
    ),
    attack("page-everything", "all of the page is overwritten", Counted(Refused), ""),
    attack(
        "page-frames",
        "every device's ring frames point elsewhere",
        Harmless,
        "frames are kept elsewhere",
    ),
    attack(
        "page-features",
        "devices taken into use and left 500 times",
        Harmless,
        "they are connected and disconnected",
    ),
    attack("page-states", "states in any order, and some that do not exist", Counted(Refused), ""),
    attack("page-acknowledge", "answers to requests nobody made", Counted(Refused), ""),
    attack(
        "page-doorbells",
        "every bit of every doorbell, 20,000 times",
        WAKES,
        "1,000 wakes at once and 10,000 a second; 16 and 32 for nothing; fewer harm nobody",
    ),
    attack("page-asleep", "both sleep words lie, 5,000 events", WAKES, "as above"),
    attack(
        "log-wild",
        "log positions that cannot be",
        Counted(Refused),
        "what the log held is skipped",
    ),
    attack(
        "log-records",
        "records with impossible lengths and severities",
        Counted(Refused),
        "what the log held is skipped",
    ),
    attack(
        "log-consumed",
        "the host's own position is overwritten",
        Harmless,
        "the host does not read it back",
    ),
    attack(
        "log-flood",
        "20,000 records of control characters and bad UTF-8",
        Either(&[Limited(LogRecords), Harmless]),
        "500 at once and 100 a second, fewer are written; what is no text is escaped",
    ),
];

const XEN: &[Attack] = &[
    attack("call-storm", "50,000 hypercalls that make no sense", Harmless, "Xen refuses each"),
    attack(
        "call-xen-console",
        "1,000 lines for Xen's own console",
        Harmless,
        "a release build of Xen drops them or bounds their rate",
    ),
    attack("event-storm", "50,000 events without a reason", WAKES, "as `page-doorbells`"),
    attack(
        "event-guess",
        "events to every port there may be",
        Harmless,
        "Xen refuses ports that are not the guest's",
    ),
    attack(
        "event-hoard",
        "allocates event channels until Xen refuses",
        Harmless,
        "Xen bounds them; those of the devices were there before",
    ),
    attack(
        "event-close",
        "closes the event channel to the host, then powers off",
        POWEROFF,
        "nobody hears it any more; it ends as any guest",
    ),
    attack(
        "memory-rings",
        "gives the ring pages back to Xen before the host has mapped them",
        Either(&[Disconnected(Nic, "a page of the guest cannot be reached"), Harmless]),
        "a PV guest keeps what its own page tables map, so the pages are still there",
    ),
    attack(
        "memory-page",
        "gives the noxs page back to Xen, then powers off",
        POWEROFF,
        "dom0's mapping keeps the page until the guest is gone",
    ),
    attack(
        "grant-version",
        "switches the grant table's layout, fills it with nonsense",
        Harmless,
        "nobody uses what it grants",
    ),
    attack(
        "end-wild",
        "ends with a reason that does not exist",
        Ended(None),
        "a reason that nobody knows destroys the guest",
    ),
    attack(
        "end-watchdog",
        "lets a watchdog of its own end it",
        Ended(Some(ShutdownReason::Watchdog)),
        "then what `on_watchdog` says",
    ),
];

const STORE: &[Attack] = &[
    attack(
        "store-index",
        "ring positions that cannot be",
        Disconnected(Store, "more than 1024 bytes apart"),
        "",
    ),
    attack(
        "store-long",
        "messages longer than may be",
        Disconnected(Store, "announces more than 4096 bytes"),
        "",
    ),
    attack("store-half", "a message that stops in its header", Harmless, "the rest is waited for"),
    attack("store-kinds", "every kind of request with every kind of payload", Counted(Refused), ""),
    attack("store-paths", "paths of others, and paths that are none", Counted(Refused), ""),
    attack("store-nodes", "1,500 nodes", Limited(Refused), "1,000 nodes are its share"),
    attack("store-watches", "200 watches", Limited(Refused), "128 are its share"),
    attack("store-transactions", "50 transactions at a time", Limited(Refused), "10 are its share"),
    attack("store-values", "50 nodes of 4 KiB", Limited(Refused), "a node has 2 KiB at most"),
    attack("store-deep", "paths of 1,500 levels", Counted(Refused), ""),
    attack(
        "store-deaf",
        "requests without reading any answer",
        Harmless,
        "with 20 answers unread no request is taken",
    ),
];

impl Outcome {
    fn text(self) -> String {
        match self {
            Counted(count) => format!("counted and dropped: {}", count.text()),
            Limited(count) => format!("limited: {}", count.text()),
            Disconnected(part, reason) => format!("{} disconnected: *…{reason}…*", part.text()),
            Ended(Some(reason)) => format!("guest ends: {reason:?}").to_lowercase(),
            Ended(None) => "guest destroyed".into(),
            Harmless => "harmless".into(),
            Either(outcomes) => {
                let texts: Vec<_> = outcomes.iter().map(|outcome| outcome.text()).collect();
                texts.join(", or ")
            }
        }
    }
}

impl Count {
    fn text(self) -> &'static str {
        match self {
            Errors => "`errors` of the device",
            Spoofed | Broadcasts => "`out_dropped` of the interface",
            Held => "`held`",
            Refused => "`refused`",
            LogRecords => "`log_dropped`",
            Printed => "`console_throttled`",
        }
    }
}

impl Part {
    fn text(self) -> &'static str {
        match self {
            Nic => "interface",
            Disk => "disk",
            Console => "console",
            Store => "store",
        }
    }
}

const HEAD: &str = "# What becomes of a hostile guest

The guest `hostile` (`guests/hostile`) attacks everything a guest can reach. `hostile::a_neighbour_outlives_every_attack`
(`scripts/test --filter hostile`) runs every attack on real Xen, PVH and PV in turn, beside a guest that answers pings,
and holds each to this table. The host stays up, the neighbour is served, and of the attacker nothing is left when it is
destroyed.

| outcome | |
|---|---|
| counted and dropped | what is wrong is not done, the counter of `GET /v1/guests/GUEST/stats` moves, the device goes on |
| limited | the guest gets its share and no more, the counter moves |
| disconnected | the device is served no longer; `lvm info` and `GET /v1/guests/GUEST` give the reason; the guest goes on |
| guest ends | as Xen says, and then as its `on_*` key says |
| harmless | no device is disconnected, the guest runs on |

A bound that is met only by so many a second is not met on every host: where the guest is too slow for it, nothing has to
be held back, and the row says so.

Every row has been seen so on Xen 4.17 and 4.20.

This file is printed by the table of `chaos-daemon/tests/on_xen/hostile/table.rs`:
`UPDATE_DOCS=1 cargo test -p chaos-daemon --test on_xen hostile`.
";

/// The document.
pub(super) fn document() -> String {
    let mut text = HEAD.to_owned();
    for kind in NATIVE.iter().chain(FACADE) {
        text += &format!(
            "\n## {}\n\n| attack | what it does | what the host does | |\n|---|---|---|---|\n",
            kind.title
        );
        for Attack { name, does, outcome, why } in kind.attacks {
            text += &format!("| `{name}` | {does} | {} | {why} |\n", outcome.text());
        }
    }
    text
}
