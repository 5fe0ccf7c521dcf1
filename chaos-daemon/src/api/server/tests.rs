//! Clients that are good, slow, many, or not allowed to, against a real socket.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Stream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use axum::routing::{get, post};
use lightvm::client::{Client, ClientError};
use nix::unistd::Gid;
use tokio::sync::oneshot;

use super::super::body::Raw;
use super::*;

/// A server of a test, with a few paths of its own.
struct Site {
    folder: tempfile::TempDir,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn router() -> Router {
    Router::new()
        .route("/v1/networks", get(|| async { "[]" }).post(|| async { "made" }))
        .route("/body", post(|Raw(body): Raw| async move { body.len().to_string() }))
        .route("/work", get(|| async { sleep(Duration::from_millis(300)).await }))
        .route("/large", get(|| async { vec![b'x'; 8 << 20] }))
        .layer(axum::extract::DefaultBodyLimit::max(super::super::body::MAX_BODY))
}

impl Site {
    fn new(access: Access, options: Options) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let path = socket.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let server = Server::new(
                    UnixListener::bind(path).unwrap(),
                    Arc::new(access.into()),
                    options,
                );
                ready.send(()).unwrap();
                server.serve(router(), async { drop(ended.await) }).await;
            });
        });
        is_ready.recv().unwrap();
        for path in [folder.path(), &socket] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        }
        Site { folder, end: Some(end), thread: Some(thread) }
    }

    fn usual() -> Site {
        Site::new(Access::default(), Options::default())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn connect(&self) -> Stream {
        let stream = Stream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// What is answered to `text`, up to the connection's end.
    fn ask(&self, text: &str) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn is_well(&self) {
        let answer = self.ask("GET /v1/networks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[]"), "{answer}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end.take();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn a_connection_stays_for_the_next_request() {
    let site = Site::usual();
    let mut stream = site.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /v1/networks HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 512];
        let n = stream.read(&mut answer).unwrap();
        assert!(answer[..n].ends_with(b"[]"));
    }
}

#[test]
fn slow_and_silent_clients_delay_nobody_and_are_left_in_the_end() {
    let options = Options { idle_seconds: 1, ..Options::default() };
    let site = Site::new(Access::default(), options);
    let starts = [
        "",
        "GET /v1/net",
        "GET / HTTP/1.1\r\nx: y\r\n",
        "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1",
    ];
    let mut slow: Vec<_> = starts
        .iter()
        .map(|start| {
            let mut stream = site.connect();
            stream.write_all(start.as_bytes()).unwrap();
            stream
        })
        .collect();
    // One that asks for much and reads nothing.
    let mut deaf = site.connect();
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    site.is_well();
    // Nothing but its end comes to those whose head is not there in time.
    for stream in &mut slow[..3] {
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
    // A body may take longer.
    slow[3].write_all(b"23456789").unwrap();
    let mut answer = [0; 512];
    let n = slow[3].read(&mut answer).unwrap();
    assert!(answer[..n].ends_with(b"9"), "{}", String::from_utf8_lossy(&answer[..n]));
    site.is_well();
}

#[test]
fn one_process_has_so_many_connections_and_is_told() {
    let options = Options { connections_per_process: 3, ..Options::default() };
    let site = Site::new(Access::default(), options);
    let held: Vec<_> = (0..3).map(|_| site.connect()).collect();
    let answer = site.ask("GET /v1/networks HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"busy\""), "{answer}");
    let client = Client::connect(site.socket()).unwrap().with_endurance(Duration::ZERO);
    assert_eq!(client.networks().unwrap_err().code(), Some(ErrorCode::Busy));
    // Another process is served.
    assert_eq!(site.networks_as(None, &[]), "[]");
    drop(held);
    let client = client.with_endurance(Duration::from_secs(30));
    assert_eq!(client.networks().unwrap(), []);
}

#[test]
fn what_is_too_large_is_refused() {
    let site = Site::usual();
    let text = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\nx";
    let answer = site.ask(text);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too-large"), "{answer}");
    // Without a length, when it is too much.
    let mut chunks =
        String::from("POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..80 {
        chunks.push_str(&format!("10000\r\n{}\r\n", "y".repeat(0x10000)));
    }
    let answer = site.ask(&chunks);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "z".repeat(64 << 10));
    let answer = site.ask(&long);
    assert!(answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    site.is_well();
}

#[test]
fn what_is_no_http_ends_its_connection_only() {
    let site = Site::usual();
    for text in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        assert!(!site.ask(text).starts_with("HTTP/1.1 2"), "{text:?}");
    }
    site.is_well();
}

#[test]
fn what_is_being_carried_out_is_answered_before_the_end() {
    let mut site = Site::usual();
    let mut working = site.connect();
    working.write_all(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut idle = site.connect();
    site.is_well();
    site.end.take();
    assert_eq!(idle.read_to_end(&mut Vec::new()).unwrap(), 0);
    let mut answer = String::new();
    working.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    site.thread.take().unwrap().join().unwrap();
    assert!(Client::connect(site.socket()).unwrap_err().is_absent());
}

const NOBODY: u32 = 65534;
const GROUP: u32 = 4_000_001;
const READERS: u32 = 4_000_002;

impl Site {
    /// What another process, of these groups, gets of the server.
    fn networks_as(&self, user: Option<u32>, groups: &'static [u32]) -> String {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program);
        child.args(["--ignored", "--exact", "--nocapture", "--test-threads=1"]);
        child.arg("api::server::tests::child").env("SOCKET", self.socket());
        if let Some(user) = user {
            let groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
            // SAFETY: between fork and exec only system calls are made, on what was allocated
            // before.
            unsafe {
                child.pre_exec(move || {
                    nix::unistd::setgroups(&groups)?;
                    nix::unistd::setgid(Gid::from_raw(NOBODY))?;
                    Ok(nix::unistd::setuid(nix::unistd::Uid::from_raw(user))?)
                });
            }
        }
        let output = child.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = text.lines().find_map(|line| line.split_once("said: "));
        said.unwrap_or_else(|| panic!("{text}")).1.to_owned()
    }
}

/// What [`Site::networks_as`] runs.
#[test]
#[ignore = "another test runs it as another user"]
fn child() {
    let Some(socket) = std::env::var_os("SOCKET") else { return };
    let client = Client::connect(socket).unwrap();
    let deleted = client.delete_network("x").unwrap_err();
    match (client.networks(), deleted) {
        (Ok(found), ClientError::Refused(no)) if no.code == ErrorCode::Forbidden => {
            println!("said: {found:?}, and: {}", no.message);
        }
        (Ok(found), _) => println!("said: {found:?}"),
        (Err(e), _) => println!("said: {e}"),
    }
}

#[test]
fn a_group_may_all_readers_may_look_and_others_nothing() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: only root can be somebody else");
    }
    let (group, readers) = (Some(Gid::from_raw(GROUP)), Some(Gid::from_raw(READERS)));
    let site = Site::new(Access { group, readers }, Options::default());
    assert_eq!(site.networks_as(Some(NOBODY), &[GROUP]), "[]");
    assert_eq!(
        site.networks_as(Some(NOBODY), &[READERS]),
        "[], and: user 65534 may look and change nothing"
    );
    assert_eq!(
        site.networks_as(Some(NOBODY), &[]),
        "user 65534 may not use this socket; `group` and `readers` in chaosd's configuration say who may"
    );
}
