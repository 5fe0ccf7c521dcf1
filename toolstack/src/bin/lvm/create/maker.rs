//! One guest from its configuration to its first sign of life.

use std::time::{Duration, Instant};

use lightvm::api::{BatchResult, CreateAnswer, CreateRequest, ErrorCode, Wait};
use lightvm::client::{Client, ClientError};
use lightvm::config::{ControlMode, GuestConfig, GuestName, GuestType};
use lightvm::domain::{Running, Sign, Timings, Watch};
use lightvm::lifecycle::{Guest, Lifecycle};
use lightvm::xen::{DomId, Port};
use uuid::Uuid;

use crate::app::App;
use crate::args::{CreateArgs, WaitFor};
use crate::failure::Failure;
use crate::signals::Signals;

/// How often a wait looks whether a signal came.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Guests that the daemon is asked for at a time: few enough to show how far it is.
const BATCH: usize = 32;

/// Makes guests the way the command line wants them: here, or by the daemon.
pub(super) enum Maker<'a> {
    Direct(Direct<'a>),
    Daemon(Daemon<'a>),
}

/// Who looks after guests that were made.
pub(super) enum Keeper {
    /// This process, as long as it is there.
    Here(Lifecycle),
    /// The daemon.
    Daemon(Client),
}

/// A guest that was made.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) name: GuestName,
    pub(super) uuid: Uuid,
    pub(super) domid: DomId,
    pub(super) guest_type: GuestType,
    /// Its channel, by name.
    pub(super) control: ControlMode,
    /// Bytes.
    pub(super) memory: u64,
    pub(super) vcpus: u16,
    pub(super) timings: Timings,
    pub(super) waited: Option<Waited>,
    /// Itself, when nobody else looks after it.
    pub(super) guest: Option<Guest>,
}

/// How a wait for the first sign of life ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    pub(super) time: Duration,
    pub(super) result: WaitResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitResult {
    Sign(Sign),
    /// It says that it has come this far.
    Reached(WaitFor),
    TimedOut,
    Interrupted,
}

impl<'a> Maker<'a> {
    /// The daemon makes guests where it runs and nothing was said against it.
    pub(super) fn new(
        app: &App,
        signals: &'a Signals,
        args: &'a CreateArgs,
        config: &GuestConfig,
    ) -> Result<Self, Failure> {
        let direct = args.direct || config.control() == ControlMode::None;
        let client = if direct { None } else { app.daemon()? };
        Ok(match client {
            Some(client) => Maker::Daemon(Daemon { client, args }),
            None => Maker::Direct(Direct::new(app, signals, args)?),
        })
    }

    /// Who made them looks after them.
    pub(super) fn into_keeper(self) -> Keeper {
        match self {
            Maker::Daemon(daemon) => Keeper::Daemon(daemon.client),
            Maker::Direct(direct) => Keeper::Here(direct.lifecycle),
        }
    }

    /// Makes a guest. What fails before its start leaves nothing of it.
    pub(super) fn make(&self, config: &GuestConfig) -> Result<Created, Failure> {
        match self {
            Maker::Direct(direct) => direct.make(config),
            Maker::Daemon(daemon) => daemon.make(config),
        }
    }

    /// Makes guests, several at a time where the daemon does. What was made comes first, then why
    /// the first one was not that failed.
    pub(super) fn make_all(&self, configs: &[GuestConfig]) -> (Vec<Created>, Option<Failure>) {
        match self {
            Maker::Direct(direct) => {
                let mut made = Vec::new();
                let failed = configs.iter().try_for_each(|config| {
                    made.push(direct.make(config)?);
                    Ok(())
                });
                (made, failed.err())
            }
            Maker::Daemon(daemon) => daemon.make_all(configs),
        }
    }

    /// How many guests to make at a time.
    pub(super) fn at_a_time(&self) -> usize {
        match self {
            Maker::Direct(_) => 1,
            Maker::Daemon(_) => BATCH,
        }
    }

    /// Takes back a guest that was made.
    pub(super) fn unmake(&self, created: &Created) -> Result<(), Failure> {
        match (self, &created.guest) {
            (Maker::Daemon(daemon), _) => Ok(daemon.client.destroy(&created.uuid.to_string())?),
            (Maker::Direct(direct), Some(guest)) => Ok(direct.lifecycle.destroy(&guest.record)?),
            (Maker::Direct(_), None) => Ok(()),
        }
    }
}

/// Guests made here, with a console and nothing else.
pub(super) struct Direct<'a> {
    lifecycle: Lifecycle,
    signals: &'a Signals,
    watch: Option<Watch>,
    paused: bool,
    timeout: Option<Duration>,
}

impl<'a> Direct<'a> {
    fn new(app: &App, signals: &'a Signals, args: &CreateArgs) -> Result<Self, Failure> {
        let (xen, lifecycle) = app.lifecycle()?;
        let watch = match args.wait {
            Some(WaitFor::Event) => Some(Watch::new(&xen)?),
            Some(WaitFor::Booted | WaitFor::Ready) => {
                let text = "a guest made without the daemon cannot say how far it is: leave out \
                            what to --wait for, or start chaosd";
                return Err(Failure::usage(text));
            }
            None => None,
        };
        Ok(Direct { lifecycle, signals, watch, paused: args.paused, timeout: args.timeout })
    }

    fn make(&self, config: &GuestConfig) -> Result<Created, Failure> {
        let prepared = self.lifecycle.prepare(config)?;
        let port = match &self.watch {
            Some(watch) => Some((watch, watch.listen(prepared.loaded())?)),
            None => None,
        };
        self.signals.check()?;
        if self.paused {
            let (guest, timings) = prepared.hold();
            return Ok(Created::here(guest, timings, None));
        }
        let (guest, timings) = prepared.start()?;
        let waited = match port {
            Some((watch, port)) => Some(self.wait(watch, &guest.running, port)?),
            None => None,
        };
        Ok(Created::here(guest, timings, waited))
    }

    fn wait(&self, watch: &Watch, guest: &Running, port: Port) -> Result<Waited, Failure> {
        let start = Instant::now();
        let result = loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            let slice = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
            if let Some(sign) = watch.wait_sign(guest, port, Some(slice))? {
                break WaitResult::Sign(sign);
            }
            if self.signals.came() {
                break WaitResult::Interrupted;
            }
            if left == Some(Duration::ZERO) {
                break WaitResult::TimedOut;
            }
        };
        let time = start.elapsed();
        watch.ignore(guest, port)?;
        Ok(Waited { time, result })
    }
}

impl Created {
    fn here(guest: Guest, timings: Timings, waited: Option<Waited>) -> Self {
        let record = &guest.record;
        Created {
            name: record.name.clone(),
            uuid: record.uuid,
            domid: record.domid,
            guest_type: record.guest_type,
            control: ControlMode::None,
            memory: record.config.memory().bytes(),
            vcpus: record.config.vcpus(),
            timings,
            waited,
            guest: Some(guest),
        }
    }
}

/// Guests made and served by the daemon.
pub(super) struct Daemon<'a> {
    client: Client,
    args: &'a CreateArgs,
}

impl Daemon<'_> {
    fn make(&self, config: &GuestConfig) -> Result<Created, Failure> {
        let answer = self.client.create(&self.request(config)).map_err(refused)?;
        Ok(self.created(config, answer))
    }

    fn make_all(&self, configs: &[GuestConfig]) -> (Vec<Created>, Option<Failure>) {
        let requests = configs.iter().map(|config| self.request(config)).collect();
        let results = match self.client.create_many(requests) {
            Ok(results) => results,
            Err(e) => return (Vec::new(), Some(refused(e))),
        };
        let (mut made, mut failed) = (Vec::new(), None);
        for (config, result) in configs.iter().zip(results) {
            match result {
                BatchResult::Created(answer) => made.push(self.created(config, *answer)),
                BatchResult::Error(e) => {
                    failed = failed.or_else(|| Some(refused(ClientError::Refused(e))));
                }
            }
        }
        (made, failed)
    }

    fn request(&self, config: &GuestConfig) -> CreateRequest {
        let timeout = self.args.timeout.filter(|_| self.args.wait.is_some());
        CreateRequest {
            config: config.clone(),
            wait: self.args.wait.map_or(Wait::None, Wait::from),
            timeout_ms: timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            // Nothing it prints is missed when the console is there first.
            paused: self.args.paused || self.args.console,
        }
    }

    fn created(&self, config: &GuestConfig, answer: CreateAnswer) -> Created {
        let waited = answer.wait_ms.zip(self.args.wait).map(|(ms, wait)| Waited {
            time: Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default(),
            result: WaitResult::Reached(wait),
        });
        Created {
            name: answer.guest.name,
            uuid: answer.guest.uuid,
            domid: DomId(answer.guest.domid),
            guest_type: answer.guest.guest_type,
            control: answer.guest.control,
            memory: config.memory().bytes(),
            vcpus: config.vcpus(),
            timings: answer.timings,
            waited,
            guest: None,
        }
    }
}

fn refused(e: ClientError) -> Failure {
    match e.code() {
        Some(ErrorCode::Timeout) => Failure::from(e).with("it lives on"),
        _ => e.into(),
    }
}
