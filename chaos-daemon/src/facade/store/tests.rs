//! What a guest is answered, and a simple model that must agree.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::facade::wire::Header;

const GUEST: u16 = 7;

fn store() -> Store {
    let mut store = Store::new(GUEST);
    let home = store.home().clone();
    let own = Permissions::owned(GUEST, Access::NONE);
    store.set(&home.join("data"), "", &own);
    store.set(
        &home.join("name"),
        "seven",
        &Permissions::owned(HOST, Access::NONE).and(GUEST, Access::READ),
    );
    store.set(&home.join("hidden"), "x", &Permissions::owned(HOST, Access::NONE));
    store
}

fn ask_in(store: &mut Store, transaction: u32, kind: Kind, payload: &[u8]) -> Outcome {
    let len = u32::try_from(payload.len()).unwrap();
    store.request(&Header { kind: kind as u32, request: 1, transaction, len }, payload)
}

fn ask(store: &mut Store, kind: Kind, payload: &str) -> Result<String, String> {
    answer(ask_in(store, 0, kind, payload.as_bytes()))
}

fn answer(outcome: Outcome) -> Result<String, String> {
    let text = String::from_utf8(outcome.payload).unwrap();
    match outcome.kind {
        Kind::Error => Err(text.trim_end_matches('\0').to_owned()),
        _ => Ok(text),
    }
}

fn begin(store: &mut Store) -> u32 {
    let id = ask(store, Kind::TransactionStart, "\0").unwrap();
    id.trim_end_matches('\0').parse().unwrap()
}

fn within(store: &mut Store, id: u32, kind: Kind, payload: &str) -> Result<String, String> {
    answer(ask_in(store, id, kind, payload.as_bytes()))
}

fn ok() -> Result<String, String> {
    Ok("OK\0".into())
}

fn err(name: &str) -> Result<String, String> {
    Err(name.into())
}

#[test]
fn reads_and_writes() {
    let mut s = store();
    assert_eq!(ask(&mut s, Kind::Read, "name\0"), Ok("seven".into()));
    assert_eq!(ask(&mut s, Kind::Read, "/local/domain/7/name\0"), Ok("seven".into()));
    assert_eq!(ask(&mut s, Kind::Write, "data/a/b\0value\0with nul"), ok());
    assert_eq!(ask(&mut s, Kind::Read, "data/a/b\0"), Ok("value\0with nul".into()));
    assert_eq!(ask(&mut s, Kind::Read, "data/a\0"), Ok(String::new()));
    assert_eq!(ask(&mut s, Kind::Directory, "data\0"), Ok("a\0".into()));
    assert_eq!(ask(&mut s, Kind::Mkdir, "data/a\0"), ok());
    assert_eq!(ask(&mut s, Kind::Mkdir, "data/c\0"), ok());
    assert_eq!(ask(&mut s, Kind::Directory, "data\0"), Ok("a\0c\0".into()));
    assert_eq!(ask(&mut s, Kind::Rm, "data/a\0"), ok());
    assert_eq!(ask(&mut s, Kind::Rm, "data/a\0"), ok());
    assert_eq!(ask(&mut s, Kind::Rm, "data/x/y\0"), err("ENOENT"));
    assert_eq!(ask(&mut s, Kind::Read, "data/a/b\0"), err("ENOENT"));
    assert_eq!(ask(&mut s, Kind::GetDomainPath, "12\0"), Ok("/local/domain/12\0".into()));
}

#[test]
fn what_is_the_hosts_stays_so() {
    let mut s = store();
    assert_eq!(ask(&mut s, Kind::Write, "name\0eight"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::Rm, "name\0"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::Read, "hidden\0"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::Read, "nothing\0"), err("ENOENT"));
    assert_eq!(ask(&mut s, Kind::Mkdir, "new\0"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::Directory, "/\0"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::Read, "/local/domain/8/name\0"), err("EACCES"));
    assert_eq!(ask(&mut s, Kind::SetPerms, "name\0b7\0"), err("EACCES"));
    for kind in [
        Kind::Control,
        Kind::Introduce,
        Kind::Release,
        Kind::IsDomainIntroduced,
        Kind::Resume,
        Kind::SetTarget,
    ] {
        assert_eq!(ask(&mut s, kind, "7\0"), err("EACCES"));
    }
    for kind in [Kind::WatchEvent, Kind::Error] {
        assert_eq!(ask(&mut s, kind, "7\0"), err("ENOSYS"));
    }
    let unknown = Header { kind: 20, request: 0, transaction: 0, len: 0 };
    assert_eq!(answer(s.request(&unknown, b"")), err("ENOSYS"));
}

/// The numbers of `enum xsd_sockmsg_type` (`public/io/xs_wire.h`), and the flag
/// `XS_FLAG_PRIV` of `wire_funcs` in `tools/xenstore/xenstored_core.c`.
#[test]
fn every_number_of_the_protocol_is_answered_as_to_a_guest() {
    let ok = |text: &str| Ok(text.to_owned());
    let privileged = || err("EACCES");
    let cases = [
        (0, "print-logs\0", privileged()),
        (1, "data\0", ok("")),
        (2, "name\0", ok("seven")),
        (3, "data\0", ok("n7\0")),
        (4, "data\0token\0", ok("OK\0")),
        (5, "data\0token\0", ok("OK\0")),
        (6, "\0", ok("1\0")),
        (7, "T\0", err("ENOENT")),
        (8, "8\x009\x0010\x00", privileged()),
        (9, "8\0", privileged()),
        (10, "7\0", ok("/local/domain/7\0")),
        (11, "data/a\0value", ok("OK\0")),
        (12, "data/b\0", ok("OK\0")),
        (13, "data/b\0", ok("OK\0")),
        (14, "data/a\0n7\0r0\0", ok("OK\0")),
        (15, "data\0token\0", err("ENOSYS")),
        (16, "EINVAL\0", err("ENOSYS")),
        (17, "7\0", privileged()),
        (18, "7\0", privileged()),
        (19, "7\08\0", privileged()),
        (20, "\0", err("ENOSYS")),
        (21, "\0", ok("OK\0")),
        (23, "\0", err("ENOSYS")),
        (128, "\0", err("ENOSYS")),
        (0xffff, "\0", err("ENOSYS")),
        (u32::MAX, "\0", err("ENOSYS")),
    ];
    let mut s = store();
    for (kind, payload, expected) in cases {
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { kind, request: 1, transaction: 0, len };
        let outcome = s.request(&header, payload.as_bytes());
        let said = outcome.kind as u32;
        assert!(said == Kind::Error as u32 || said == kind, "{kind} answered with {said}");
        assert_eq!(answer(outcome), expected, "number {kind}");
    }
    // Number 22 tells the node's generation, then the names from where it was asked.
    let part = ask(&mut s, Kind::DirectoryPart, "data\x000\0").unwrap();
    let (generation, names) = part.split_once('\0').unwrap();
    assert!(generation.parse::<u64>().is_ok(), "{part:?}");
    assert_eq!(names, "a\0\0");
}

#[test]
fn permissions_are_inherited_and_changed_by_their_owner() {
    let mut s = store();
    ask(&mut s, Kind::Mkdir, "data/a\0").unwrap();
    assert_eq!(ask(&mut s, Kind::GetPerms, "data/a\0"), Ok("n7\0".into()));
    assert_eq!(ask(&mut s, Kind::SetPerms, "data/a\0n7\0r0\0"), ok());
    ask(&mut s, Kind::Mkdir, "data/a/b\0").unwrap();
    assert_eq!(ask(&mut s, Kind::GetPerms, "data/a/b\0"), Ok("n7\0r0\0".into()));
    assert_eq!(ask(&mut s, Kind::SetPerms, "data/a\0n0\0"), err("EPERM"));
    assert_eq!(ask(&mut s, Kind::SetPerms, "data/a\0x7\0"), err("EINVAL"));
    assert_eq!(ask(&mut s, Kind::SetPerms, "data/a\0"), err("EINVAL"));
    assert_eq!(ask(&mut s, Kind::SetPerms, "data/a\0n7\0r1\0r2\0r3\0r4\0r5\0"), err("ENOSPC"));
    assert_eq!(ask(&mut s, Kind::SetPerms, "@releaseDomain\0n7\0"), err("EACCES"));
}

#[test]
fn malformed_requests() {
    let mut s = store();
    for payload in ["", "name", "name\0x", "name\0\0", "\0", "a//b\0", "a b\0"] {
        assert_eq!(ask(&mut s, Kind::Read, payload), err("EINVAL"), "{payload:?}");
    }
    assert_eq!(answer(ask_in(&mut s, 0, Kind::Read, b"\xff\0")), err("EINVAL"));
    assert_eq!(ask(&mut s, Kind::Write, "data/a"), err("EINVAL"));
    assert_eq!(ask(&mut s, Kind::Watch, "data\0"), err("EINVAL"));
    assert_eq!(ask(&mut s, Kind::TransactionEnd, "T\0"), err("ENOENT"));
    assert_eq!(within(&mut s, 99, Kind::Read, "name\0"), err("ENOENT"));
}

#[test]
fn a_transaction_is_seen_by_others_when_it_ends() {
    let mut s = store();
    let id = begin(&mut s);
    assert_eq!(within(&mut s, id, Kind::Write, "data/a\x001"), ok());
    assert_eq!(within(&mut s, id, Kind::Read, "data/a\0"), Ok("1".into()));
    assert_eq!(ask(&mut s, Kind::Read, "data/a\0"), err("ENOENT"));
    assert_eq!(within(&mut s, id, Kind::TransactionStart, "\0"), err("EBUSY"));
    assert_eq!(within(&mut s, id, Kind::TransactionEnd, "X\0"), err("EINVAL"));
    let end = ask_in(&mut s, id, Kind::TransactionEnd, b"T\0");
    assert_eq!(end.changed, [s.home().join("data/a")]);
    assert_eq!(ask(&mut s, Kind::Read, "data/a\0"), Ok("1".into()));
    assert_eq!(within(&mut s, id, Kind::Read, "data/a\0"), err("ENOENT"));
}

#[test]
fn an_abandoned_transaction_leaves_nothing() {
    let mut s = store();
    let before = s.clone();
    let id = begin(&mut s);
    within(&mut s, id, Kind::Write, "data/a\x001").unwrap();
    within(&mut s, id, Kind::Rm, "data\0").unwrap();
    assert_eq!(within(&mut s, id, Kind::TransactionEnd, "F\0"), ok());
    assert_eq!(s.tree, before.tree);
}

#[test]
fn only_what_a_transaction_saw_conflicts() {
    let mut s = store();
    let other = s.home().join("control");
    for (seen, changed, answer) in [
        ("data/a", "data/a", err("EAGAIN")),
        ("data/a", "data/b", ok()),
        ("data/a", "data/a/below", err("EAGAIN")),
        ("name", "data/c", ok()),
    ] {
        ask(&mut s, Kind::Write, "data/a\0old").unwrap();
        ask(&mut s, Kind::Write, "data/b\0old").unwrap();
        let id = begin(&mut s);
        within(&mut s, id, Kind::Read, &format!("{seen}\0")).unwrap();
        ask(&mut s, Kind::Write, &format!("{changed}\0new")).unwrap();
        s.set(&other, "the host's changes, too", &Permissions::owned(HOST, Access::NONE));
        let end = within(&mut s, id, Kind::TransactionEnd, "T\0");
        assert_eq!(end, answer, "saw {seen}, changed {changed}");
    }
}

#[test]
fn removal_under_a_transaction_conflicts() {
    let mut s = store();
    ask(&mut s, Kind::Write, "data/a/b\x001").unwrap();
    let id = begin(&mut s);
    within(&mut s, id, Kind::Write, "data/a/c\x001").unwrap();
    ask(&mut s, Kind::Rm, "data/a\0").unwrap();
    assert_eq!(within(&mut s, id, Kind::TransactionEnd, "T\0"), err("EAGAIN"));
    let id = begin(&mut s);
    within(&mut s, id, Kind::Rm, "data\0").unwrap();
    ask(&mut s, Kind::Write, "data/x/y\x001").unwrap();
    assert_eq!(within(&mut s, id, Kind::TransactionEnd, "T\0"), err("EAGAIN"));
}

fn events(outcome: &Outcome) -> Vec<(&str, &str)> {
    outcome.events.iter().map(|e| (e.path.as_str(), e.token.as_str())).collect()
}

#[test]
fn watches_fire_below_their_path_and_as_they_were_written() {
    let mut s = store();
    let set = ask_in(&mut s, 0, Kind::Watch, b"data\0rel\0");
    assert_eq!(events(&set), [("data", "rel")]);
    ask(&mut s, Kind::Watch, "/local/domain/7/data/a\0abs\0").unwrap();
    assert_eq!(ask(&mut s, Kind::Watch, "/local/domain/7/data\0rel\0"), err("EEXIST"));
    let write = ask_in(&mut s, 0, Kind::Write, b"data/a/b\x001");
    assert_eq!(events(&write), [("data/a/b", "rel"), ("/local/domain/7/data/a/b", "abs")]);
    let remove = ask_in(&mut s, 0, Kind::Rm, b"data\0");
    assert_eq!(events(&remove), [("/local/domain/7/data/a", "abs"), ("data", "rel")]);
    assert_eq!(ask(&mut s, Kind::Unwatch, "data\0other\0"), err("ENOENT"));
    assert_eq!(ask(&mut s, Kind::Unwatch, "data\0rel\0"), ok());
    assert_eq!(ask(&mut s, Kind::ResetWatches, "\0"), ok());
    assert_eq!(s.open(), (0, 0));
}

#[test]
fn special_watches_fire_once_when_they_are_set() {
    let mut s = store();
    let set = ask_in(&mut s, 0, Kind::Watch, b"@releaseDomain\0t\0");
    assert_eq!(events(&set), [("@releaseDomain", "t")]);
    assert_eq!(ask(&mut s, Kind::Unwatch, "@releaseDomain\0t\0"), ok());
}

#[test]
fn nobody_hears_of_what_it_may_not_read() {
    let mut s = store();
    ask(&mut s, Kind::Watch, "/\0all\0").unwrap();
    let hidden = Permissions::owned(HOST, Access::NONE);
    let secret = Path::absolute("/local/domain/0/secret/x").unwrap();
    assert_eq!(s.set(&secret, "1", &hidden), []);
    assert_eq!(s.remove(&secret), []);
    let told = s.update(&s.home().join("name"), "new");
    assert_eq!(told, [WatchEvent { path: "/local/domain/7/name".into(), token: "all".into() }]);
}

#[test]
fn changes_of_a_transaction_fire_at_its_end() {
    let mut s = store();
    ask(&mut s, Kind::Watch, "data\0t\0").unwrap();
    let id = begin(&mut s);
    let write = ask_in(&mut s, id, Kind::Write, b"data/a\x001");
    assert_eq!(events(&write), []);
    ask_in(&mut s, id, Kind::Write, b"data/a\x002");
    let end = ask_in(&mut s, id, Kind::TransactionEnd, b"T\0");
    assert_eq!(events(&end), [("data/a", "t")]);
}

#[test]
fn quotas_hold() {
    let mut s = store();
    let mut made = 0;
    while ask(&mut s, Kind::Mkdir, &format!("data/{}/{}\0", made / 50, made % 50)).is_ok() {
        made += 1;
    }
    assert_eq!(s.usage().nodes, quota::NODES);
    assert_eq!(ask(&mut s, Kind::Write, "data/one/more\0"), err("ENOSPC"));
    for n in 0..quota::WATCHES {
        ask(&mut s, Kind::Watch, &format!("data\0{n}\0")).unwrap();
    }
    assert_eq!(ask(&mut s, Kind::Watch, "data\0more\0"), err("E2BIG"));
    for _ in 0..quota::TRANSACTIONS {
        begin(&mut s);
    }
    assert_eq!(ask(&mut s, Kind::TransactionStart, "\0"), err("ENOSPC"));
}

#[test]
fn sizes_are_limited() {
    let mut s = store();
    let most = "x".repeat(quota::ENTRY_SIZE - 24 - 8 - 1);
    assert_eq!(ask(&mut s, Kind::Write, &format!("data/a\0{most}")), ok());
    assert_eq!(ask(&mut s, Kind::Write, &format!("data/a\0{most}x")), err("ENOSPC"));
    assert_eq!(ask(&mut s, Kind::Write, &format!("data/b\0{most}x")), err("ENOSPC"));
    let mut bytes = 0;
    while ask(&mut s, Kind::Write, &format!("data/{bytes}\0{most}")).is_ok() {
        bytes += most.len();
    }
    assert!(s.usage().bytes <= quota::NODE_BYTES && bytes > quota::NODE_BYTES / 2);
    let token = "t".repeat(3000);
    let set = |n| format!("data\0{token}{n}\0");
    let first_bad = (0..).find_map(|n| ask(&mut s, Kind::Watch, &set(n)).err());
    assert_eq!(first_bad.as_deref(), Some("ENOMEM"));
}

#[test]
fn a_transaction_that_touches_too_much_fails() {
    let mut s = store();
    let id = begin(&mut s);
    let last = (0..2000).map(|n| within(&mut s, id, Kind::Read, &format!("data/{n}\0"))).last();
    assert_eq!(last, Some(err("ENOSPC")));
    assert_eq!(within(&mut s, id, Kind::TransactionEnd, "T\0"), err("ENOMEM"));
}

#[test]
fn transactions_together_cannot_pass_the_quota() {
    let mut s = store();
    let ids = [begin(&mut s), begin(&mut s)];
    for (n, id) in ids.into_iter().enumerate() {
        ask(&mut s, Kind::Mkdir, &format!("data/{n}\0")).unwrap();
        let _ = id;
    }
    let ids = [begin(&mut s), begin(&mut s)];
    for (n, id) in ids.into_iter().enumerate() {
        for k in 0..200 {
            within(&mut s, id, Kind::Mkdir, &format!("data/{n}/{k}/a/b\0")).unwrap();
        }
    }
    assert_eq!(within(&mut s, ids[0], Kind::TransactionEnd, "T\0"), ok());
    assert_eq!(within(&mut s, ids[1], Kind::TransactionEnd, "T\0"), err("ENOSPC"));
    assert!(s.usage().nodes <= quota::NODES);
}

#[test]
fn long_directories_come_in_parts() {
    let mut s = store();
    let home = s.home().clone();
    let names: Vec<String> = (0..900).map(|n| format!("child-{n:04}")).collect();
    for name in &names {
        s.set(&home.join("many").join(name), "", &Permissions::owned(HOST, Access::READ));
    }
    s.set(&home.join("many"), "", &Permissions::owned(HOST, Access::READ));
    assert_eq!(ask(&mut s, Kind::Directory, "many\0"), err("E2BIG"));
    let (mut got, mut offset) = (Vec::new(), 0);
    loop {
        let part = ask(&mut s, Kind::DirectoryPart, &format!("many\0{offset}\0")).unwrap();
        let (_, list) = part.split_once('\0').unwrap();
        let end = list.ends_with("\0\0");
        let list = if end { &list[..list.len() - 1] } else { list };
        offset += list.len();
        got.extend(list.split_terminator('\0').map(str::to_owned));
        if end {
            break;
        }
    }
    assert_eq!(got, names);
    let behind = ask(&mut s, Kind::DirectoryPart, "many\099999\0").unwrap();
    assert!(behind.ends_with("\0\0"), "{behind:?}");
}

/// What a store without permissions, quotas and watches does, written down naively.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    live: BTreeMap<String, String>,
    /// Counts what was changed.
    version: usize,
    open: BTreeMap<u32, Copy>,
}

#[derive(Clone, Default, PartialEq, Debug)]
struct Copy {
    begun: usize,
    before: BTreeMap<String, String>,
    now: BTreeMap<String, String>,
    saw: BTreeSet<String>,
}

#[derive(Clone, Debug)]
enum Step {
    Begin,
    End(usize, bool),
    Write(usize, String, String),
    Mkdir(usize, String),
    Rm(usize, String),
    Read(usize, String),
    Directory(usize, String),
}

fn step() -> impl Strategy<Value = Step> {
    let path = || "[ab](/[ab]){0,2}".prop_map(|p| format!("data/{p}"));
    prop_oneof![
        Just(Step::Begin),
        (0usize..3, any::<bool>()).prop_map(|(t, commit)| Step::End(t, commit)),
        (0usize..3, path(), "[xyz]{0,2}").prop_map(|(t, p, v)| Step::Write(t, p, v)),
        (0usize..3, path()).prop_map(|(t, p)| Step::Mkdir(t, p)),
        (0usize..3, path()).prop_map(|(t, p)| Step::Rm(t, p)),
        (0usize..3, path()).prop_map(|(t, p)| Step::Read(t, p)),
        (0usize..3, path()).prop_map(|(t, p)| Step::Directory(t, p)),
    ]
}

fn children(tree: &BTreeMap<String, String>, path: &str) -> String {
    let below = |p: &String| Some(p.strip_prefix(path)?.strip_prefix('/')?.to_owned());
    let mut names: Vec<String> =
        tree.keys().filter_map(below).filter(|n| !n.contains('/')).collect();
    names.sort();
    names.into_iter().map(|name| name + "\0").collect()
}

impl Model {
    fn run(&mut self, id: u32, step: &Step) -> Result<String, String> {
        let mut saw = BTreeSet::new();
        self.version += usize::from(!self.open.contains_key(&id));
        let tree = match self.open.get_mut(&id) {
            Some(copy) => &mut copy.now,
            None => &mut self.live,
        };
        let done = match step {
            Step::Write(_, path, value) => {
                create(tree, path);
                tree.insert(path.clone(), value.clone());
                ok()
            }
            Step::Mkdir(_, path) => {
                create(tree, path);
                ok()
            }
            Step::Rm(_, path) => {
                let parent = path.rsplit_once('/').unwrap().0;
                if tree.contains_key(parent) || parent == "data" {
                    tree.retain(|p, _| p != path && !p.starts_with(&format!("{path}/")));
                    ok()
                } else {
                    err("ENOENT")
                }
            }
            Step::Read(_, path) => tree.get(path).cloned().ok_or("ENOENT".into()),
            Step::Directory(_, path) if tree.contains_key(path) => Ok(children(tree, path)),
            _ => err("ENOENT"),
        };
        if let Step::Read(_, path) | Step::Directory(_, path) = step {
            saw.insert(path.clone());
        }
        if let Some(copy) = self.open.get_mut(&id) {
            copy.saw.extend(saw);
        }
        done
    }
}

fn create(tree: &mut BTreeMap<String, String>, path: &str) {
    let mut at = path;
    while at != "data" {
        tree.entry(at.to_owned()).or_default();
        at = at.rsplit_once('/').unwrap().0;
    }
}

fn payload(step: &Step) -> (Kind, String) {
    match step {
        Step::Write(_, path, value) => (Kind::Write, format!("{path}\0{value}")),
        Step::Mkdir(_, path) => (Kind::Mkdir, format!("{path}\0")),
        Step::Rm(_, path) => (Kind::Rm, format!("{path}\0")),
        Step::Read(_, path) => (Kind::Read, format!("{path}\0")),
        Step::Directory(_, path) => (Kind::Directory, format!("{path}\0")),
        Step::Begin | Step::End(..) => unreachable!(),
    }
}

fn content(s: &Store) -> BTreeMap<String, String> {
    let data = s.home().join("data");
    let paths = s.tree.subtree(&data).into_iter().filter(|path| *path != data);
    paths.map(|p| (p.below(s.home()).unwrap().to_owned(), s.text(&p).unwrap().to_owned())).collect()
}

proptest! {
    #[test]
    fn agrees_with_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        let mut s = store();
        let mut model = Model::default();
        for step in &steps {
            let ids: Vec<u32> = std::iter::once(0).chain(model.open.keys().copied()).collect();
            match step {
                Step::Begin if ids.len() <= 4 => {
                    let id = begin(&mut s);
                    let copy = Copy { before: model.live.clone(), now: model.live.clone(), begun: model.version, ..Copy::default() };
                    model.open.insert(id, copy);
                }
                Step::Begin => {}
                Step::End(t, commit) => {
                    let Some(id) = ids.get(t + 1) else { continue };
                    let copy = model.open.remove(id).unwrap();
                    let answer = within(&mut s, *id, Kind::TransactionEnd, if *commit { "T\0" } else { "F\0" });
                    let see = |tree: &BTreeMap<_, _>, p: &String| (tree.get(p).cloned(), children(tree, p));
                    let disturbed = copy.saw.iter().any(|p| see(&copy.before, p) != see(&model.live, p));
                    match answer.as_deref() {
                        Ok(_) if *commit => {
                            prop_assert!(!disturbed, "committed over a change of what it saw");
                            model.version += 1;
                            for p in copy.before.keys().chain(copy.now.keys()) {
                                match (copy.before.get(p), copy.now.get(p)) {
                                    (a, b) if a == b => {}
                                    (_, Some(value)) => { model.live.insert(p.clone(), value.clone()); }
                                    (_, None) => { model.live.remove(p); }
                                }
                            }
                        }
                        Ok(_) => {}
                        Err(e) => {
                            prop_assert_eq!(e, "EAGAIN");
                            prop_assert!(copy.begun != model.version, "nothing had changed");
                        }
                    }
                }
                Step::Write(t, ..) | Step::Mkdir(t, ..) | Step::Rm(t, ..) | Step::Read(t, ..) | Step::Directory(t, ..) => {
                    let id = ids.get(*t).copied().unwrap_or(0);
                    let (kind, payload) = payload(step);
                    let got = within(&mut s, id, kind, &payload);
                    prop_assert_eq!(got, model.run(id, step));
                }
            }
            prop_assert_eq!(content(&s), model.live.clone());
        }
    }

    /// A lone transaction always succeeds: nothing can have changed under it.
    #[test]
    fn a_lone_transaction_commits(steps in proptest::collection::vec(step(), 1..40)) {
        let mut s = store();
        let mut direct = s.clone();
        let id = begin(&mut s);
        for step in steps.iter().filter(|step| !matches!(step, Step::Begin | Step::End(..))) {
            let (kind, payload) = payload(step);
            prop_assert_eq!(within(&mut s, id, kind, &payload), ask(&mut direct, kind, &payload));
        }
        prop_assert_eq!(within(&mut s, id, Kind::TransactionEnd, "T\0"), ok());
        prop_assert_eq!(content(&s), content(&direct));
    }

    /// Whatever a guest sends, it gets an answer that fits, and its quotas hold.
    #[test]
    fn any_bytes_get_an_answer(
        requests in proptest::collection::vec((0u32..25, 0u32..4, proptest::collection::vec(any::<u8>(), 0..60)), 1..60),
        texts in proptest::collection::vec((0u32..25, 0u32..4, "(data(/[ab]){0,3}|@[a-z]{1,3}|name)\0[TFn]?7?\0?"), 1..60),
    ) {
        let mut s = store();
        let texts = texts.into_iter().map(|(kind, tx, text)| (kind, tx, text.into_bytes()));
        for (kind, transaction, payload) in requests.into_iter().chain(texts) {
            let header = Header { kind, request: 0, transaction, len: u32::try_from(payload.len()).unwrap() };
            let outcome = s.request(&header, &payload);
            prop_assert!(outcome.payload.len() <= crate::facade::wire::PAYLOAD_MAX);
            prop_assert!(s.usage().nodes <= quota::NODES && s.open().0 <= quota::WATCHES);
            prop_assert_eq!(s.text(&s.home().join("name")), Some("seven"));
        }
    }
}
