//! Every request: who carries it out, and what is said of it in the document.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter};
use lightvm::api::{
    BatchAnswer, BatchRequest, ConsoleQuery, CreateAnswer, CreateRequest, DestroyQuery, DiskInfo,
    ErrorCode, Event, EventsQuery, FlavourInfo, FlavourSpec, GuestInfo, GuestSummary, HostInfo,
    KEY_HEADER, LogRecords, NetworkInfo, NetworkSpec, NicInfo, PoolInfo, RemoveQuery,
    RenameRequest, Stats, StopAnswer, StopRequest,
};
use lightvm::config::{Disk, Nic};

use super::operation::{Header, Operation};
use super::{console, devices, events, guests, host, metrics, networks, openapi, pool};
use crate::daemon::Daemon;
use ErrorCode::{BadRequest, Conflict, Ended, NoResources, NotFound, Taken, Timeout, Unsupported};

/// A path and what can be asked there.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) operations: Vec<Operation>,
    handlers: MethodRouter<Arc<Daemon>>,
}

impl Route {
    fn at(path: &'static str) -> Route {
        Route { path, operations: Vec::new(), handlers: MethodRouter::new() }
    }

    fn get<T: 'static>(
        self,
        handler: impl Handler<T, Arc<Daemon>>,
        id: &'static str,
        summary: &'static str,
        say: impl FnOnce(Operation) -> Operation,
    ) -> Route {
        self.on(MethodFilter::GET, handler, say(Operation::new(Method::GET, id, summary)))
    }

    fn post<T: 'static>(
        self,
        handler: impl Handler<T, Arc<Daemon>>,
        id: &'static str,
        summary: &'static str,
        say: impl FnOnce(Operation) -> Operation,
    ) -> Route {
        self.on(MethodFilter::POST, handler, say(Operation::new(Method::POST, id, summary)))
    }

    fn delete<T: 'static>(
        self,
        handler: impl Handler<T, Arc<Daemon>>,
        id: &'static str,
        summary: &'static str,
        say: impl FnOnce(Operation) -> Operation,
    ) -> Route {
        self.on(MethodFilter::DELETE, handler, say(Operation::new(Method::DELETE, id, summary)))
    }

    /// Requests of a method: a path's variable parts may be malformed, or name nothing.
    fn on<T: 'static>(
        mut self,
        method: MethodFilter,
        handler: impl Handler<T, Arc<Daemon>>,
        operation: Operation,
    ) -> Route {
        let named: &[ErrorCode] =
            if self.path.contains('{') { &[BadRequest, NotFound] } else { &[] };
        self.operations.push(operation.fails(named));
        Route { handlers: self.handlers.on(method, handler), ..self }
    }
}

/// The header with a client's key: see [`KEY_HEADER`].
const KEY: Header = Header {
    name: KEY_HEADER,
    description: "A key of the client's choice for this request: the same key and body make one \
                  guest, however often they are sent.",
    pattern: "^[!-~]{1,128}$",
    required: false,
};

/// The header that asks for a console.
const UPGRADE: Header = Header {
    name: "Upgrade",
    description: "The console's protocol.",
    pattern: "^lightvm-console$",
    required: true,
};

/// Everything that can be asked.
pub(super) fn all() -> Vec<Route> {
    let mut routes = Vec::from(of_the_host());
    routes.extend(of_guests());
    routes.extend(of_one_guest());
    routes.extend(of_devices());
    routes.extend(of_the_pool());
    routes.extend(of_networks());
    routes
}

/// The router of [`all`].
pub(super) fn router() -> Router<Arc<Daemon>> {
    all().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handlers))
}

fn of_the_host() -> [Route; 4] {
    [
        Route::at("/v1/host").get(host::host, "showHost", "The daemon and its host", |it| {
            it.answers::<HostInfo>(200)
        }),
        Route::at("/v1/events").get(events::follow, "followEvents", "What happens", |it| {
            it.query::<EventsQuery>().answers_lines::<Event>(events::EVENTS)
        }),
        Route::at("/metrics").get(metrics::show, "showMetrics", "Figures for Prometheus", |it| {
            it.answers_bytes(metrics::OPEN_METRICS)
        }),
        Route::at("/v1/openapi.json").get(openapi::show, "showApi", "This document", |it| {
            it.answers::<serde_json::Map<String, serde_json::Value>>(200)
        }),
    ]
}

/// Why a guest may not be made.
const NOT_MADE: [ErrorCode; 6] = [Taken, Conflict, Ended, NoResources, Timeout, Unsupported];

fn of_guests() -> [Route; 3] {
    [
        Route::at("/v1/guests")
            .get(guests::list, "listGuests", "Every guest", |it| {
                it.answers::<Vec<GuestSummary>>(200)
            })
            .post(guests::create, "createGuest", "Makes a guest", |it| {
                let it = it.header(KEY).takes::<CreateRequest>();
                it.answers::<CreateAnswer>(201).fails(&NOT_MADE).fails(&[NotFound])
            }),
        Route::at("/v1/guests:batch").post(
            guests::create_many,
            "createGuests",
            "Makes guests, several at a time",
            |it| it.header(KEY).takes::<BatchRequest>().answers::<BatchAnswer>(200),
        ),
        Route::at("/v1/guests/{guest}")
            .get(guests::show, "showGuest", "Everything about a guest", |it| {
                it.answers::<GuestInfo>(200).fails(&[Conflict])
            })
            .delete(guests::destroy, "destroyGuest", "Destroys a guest, without asking it", |it| {
                it.query::<DestroyQuery>().answers_nothing(204).fails(&[Conflict])
            }),
    ]
}

fn of_one_guest() -> [Route; 11] {
    let summary = |it: Operation| it.answers::<GuestSummary>(200).fails(&[Conflict]);
    let stop = |it: Operation| {
        let it = it.may_take::<StopRequest>().answers::<StopAnswer>(200);
        it.fails(&[Taken, Conflict, NoResources, Timeout, Unsupported])
    };
    [
        Route::at("/v1/guests/{guest}/pause").post(
            guests::pause,
            "pauseGuest",
            "Holds a guest where it is",
            summary,
        ),
        Route::at("/v1/guests/{guest}/unpause").post(
            guests::unpause,
            "unpauseGuest",
            "Lets a guest go on",
            summary,
        ),
        Route::at("/v1/guests/{guest}/start").post(
            guests::unpause,
            "startGuest",
            "Lets a guest run that was made `paused`",
            summary,
        ),
        Route::at("/v1/guests/{guest}/rename").post(
            guests::rename,
            "renameGuest",
            "Gives a guest another name",
            |it| summary(it.takes::<RenameRequest>()).fails(&[Taken]),
        ),
        Route::at("/v1/guests/{guest}/poweroff").post(
            guests::poweroff,
            "powerOffGuest",
            "Asks a guest to power off",
            stop,
        ),
        Route::at("/v1/guests/{guest}/reboot").post(
            guests::reboot,
            "rebootGuest",
            "Asks a guest to start again",
            stop,
        ),
        Route::at("/v1/guests/{guest}/suspend").post(
            guests::suspend,
            "suspendGuest",
            "Asks a guest to suspend itself",
            stop,
        ),
        Route::at("/v1/guests/{guest}/console").get(
            console::attach,
            "attachConsole",
            "A guest's console, raw bytes both ways: what is kept of it, then what it prints",
            |it| {
                let it = it.query::<ConsoleQuery>().header(UPGRADE).answers_nothing(101);
                it.fails(&[Taken, Conflict])
            },
        ),
        Route::at("/v1/guests/{guest}/log").get(
            console::log,
            "showConsoleLog",
            "What is kept of a guest's console",
            |it| it.answers_bytes("application/octet-stream"),
        ),
        Route::at("/v1/guests/{guest}/records").get(
            console::records,
            "listLogRecords",
            "What is kept of the log records that a guest wrote",
            |it| it.answers::<LogRecords>(200),
        ),
        Route::at("/v1/guests/{guest}/stats").get(
            guests::stats,
            "showStats",
            "What went through a guest's devices",
            |it| it.answers::<Stats>(200).fails(&[Conflict]),
        ),
    ]
}

/// Why a device may not be given or taken.
const NOT_PLUGGED: [ErrorCode; 5] = [Taken, Conflict, NoResources, Timeout, Unsupported];

fn of_devices() -> [Route; 4] {
    let removal =
        |it: Operation| it.query::<RemoveQuery>().answers_nothing(204).fails(&NOT_PLUGGED);
    [
        Route::at("/v1/guests/{guest}/nics")
            .get(devices::nics, "listNics", "A guest's network interfaces", |it| {
                it.answers::<Vec<NicInfo>>(200).fails(&[Conflict])
            })
            .post(devices::attach_nic, "attachNic", "Gives a guest a network interface", |it| {
                it.takes::<Nic>().answers::<NicInfo>(201).fails(&NOT_PLUGGED)
            }),
        Route::at("/v1/guests/{guest}/nics/{index}").delete(
            devices::detach_nic,
            "detachNic",
            "Takes a network interface away",
            removal,
        ),
        Route::at("/v1/guests/{guest}/disks")
            .get(devices::disks, "listDisks", "A guest's disks", |it| {
                it.answers::<Vec<DiskInfo>>(200).fails(&[Conflict])
            })
            .post(devices::attach_disk, "attachDisk", "Gives a guest a disk", |it| {
                it.takes::<Disk>().answers::<DiskInfo>(201).fails(&NOT_PLUGGED)
            }),
        Route::at("/v1/guests/{guest}/disks/{index}").delete(
            devices::detach_disk,
            "detachDisk",
            "Takes a disk away",
            removal,
        ),
    ]
}

fn of_the_pool() -> [Route; 3] {
    [
        Route::at("/v1/pool")
            .get(pool::show, "showPool", "The pool of shells", |it| it.answers::<PoolInfo>(200)),
        Route::at("/v1/pool/flavours").post(
            pool::add,
            "addFlavour",
            "Keeps shells of a kind",
            |it| {
                let it = it.takes::<FlavourSpec>().answers::<FlavourInfo>(201);
                it.fails(&[Conflict, NoResources, Unsupported])
            },
        ),
        Route::at("/v1/pool/flavours/{number}").delete(
            pool::remove,
            "removeFlavour",
            "Keeps shells of a flavour no longer",
            |it| it.answers_nothing(204),
        ),
    ]
}

fn of_networks() -> [Route; 2] {
    [
        Route::at("/v1/networks")
            .get(networks::list, "listNetworks", "Every network", |it| {
                it.answers::<Vec<NetworkInfo>>(200)
            })
            .post(networks::create, "createNetwork", "Makes a network", |it| {
                let it = it.takes::<NetworkSpec>().answers::<NetworkInfo>(201);
                it.fails(&[Taken, NoResources, Unsupported])
            }),
        Route::at("/v1/networks/{name}").delete(
            networks::delete,
            "deleteNetwork",
            "Takes a network away",
            |it| it.answers_nothing(204).fails(&[Conflict]),
        ),
    ]
}
