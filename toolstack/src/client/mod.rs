//! Talking to the daemon: its HTTP API as blocking calls.
//!
//! ```no_run
//! use lightvm::client::Client;
//!
//! let client = Client::connect(lightvm::api::DEFAULT_SOCKET)?;
//! for guest in client.guests()? {
//!     println!("{} {:?}", guest.name, guest.report);
//! }
//! # Ok::<(), lightvm::client::ClientError>(())
//! ```
//!
//! A daemon that restarts is not noticed: a request that found nobody is made again, for
//! [`ENDURANCE`] at most, and so is one whose answer was lost, where doing it twice is the same as
//! doing it once. That is so for all that only looks, for `create`, which has a key of its own for
//! each guest, for `destroy`, `pause` and `unpause`. A `destroy` that is made again and finds no guest
//! has been done.

mod connection;
mod console;
mod error;
mod events;
mod incoming;
mod key;
mod path;
mod retry;

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{
    BatchAnswer, BatchRequest, BatchResult, CreateAnswer, CreateRequest, DiskInfo, ErrorAnswer,
    ErrorCode, FlavourInfo, FlavourSpec, GuestInfo, GuestSummary, HostInfo, LogRecords,
    NetworkInfo, NetworkSpec, NicInfo, PoolInfo, RenameRequest, Stats, StopAnswer, StopRequest,
    Wait,
};
use crate::config::{Disk, GuestName, Nic};

use connection::{Answer, Connection, Request};
pub use console::ConsoleStream;
pub use error::ClientError;
pub use events::Events;
use key::Keys;
use path::Route;
use retry::Retries;

/// How long the daemon may take for an answer, beside what it was asked to wait for: far longer
/// than it ever needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a request is made again while the daemon restarts.
pub const ENDURANCE: Duration = Duration::from_secs(30);

/// What a daemon waits for a guest when it is asked to wait without a limit.
const USUAL_WAIT: Duration = Duration::from_secs(60);

/// A client of one daemon. Keeps one connection for one request after the other; usable from any
/// thread, where requests take turns.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    idle: Mutex<Option<Connection>>,
    patience: Option<Duration>,
    endurance: Duration,
    keys: Keys,
}

/// A request on its way.
struct Call<'a> {
    method: &'static str,
    target: String,
    body: Vec<u8>,
    /// How long it has the daemon wait.
    wait: Duration,
    key: Option<&'a str>,
    /// Whether doing it twice is the same as doing it once.
    repeatable: bool,
}

impl Client {
    /// Connects to the daemon that listens at `socket`.
    ///
    /// # Errors
    /// [`ClientError::Connect`]; [`ClientError::is_absent`] tells whether nobody listens there.
    pub fn connect(socket: impl AsRef<Path>) -> Result<Self, ClientError> {
        let socket = socket.as_ref().to_owned();
        let idle = Mutex::new(Some(Connection::open(&socket)?));
        let (patience, keys) = (Some(PATIENCE), Keys::new());
        Ok(Client { socket, idle, patience, endurance: ENDURANCE, keys })
    }

    /// The same with another limit for each answer, on top of what the request itself waits for;
    /// it is two minutes unless said. `None` waits for ever. Consoles have no limit.
    #[must_use]
    pub fn with_patience(self, patience: Option<Duration>) -> Self {
        let least = Duration::from_millis(1);
        Client { patience: patience.map(|time| time.max(least)), ..self }
    }

    /// The same with another limit for making requests again while the daemon restarts; zero is
    /// never.
    #[must_use]
    pub fn with_endurance(self, endurance: Duration) -> Self {
        Client { endurance, ..self }
    }

    /// Where its daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon and its host.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn host(&self) -> Result<HostInfo, ClientError> {
        self.get(Route::to("host"))
    }

    /// The guests it serves.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn guests(&self) -> Result<Vec<GuestSummary>, ClientError> {
        self.get(Route::to("guests"))
    }

    /// Makes a guest, once: the request has a key of its own, and may be made again.
    ///
    /// # Errors
    /// [`ClientError`]; with [`ErrorCode::Timeout`] it lives and
    /// was not waited for any longer, with any other nothing of it is left.
    pub fn create(&self, request: &CreateRequest) -> Result<CreateAnswer, ClientError> {
        self.create_keyed(request, waits_for(request), &self.keys.next())
    }

    /// As [`Client::create`] with a key of the caller's, who may ask again with the same key and
    /// request even in another process: within [`KEY_TIME`](crate::api::KEY_TIME), that answers with
    /// the guest that was made.
    ///
    /// # Errors
    /// As [`Client::create`]; [`ErrorCode::Conflict`] when the key
    /// was used for another request, [`ErrorCode::Ended`] when its guest
    /// has ended since.
    pub fn create_once(
        &self,
        request: &CreateRequest,
        key: &str,
    ) -> Result<CreateAnswer, ClientError> {
        self.create_keyed(request, waits_for(request), key)
    }

    fn create_keyed(
        &self,
        request: &CreateRequest,
        wait: Duration,
        key: &str,
    ) -> Result<CreateAnswer, ClientError> {
        let body = serde_json::to_vec(request).map_err(ClientError::Json)?;
        let target = Route::to("guests").to_string();
        let (method, key) = ("POST", Some(key));
        let answer = self.call(&Call { method, target, body, wait, key, repeatable: true })?;
        serde_json::from_slice(&answer).map_err(ClientError::Json)
    }

    /// Makes guests, several at a time; says of each what came of it.
    ///
    /// # Errors
    /// [`ClientError`] when the batch as a whole is refused.
    pub fn create_many(&self, guests: Vec<CreateRequest>) -> Result<Vec<BatchResult>, ClientError> {
        self.create_many_once(guests, &self.keys.next())
    }

    /// As [`Client::create_many`] with a key of the caller's, who may ask again with the same key and guests,
    /// as after an error that leaves open what was done: those that were made are answered, those that
    /// are missing are made, and those that have ended since are
    /// [`ErrorCode::Ended`].
    ///
    /// # Errors
    /// [`ClientError`] when the batch as a whole is refused.
    pub fn create_many_once(
        &self,
        guests: Vec<CreateRequest>,
        key: &str,
    ) -> Result<Vec<BatchResult>, ClientError> {
        let rounds = u32::try_from(guests.len()).unwrap_or(u32::MAX);
        let wait = guests.iter().map(waits_for).max().unwrap_or_default();
        let wait = wait.saturating_mul(rounds);
        let body = serde_json::to_vec(&BatchRequest { guests }).map_err(ClientError::Json)?;
        let (method, target) = ("POST", Route::to("guests:batch").to_string());
        let call = Call { method, target, body, wait, key: Some(key), repeatable: true };
        let answer = self.call(&call)?;
        let answer: BatchAnswer = serde_json::from_slice(&answer).map_err(ClientError::Json)?;
        Ok(answer.results)
    }

    /// Everything about a guest, named by name, UUID or domain number as in all that follows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn guest(&self, guest: &str) -> Result<GuestInfo, ClientError> {
        self.get(Route::to("guests").then(guest))
    }

    /// Takes a guest away without asking it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn destroy(&self, guest: &str) -> Result<(), ClientError> {
        let target = Route::to("guests").then(guest).to_string();
        let (body, wait) = (Vec::new(), Duration::ZERO);
        let call = Call { method: "DELETE", target, body, wait, key: None, repeatable: true };
        let mut retries = Retries::new(self.endurance);
        let mut lost = false;
        loop {
            match self.attempt(&call) {
                Err(e) if e.may_repeat(true) && retries.pause() => {
                    lost |= matches!(e, ClientError::Broken(_));
                }
                // What was asked for before the connection broke has been done.
                Err(e) if lost && e.code() == Some(ErrorCode::NotFound) => return Ok(()),
                result => return result.map(drop),
            }
        }
    }

    /// As [`Client::destroy`], until its memory is back, which comes in the background otherwise.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn destroy_and_wait(&self, guest: &str) -> Result<(), ClientError> {
        self.delete(Route::to("guests").then(guest).query("wait=1"))
    }

    /// Holds a guest where it is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn pause(&self, guest: &str) -> Result<GuestSummary, ClientError> {
        self.tell(guest, "pause")
    }

    /// Lets a held guest go on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn unpause(&self, guest: &str) -> Result<GuestSummary, ClientError> {
        self.tell(guest, "unpause")
    }

    /// Gives a guest another name.
    ///
    /// # Errors
    /// [`ClientError`]; [`ErrorCode::Taken`] when another has it.
    pub fn rename(&self, guest: &str, name: &GuestName) -> Result<GuestSummary, ClientError> {
        let request = RenameRequest { name: name.clone() };
        self.send("POST", Route::to("guests").then(guest).then("rename"), Some(&request))
    }

    /// Asks a guest to power off.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn poweroff(&self, guest: &str, how: &StopRequest) -> Result<StopAnswer, ClientError> {
        self.stop(guest, "poweroff", how)
    }

    /// Asks a guest to reboot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reboot(&self, guest: &str, how: &StopRequest) -> Result<StopAnswer, ClientError> {
        self.stop(guest, "reboot", how)
    }

    /// Asks a guest to suspend itself.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn suspend(&self, guest: &str, how: &StopRequest) -> Result<StopAnswer, ClientError> {
        self.stop(guest, "suspend", how)
    }

    /// Watches a guest's console: what is kept of it first, then what it prints. With `write`
    /// what is written to the stream goes to the guest; only one at a time can do that.
    ///
    /// # Errors
    /// [`ClientError`]; [`ErrorCode::Taken`] when another one
    /// writes.
    pub fn console(&self, guest: &str, write: bool) -> Result<ConsoleStream, ClientError> {
        let route = Route::to("guests").then(guest).then("console");
        let route = if write { route.query("write=1") } else { route };
        let mut connection = Connection::open(&self.socket)?;
        connection.set_patience(self.patience);
        ConsoleStream::attach(connection, &route.to_string())
    }

    /// What is kept of a guest's console.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn log(&self, guest: &str) -> Result<Vec<u8>, ClientError> {
        self.request(
            "GET",
            &Route::to("guests").then(guest).then("log"),
            Vec::new(),
            Duration::ZERO,
        )
    }

    /// What is kept of a guest's log records.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn records(&self, guest: &str) -> Result<LogRecords, ClientError> {
        self.get(Route::to("guests").then(guest).then("records"))
    }

    /// What went through a guest's devices.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn stats(&self, guest: &str) -> Result<Stats, ClientError> {
        self.get(Route::to("guests").then(guest).then("stats"))
    }

    /// A guest's network interfaces.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn nics(&self, guest: &str) -> Result<Vec<NicInfo>, ClientError> {
        self.get(Route::to("guests").then(guest).then("nics"))
    }

    /// Gives a running guest a network interface.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn attach_nic(&self, guest: &str, nic: &Nic) -> Result<NicInfo, ClientError> {
        self.send("POST", Route::to("guests").then(guest).then("nics"), Some(nic))
    }

    /// Takes a network interface away from a running guest; with `force` also one in use.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn detach_nic(&self, guest: &str, index: u8, force: bool) -> Result<(), ClientError> {
        let route = Route::to("guests").then(guest).then("nics").then(&index.to_string());
        self.delete(if force { route.query("force=1") } else { route })
    }

    /// A guest's disks.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn disks(&self, guest: &str) -> Result<Vec<DiskInfo>, ClientError> {
        self.get(Route::to("guests").then(guest).then("disks"))
    }

    /// Gives a running guest a disk. Its path must be absolute.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn attach_disk(&self, guest: &str, disk: &Disk) -> Result<DiskInfo, ClientError> {
        self.send("POST", Route::to("guests").then(guest).then("disks"), Some(disk))
    }

    /// Takes a disk away from a running guest; with `force` also one in use.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn detach_disk(&self, guest: &str, index: u8, force: bool) -> Result<(), ClientError> {
        let route = Route::to("guests").then(guest).then("disks").then(&index.to_string());
        self.delete(if force { route.query("force=1") } else { route })
    }

    /// What there is in the pool.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn pool(&self) -> Result<PoolInfo, ClientError> {
        self.get(Route::to("pool"))
    }

    /// What happens, as it happens: everything behind number `after` or, without one, all that
    /// comes after [`Begin`](crate::api::Happened::Begin). Waits for it for ever.
    ///
    /// # Errors
    /// [`ClientError`], of the stream too.
    pub fn events(&self, after: Option<u64>) -> Result<Events, ClientError> {
        Events::open(self.socket.clone(), self.endurance, after, true)
    }

    /// As [`Client::events`], with an end where nothing more has happened yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn past_events(&self, after: u64) -> Result<Events, ClientError> {
        Events::open(self.socket.clone(), self.endurance, Some(after), false)
    }

    /// Has shells kept of a kind, or kept with other watermarks.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn add_flavour(&self, flavour: &FlavourSpec) -> Result<FlavourInfo, ClientError> {
        self.send("POST", Route::to("pool").then("flavours"), Some(flavour))
    }

    /// Has shells of a flavour, by its number, kept no longer. Requests may make it a learned one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn remove_flavour(&self, id: u64) -> Result<(), ClientError> {
        self.delete(Route::to("pool").then("flavours").then(&id.to_string()))
    }

    /// The networks there are.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn networks(&self) -> Result<Vec<NetworkInfo>, ClientError> {
        self.get(Route::to("networks"))
    }

    /// Makes a network.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn create_network(&self, spec: &NetworkSpec) -> Result<NetworkInfo, ClientError> {
        self.send("POST", Route::to("networks"), Some(spec))
    }

    /// Takes away a network that no guest is attached to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn delete_network(&self, name: &str) -> Result<(), ClientError> {
        self.delete(Route::to("networks").then(name))
    }

    fn get<T: DeserializeOwned>(&self, route: Route) -> Result<T, ClientError> {
        self.send("GET", route, None::<&()>)
    }

    fn tell<T: DeserializeOwned>(&self, guest: &str, verb: &str) -> Result<T, ClientError> {
        self.send("POST", Route::to("guests").then(guest).then(verb), None::<&()>)
    }

    fn stop(&self, guest: &str, verb: &str, how: &StopRequest) -> Result<StopAnswer, ClientError> {
        let wait = how.timeout_ms.map_or(Duration::ZERO, Duration::from_millis);
        self.send_and_wait("POST", Route::to("guests").then(guest).then(verb), Some(how), wait)
    }

    fn delete(&self, route: Route) -> Result<(), ClientError> {
        self.request("DELETE", &route, Vec::new(), Duration::ZERO).map(drop)
    }

    fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: &'static str,
        route: Route,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        self.send_and_wait(method, route, body, Duration::ZERO)
    }

    /// As [`Client::send`] for a request that has the daemon wait for so long.
    fn send_and_wait<B: Serialize, T: DeserializeOwned>(
        &self,
        method: &'static str,
        route: Route,
        body: Option<&B>,
        wait: Duration,
    ) -> Result<T, ClientError> {
        let body = body.map_or(Ok(Vec::new()), serde_json::to_vec).map_err(ClientError::Json)?;
        let answer = self.request(method, &route, body, wait)?;
        serde_json::from_slice(&answer).map_err(ClientError::Json)
    }

    /// Makes a request and answers the body of a good answer.
    fn request(
        &self,
        method: &'static str,
        route: &Route,
        body: Vec<u8>,
        wait: Duration,
    ) -> Result<Vec<u8>, ClientError> {
        let target = route.to_string();
        let verb = target.rsplit('/').next().unwrap_or_default();
        let repeatable = method == "GET" || matches!(verb, "pause" | "unpause" | "start");
        self.call(&Call { method, target, body, wait, key: None, repeatable })
    }

    /// Makes a request, again where that is safe and the daemon is not there.
    fn call(&self, call: &Call<'_>) -> Result<Vec<u8>, ClientError> {
        let mut retries = Retries::new(self.endurance);
        loop {
            match self.attempt(call) {
                Err(e) if e.may_repeat(call.repeatable) && retries.pause() => {}
                result => return result,
            }
        }
    }

    fn attempt(&self, call: &Call<'_>) -> Result<Vec<u8>, ClientError> {
        let patience = self.patience.map(|patience| patience.saturating_add(call.wait));
        let Call { method, ref target, ref body, key, .. } = *call;
        let request = Request { method, target, body, key };
        let send = |connection: &mut Connection| {
            connection.set_patience(patience);
            connection.send(&request)
        };
        let kept = self.idle.lock().take().filter(Connection::is_clean);
        // One that was closed meanwhile takes nothing, so that the request is made once.
        let kept = kept.and_then(|mut kept| send(&mut kept).is_ok().then_some(kept));
        let (mut connection, sent) = match kept {
            Some(kept) => (kept, Ok(())),
            None => {
                let mut fresh = Connection::open(&self.socket)?;
                let sent = send(&mut fresh);
                (fresh, sent)
            }
        };
        let answer = connection.answer_to(sent)?;
        if answer.keep_alive {
            *self.idle.lock() = Some(connection);
        }
        accept(answer)
    }
}

/// How long a request has the daemon wait.
fn waits_for(request: &CreateRequest) -> Duration {
    match (request.wait, request.timeout_ms) {
        (Wait::None, _) => Duration::ZERO,
        (_, limit) => limit.map_or(USUAL_WAIT, Duration::from_millis),
    }
}

/// The body of a good answer, or what the daemon says against the request.
fn accept(answer: Answer) -> Result<Vec<u8>, ClientError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.body);
    }
    match serde_json::from_slice::<ErrorAnswer>(&answer.body) {
        Ok(refusal) => Err(ClientError::Refused(refusal.error)),
        Err(_) => Err(ClientError::Status {
            status: answer.status,
            body: String::from_utf8_lossy(&answer.body).chars().take(200).collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
