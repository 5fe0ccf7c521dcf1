//! A small scheduler: places guests on a host, watches them and reaps them, through `lightvm::client` alone.
//!
//! ```text
//! scheduler IMAGE --guests 1000 --memory 4,8,16 --seconds 5
//! ```
//!
//! It asks for a thousand guests of three sizes, in turn, each of which may run for five seconds; it
//! ends them then, unless they end before by themselves. That they are more than the host has memory for
//! is the rule:
//!
//! - **Placing.** The host says how much memory guests to come can have, and the library how much each takes.
//!   The largest that fits goes first, then the next (first-fit-decreasing), in batches. What the host
//!   refuses all the same, since others make guests as well, goes back into the queue. When nothing
//!   fits, it waits for an end.
//! - **Watching.** A thread of its own reads the events, and one queue takes them to the scheduler, together with
//!   signals. It reads the stream's first line before it places anything, so no end is missed. Where
//!   events are not to be had (a `gap`: the daemon was restarted, or this was too slow), it asks
//!   for the list: what was placed and is not there has ended.
//! - **Restarts of the daemon.** Guests live on without it. Requests that only look, and those to destroy, are made
//!   again by the client. A batch has a key: asked again with that, the daemon answers with the guests
//!   that it made before, makes those it had not come to, and tells which have ended since. So none is
//!   made twice and none is lost, whenever the daemon is killed.
//! - **Reaping.** Every guest has a UUID that was chosen here, so that to destroy it never hits another.
//!   One that is gone already has ended by itself.
//! - **Books.** In the end as many have been placed as were asked for, as many have ended as were placed, and the host has
//!   none that is called as ours are. The exit status is 0 only if all of that is so. After Ctrl-C nothing
//!   more is placed and everything is reaped: status 130.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use lightvm::api::{
    BatchResult, CreateRequest, DEFAULT_SOCKET, ErrorBody, ErrorCode, Happened, MAX_BATCH, Wait,
};
use lightvm::client::{Client, ClientError};
use lightvm::config::{Action, GuestConfig, GuestOverrides, GuestType, MemSize};
use nix::sys::signal::{SigSet, Signal};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

/// How long a daemon may be away.
const ENDURANCE: Duration = Duration::from_secs(120);
/// How long the host may have no room for a guest while none of ours runs.
const STARVED: Duration = Duration::from_secs(60);
/// How often a full host is asked for room when nothing is heard.
const LOOK: Duration = Duration::from_secs(1);
/// How often a guest is asked for that the daemon could not make for reasons of its own.
const TRIES: u32 = 3;
/// News that wait at most; the daemon keeps more events than that.
const NEWS: usize = 1024;

/// Places, watches and reaps guests.
#[derive(Parser)]
struct Args {
    /// What they run.
    image: PathBuf,
    /// How many there are.
    #[arg(long, default_value_t = 1000)]
    guests: usize,
    /// How many may live at once; without it as many as the host has memory for.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    at_once: usize,
    /// MiB of memory of the first, the second …, and from the start again.
    #[arg(long, value_delimiter = ',', default_value = "4")]
    memory: Vec<u64>,
    /// MiB that the host is to keep.
    #[arg(long, default_value_t = 16)]
    keep_free: u64,
    /// Seconds each may run.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Their command line.
    #[arg(long, default_value = "")]
    cmdline: String,
    /// How many are asked for at a time.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Where the daemon listens.
    #[arg(long, default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Before there are threads: all have it blocked then, and one waits for it.
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    let books =
        signals.thread_block().map_err(Failure::from).and_then(|()| schedule(&args, signals));
    match books {
        Ok(books) if books.stopped => ExitCode::from(130),
        Ok(books) if books.balance() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("scheduler: {e}");
            ExitCode::FAILURE
        }
    }
}

fn schedule(args: &Args, signals: SigSet) -> Result<Books, Failure> {
    let client = Client::connect(&args.socket)?.with_endurance(ENDURANCE);
    let (sender, news) = sync_channel(NEWS);
    listen(&client, sender.clone())?;
    thread::spawn(move || await_signals(signals, &sender));
    let mut scheduler = Scheduler::new(args, client, news)?;
    let outcome = scheduler.run();
    if outcome.is_err() {
        scheduler.give_up()?;
    }
    let books = scheduler.close()?;
    outcome.map(|()| books)
}

/// What the scheduler wakes up for.
enum News {
    Event(Happened),
    Broken(ClientError),
    Stop,
}

/// Has the events read from now on.
fn listen(client: &Client, news: SyncSender<News>) -> Result<(), Failure> {
    let mut events = client.events(None)?;
    // What comes behind this line is told, whatever happens to the connection.
    events.next().ok_or("the events have no beginning")??;
    thread::spawn(move || {
        for event in events {
            let one = event.map_or_else(News::Broken, |event| News::Event(event.what));
            if news.send(one).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn await_signals(signals: SigSet, news: &SyncSender<News>) {
    if signals.wait().is_ok() && news.send(News::Stop).is_ok() && signals.wait().is_ok() {
        // Asked again: at once, whatever is left.
        std::process::exit(130);
    }
}

/// A guest that is asked for.
struct Job {
    request: CreateRequest,
    /// Bytes it takes of the host.
    footprint: u64,
    tries: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Living,
    Ended,
    Failed,
}

/// What became of all of them.
#[derive(Debug, Default)]
struct Books {
    asked: usize,
    placed: usize,
    reaped: usize,
    by_themselves: usize,
    failed: usize,
    /// Found on the host although nobody placed them, or after their end.
    strays: usize,
    left: usize,
    most_at_once: usize,
    host_full: usize,
    restarts: usize,
    stopped: bool,
}

impl Books {
    fn ended(&self) -> usize {
        self.reaped + self.by_themselves
    }

    fn balance(&self) -> bool {
        let wrong = self.failed + self.strays + self.left;
        self.asked == self.placed && self.placed == self.ended() && wrong == 0
    }
}

struct Scheduler<'a> {
    args: &'a Args,
    client: Client,
    news: Receiver<News>,
    /// What names and keys of this run begin with.
    run: String,
    batches: u64,
    jobs: HashMap<Uuid, Job>,
    /// Those that wait, the largest first.
    queue: Vec<Uuid>,
    /// Those that live, by the time at which they are to end. Some have ended before.
    living: VecDeque<(Instant, Uuid)>,
    /// No room until then, unless somebody ends.
    full_until: Option<Instant>,
    progress: Instant,
    books: Books,
}

impl<'a> Scheduler<'a> {
    fn new(args: &'a Args, client: Client, news: Receiver<News>) -> Result<Self, Failure> {
        let run = format!("job-{:.8}", Uuid::new_v4().simple());
        let kernel = args.image.canonicalize()?;
        let one = |number| job(args, &kernel, &format!("{run}-{number}"), number);
        let jobs = (0..args.guests).map(one).collect::<Result<HashMap<_, _>, Failure>>()?;
        let mut queue: Vec<Uuid> = jobs.keys().copied().collect();
        queue.sort_by_key(|uuid| std::cmp::Reverse(jobs[uuid].footprint));
        let books = Books { asked: jobs.len(), ..Books::default() };
        let (living, progress) = (VecDeque::new(), Instant::now());
        let (batches, full_until) = (0, None);
        Ok(Scheduler {
            args,
            client,
            news,
            run,
            batches,
            jobs,
            queue,
            living,
            full_until,
            progress,
            books,
        })
    }

    /// Until all have ended.
    fn run(&mut self) -> Result<(), Failure> {
        loop {
            self.reap()?;
            self.place()?;
            if self.queue.is_empty() && self.count_living() == 0 {
                return Ok(());
            }
            if self.count_living() == 0 && self.progress.elapsed() > STARVED {
                return Err(format!("the host has no room for {} guests", self.queue.len()).into());
            }
            self.wait()?;
        }
    }

    /// Waits for news, until the next one's time is over or a full host may have room.
    fn wait(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let due = self.living.front().map(|(due, _)| due.saturating_duration_since(now));
        match self.news.recv_timeout(due.unwrap_or(LOOK).min(LOOK)) {
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            first => self.hear(first?)?,
        }
        while let Ok(more) = self.news.try_recv() {
            self.hear(more)?;
        }
        Ok(())
    }

    fn hear(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Stop => {
                self.books.stopped = true;
                self.stop();
            }
            News::Broken(e) => return Err(e.into()),
            News::Event(Happened::GuestGone { guest, .. }) => self.ended(guest.uuid, false),
            News::Event(Happened::Gap { .. }) => self.compare()?,
            News::Event(Happened::DaemonStarted { pid, .. }) => {
                println!(
                    "scheduler: another daemon, process {pid}: {} of ours live",
                    self.count_living()
                );
                self.books.restarts += 1;
            }
            News::Event(_) => {}
        }
        Ok(())
    }

    /// Places what fits, largest first.
    fn place(&mut self) -> Result<(), Failure> {
        while self.full_until.is_none_or(|until| until <= Instant::now()) {
            let batch = if self.queue.is_empty() { Vec::new() } else { self.pack(self.room()?) };
            if batch.is_empty() {
                if !self.queue.is_empty() && self.count_living() < self.args.at_once {
                    self.is_full();
                }
                return Ok(());
            }
            self.ask(&batch)?;
        }
        Ok(())
    }

    /// Bytes of the host for our guests.
    fn room(&self) -> Result<u64, Failure> {
        Ok(self.client.host()?.memory.available.saturating_sub(self.args.keep_free << 20))
    }

    /// Takes out of the queue what fits into `room`: each that does, the largest first.
    fn pack(&mut self, mut room: u64) -> Vec<Uuid> {
        let free = self.args.at_once.saturating_sub(self.count_living());
        let most = free.min(self.args.batch.clamp(1, MAX_BATCH));
        let (mut batch, jobs) = (Vec::new(), &self.jobs);
        self.queue.retain(|uuid| {
            let footprint = jobs[uuid].footprint;
            let fits = batch.len() < most && footprint <= room;
            if fits {
                room -= footprint;
                batch.push(*uuid);
            }
            !fits
        });
        batch
    }

    /// Has a batch made, each of it once, whatever becomes of daemon and connection meanwhile.
    fn ask(&mut self, batch: &[Uuid]) -> Result<(), Failure> {
        let key = format!("{}-batch-{}", self.run, self.batches);
        self.batches += 1;
        let requests: Vec<_> = batch.iter().map(|uuid| self.jobs[uuid].request.clone()).collect();
        let began = Instant::now();
        let results = loop {
            match self.client.create_many_once(requests.clone(), &key) {
                Ok(results) => break results,
                Err(e) if e.code().is_some() || began.elapsed() > ENDURANCE => return Err(e.into()),
                Err(e) => eprintln!("scheduler: {e}: asking again"),
            }
        };
        for (&uuid, result) in batch.iter().zip(results) {
            match result {
                BatchResult::Created(_) => self.placed(uuid),
                BatchResult::Error(why) => self.refused(uuid, &why),
            }
        }
        self.books.most_at_once = self.books.most_at_once.max(self.count_living());
        Ok(())
    }

    fn placed(&mut self, uuid: Uuid) {
        self.set(uuid, State::Living);
        self.books.placed += 1;
        self.living.push_back((Instant::now() + Duration::from_secs_f64(self.args.seconds), uuid));
        self.progress = Instant::now();
    }

    fn refused(&mut self, uuid: Uuid, why: &ErrorBody) {
        let Some(job) = self.jobs.get_mut(&uuid) else { return };
        match why.code {
            // An earlier try with this key made it.
            ErrorCode::Ended => {
                self.placed(uuid);
                self.ended(uuid, false);
            }
            ErrorCode::NoResources => {
                self.back(uuid);
                self.is_full();
            }
            ErrorCode::Internal if job.tries < TRIES => {
                job.tries += 1;
                self.back(uuid);
            }
            _ => {
                eprintln!(
                    "scheduler: {}: {}",
                    job.request.config.name().map_or("", |n| n.as_str()),
                    why.message
                );
                self.books.failed += 1;
                self.set(uuid, State::Failed);
            }
        }
    }

    /// Puts a guest back to where its size belongs.
    fn back(&mut self, uuid: Uuid) {
        let footprint = self.jobs[&uuid].footprint;
        let at = self.queue.partition_point(|other| self.jobs[other].footprint > footprint);
        self.queue.insert(at, uuid);
    }

    fn is_full(&mut self) {
        if self.full_until.is_none() {
            println!(
                "scheduler: full with {} guests; {} wait",
                self.count_living(),
                self.queue.len()
            );
            self.books.host_full += 1;
        }
        self.full_until = Some(Instant::now() + LOOK);
    }

    /// Ends those whose time is over.
    fn reap(&mut self) -> Result<(), Failure> {
        while let Some(&(due, uuid)) = self.living.front()
            && due <= Instant::now()
        {
            self.living.pop_front();
            if self.jobs[&uuid].state != State::Living {
                continue;
            }
            match self.client.destroy(&uuid.to_string()) {
                Ok(()) => self.ended(uuid, true),
                Err(e) if e.code() == Some(ErrorCode::NotFound) => self.ended(uuid, false),
                Err(e) => {
                    self.living.push_front((Instant::now(), uuid));
                    return Err(e.into());
                }
            }
        }
        Ok(())
    }

    /// A guest has ended: reaped, or by itself. To be told so twice is the rule.
    fn ended(&mut self, uuid: Uuid, reaped: bool) {
        if self.jobs.get(&uuid).is_none_or(|job| job.state != State::Living) {
            return;
        }
        self.set(uuid, State::Ended);
        *(if reaped { &mut self.books.reaped } else { &mut self.books.by_themselves }) += 1;
        self.full_until = None;
        self.progress = Instant::now();
    }

    /// Nothing more is placed, and the time of all that live is over.
    fn stop(&mut self) {
        println!(
            "scheduler: stopped with {} guests; {} were waiting",
            self.count_living(),
            self.queue.len()
        );
        self.queue.clear();
        let now = Instant::now();
        self.living.iter_mut().for_each(|(due, _)| *due = now);
    }

    /// As [`Scheduler::stop`], after an error: what became of the last batch may not be known.
    fn give_up(&mut self) -> Result<(), Failure> {
        self.stop();
        self.compare()?;
        self.reap()
    }

    /// Compares with what the host has: hears of ends nobody told of, and destroys what should not be there.
    fn compare(&mut self) -> Result<(), Failure> {
        let prefix = format!("{}-", self.run);
        let mut there = HashSet::new();
        for guest in self
            .client
            .guests()?
            .into_iter()
            .filter(|guest| guest.name.as_str().starts_with(&prefix))
        {
            let known = self.jobs.get(&guest.uuid).is_some_and(|job| job.state == State::Living);
            if known && there.insert(guest.uuid) {
                continue;
            }
            eprintln!("scheduler: {} should not be there", guest.name);
            self.books.strays += 1;
            match self.client.destroy(&guest.uuid.to_string()) {
                Err(e) if e.code() != Some(ErrorCode::NotFound) => return Err(e.into()),
                _ => {}
            }
        }
        let gone: Vec<Uuid> = self.of(State::Living).filter(|uuid| !there.contains(uuid)).collect();
        println!(
            "scheduler: asked for the list: {} of ours are there, {} have ended",
            there.len(),
            gone.len()
        );
        gone.into_iter().for_each(|uuid| self.ended(uuid, false));
        Ok(())
    }

    fn set(&mut self, uuid: Uuid, state: State) {
        self.jobs.entry(uuid).and_modify(|job| job.state = state);
    }

    fn of(&self, state: State) -> impl Iterator<Item = Uuid> {
        self.jobs.iter().filter(move |(_, job)| job.state == state).map(|(&uuid, _)| uuid)
    }

    fn count_living(&self) -> usize {
        self.books.placed - self.books.ended()
    }

    /// The books, after a last look at the host.
    fn close(mut self) -> Result<Books, Failure> {
        let ours = |guest: &lightvm::api::GuestSummary| guest.name.as_str().starts_with(&self.run);
        self.books.left = self.client.guests()?.iter().filter(|guest| ours(guest)).count();
        let ended = self.books.ended();
        let Books { asked, placed, reaped, by_themselves, failed, strays, left, .. } = self.books;
        println!(
            "scheduler: asked {asked}, placed {placed}, ended {ended} (reaped {reaped}, by themselves \
             {by_themselves}), failed {failed}, strays {strays}, left {left}"
        );
        let Books { most_at_once, host_full, restarts, .. } = self.books;
        println!(
            "scheduler: at once {most_at_once}, host full {host_full} times, daemon restarted {restarts} times"
        );
        Ok(self.books)
    }
}

/// One guest's.
fn job(args: &Args, kernel: &Path, name: &str, number: usize) -> Result<(Uuid, Job), Failure> {
    let uuid = Uuid::new_v4();
    let size = args.memory.get(number % args.memory.len().max(1)).ok_or("no memory is said")?;
    let config = GuestConfig::from_overrides(GuestOverrides {
        name: Some(name.parse()?),
        uuid: Some(uuid),
        kernel: Some(kernel.to_owned()),
        memory: Some(MemSize::from_mib(*size)?),
        cmdline: Some(args.cmdline.clone()),
        // Whichever way it ends, it is over.
        on_reboot: Some(Action::Destroy),
        on_crash: Some(Action::Destroy),
        ..Default::default()
    })?
    .config;
    let footprint = config.footprint(config.guest_type().unwrap_or(GuestType::Pvh));
    let request = CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false };
    Ok((uuid, Job { request, footprint, tries: 0, state: State::Waiting }))
}
