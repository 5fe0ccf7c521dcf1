//! The client against answers as a server writes them.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};

use super::*;
use crate::api::ErrorCode;

/// A daemon that gives one answer after the other and says what it was asked.
struct Daemon {
    folder: tempfile::TempDir,
    thread: JoinHandle<Vec<String>>,
}

impl Daemon {
    /// Answers requests with `answers`; each of their lists is one connection's.
    fn new(connections: Vec<Vec<&'static str>>) -> (Daemon, Client) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("d.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = thread::spawn(move || {
            let mut asked = Vec::new();
            for answers in connections {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    asked.push(request(&mut stream));
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
            asked
        });
        let client = Client::connect(&socket).unwrap().with_endurance(Duration::ZERO);
        (Daemon { folder, thread }, client)
    }

    fn asked(self) -> Vec<String> {
        let asked = self.thread.join().unwrap();
        drop(self.folder);
        asked
    }
}

/// A request's first line and body.
fn request(stream: &mut UnixStream) -> String {
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    let length = text
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let key = text.lines().find(|line| line.starts_with("idempotency-key: ")).unwrap_or("");
    format!("{} {key}{}", text.lines().next().unwrap(), String::from_utf8(body).unwrap())
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let (daemon, client) = Daemon::new(vec![vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n",
    ]]);
    assert_eq!(client.guests().unwrap(), []);
    client.detach_nic("web 1", 2, true).unwrap();
    assert_eq!(client.log("web-1").unwrap(), b"abcde");
    assert_eq!(
        daemon.asked(),
        [
            "GET /v1/guests HTTP/1.1 ",
            "DELETE /v1/guests/web%201/nics/2?force=1 HTTP/1.1 ",
            "GET /v1/guests/web-1/log HTTP/1.1 ",
        ]
    );
}

#[test]
fn a_closed_connection_is_opened_again() {
    let (daemon, client) = Daemon::new(vec![
        vec!["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]"],
        vec!["HTTP/1.1 200 OK\r\n\r\n[]"],
        vec!["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"],
    ]);
    for _ in 0..3 {
        assert_eq!(client.guests().unwrap(), []);
    }
    assert_eq!(daemon.asked().len(), 3);
}

fn a_guest() -> CreateRequest {
    let config = serde_json::from_str(r#"{"kernel":"/srv/kernel","memory":"4 MiB"}"#).unwrap();
    CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false }
}

const NO: &str = "HTTP/1.1 422 No\r\ncontent-length: 45\r\n\r\n\
                  {\"error\":{\"code\":\"bad-input\",\"message\":\"no\"}}";

#[test]
fn a_creation_whose_answer_is_lost_comes_again_with_the_same_key() {
    let (daemon, client) = Daemon::new(vec![vec![""], vec!["HTTP/1.1 201"], vec![NO], vec![NO]]);
    let client = client.with_endurance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(client.create(&a_guest()).unwrap_err().code(), Some(ErrorCode::BadInput));
        *client.idle.lock() = None;
    }
    let asked = daemon.asked();
    assert!(asked[0].contains("idempotency-key: "), "{}", asked[0]);
    assert_eq!((&asked[0], &asked[1]), (&asked[1], &asked[2]));
    assert_ne!(asked[2], asked[3]);
}

#[test]
fn a_batch_has_the_key_that_its_caller_gave_it() {
    let (daemon, client) = Daemon::new(vec![vec![NO, NO, NO]]);
    for key in ["run-1", "run-1", "run-2"] {
        client.create_many_once(vec![a_guest()], key).unwrap_err();
    }
    let asked = daemon.asked();
    assert!(asked[0].contains("idempotency-key: run-1{"), "{}", asked[0]);
    assert_eq!(asked[0], asked[1]);
    assert!(asked[2].contains("idempotency-key: run-2{"), "{}", asked[2]);
}

#[test]
fn what_must_not_be_done_twice_is_not_asked_twice() {
    let (daemon, client) = Daemon::new(vec![vec![""], vec![NO]]);
    let client = client.with_endurance(Duration::from_secs(60));
    let disk = Disk::new("/srv/a.img");
    assert!(matches!(client.attach_disk("web", &disk), Err(ClientError::Broken(_))));
    assert!(matches!(client.guests(), Err(ClientError::Refused(_))));
    daemon.asked();
}

#[test]
fn a_guest_that_is_gone_when_its_destruction_is_asked_again_was_destroyed() {
    const GONE: &str = "HTTP/1.1 404 No\r\ncontent-length: 45\r\n\r\n\
                        {\"error\":{\"code\":\"not-found\",\"message\":\"no\"}}";
    let (daemon, client) = Daemon::new(vec![vec![""], vec![GONE, GONE]]);
    let client = client.with_endurance(Duration::from_secs(60));
    client.destroy("web").unwrap();
    assert_eq!(client.destroy("web").unwrap_err().code(), Some(ErrorCode::NotFound));
    daemon.asked();
}

#[test]
fn a_daemon_that_restarts_is_waited_for_and_not_for_ever() {
    let (daemon, client) = Daemon::new(vec![vec![]]);
    let Daemon { folder, thread } = daemon;
    thread.join().unwrap();
    let socket = folder.path().join("d.sock");
    let client = client.with_endurance(Duration::from_millis(30));
    assert!(client.guests().unwrap_err().is_absent());
    std::fs::remove_file(&socket).unwrap();
    let client = client.with_endurance(Duration::from_secs(60));
    let restarted = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        let (mut stream, _) = UnixListener::bind(&socket).unwrap().accept().unwrap();
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").unwrap();
    });
    assert_eq!(client.guests().unwrap(), []);
    restarted.join().unwrap();
}

#[test]
fn a_refusal_says_what_why_and_what_to_do() {
    let (daemon, client) = Daemon::new(vec![vec![
        "HTTP/1.1 409 Conflict\r\ncontent-length: 88\r\n\r\n\
         {\"error\":{\"code\":\"taken\",\"message\":\"the name `a` is taken\",\"hint\":\"choose another one\"}}",
        "HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nbang",
    ]]);
    let stop = StopRequest { timeout_ms: Some(5), force: false };
    let error = client.poweroff("a", &stop).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Taken));
    assert_eq!(error.to_string(), "the name `a` is taken; choose another one");
    assert_eq!(
        client.guests().unwrap_err().to_string(),
        "the daemon answers with status 500: bang"
    );
    assert_eq!(
        daemon.asked()[0],
        "POST /v1/guests/a/poweroff HTTP/1.1 {\"timeout_ms\":5,\"force\":false}"
    );
}

#[test]
fn a_console_is_a_stream_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("d.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let thread = thread::spawn(move || {
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let asked = request(&mut stream);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: lightvm-console\r\n\r\nlogin: ";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut typed = [0; 4];
        stream.read_exact(&mut typed).unwrap();
        stream.write_all(&typed).unwrap();
        asked
    });
    let client = Client::connect(&socket).unwrap();
    let mut console = client.console("web-1", true).unwrap();
    console.write_all(b"root").unwrap();
    let mut text = String::new();
    console.read_to_string(&mut text).unwrap();
    assert_eq!(text, "login: root");
    assert_eq!(thread.join().unwrap(), "GET /v1/guests/web-1/console?write=1 HTTP/1.1 ");
}

#[test]
fn what_is_no_answer_is_an_error() {
    for answer in [
        "",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{",
    ] {
        let (daemon, client) = Daemon::new(vec![vec![answer]]);
        assert!(client.guests().is_err(), "{answer}");
        daemon.asked();
    }
}

#[test]
fn no_daemon_is_told_from_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("d.sock");
    assert!(Client::connect(&socket).unwrap_err().is_absent());
    drop(UnixListener::bind(&socket).unwrap());
    let error = Client::connect(&socket).unwrap_err();
    assert!(error.is_absent(), "{error}");
    assert!(error.to_string().contains("start chaosd"), "{error}");
}

#[test]
fn a_daemon_that_says_nothing_is_given_up_and_a_console_may_be_silent() {
    const MOMENT: Duration = Duration::from_millis(20);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("d.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let client = Client::connect(&socket).unwrap().with_patience(Some(MOMENT));
    let (_silent, _) = listener.accept().unwrap();
    assert!(matches!(client.guests(), Err(ClientError::Silent)));
    let guest = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
        thread::sleep(5 * MOMENT);
        stream.write_all(b"late").unwrap();
    });
    let mut late = String::new();
    client.console("web", false).unwrap().read_to_string(&mut late).unwrap();
    assert_eq!(late, "late");
    guest.join().unwrap();
}
