//! The pool's policy: how many shells of which flavour there should be, and who gets them.
//!
//! Pure: time, requests and results come in as values, decisions go out as values. Nothing here
//! talks to Xen, reads a clock or starts a thread; the daemon does that, and so do the tests, which
//! run the same code over traces of requests.
//!
//! ```text
//! GuestConfig ──split──▶ Wanted + AtFinish
//!                          │
//!                  Planner::asked ──▶ Take a shell, or Build directly
//! built, failed, returned… ──▶ Planner ──plan──▶ builds to begin, shells to discard, when next
//! ```
//!
//! `docs/pool.md` says for users what is decided here.

mod backoff;
mod claims;
mod demand;
mod discard;
mod flavour;
mod learn;
mod memory;
mod options;
mod plan;
mod planner;
mod report;
mod request;
mod requests;
mod service;
mod settings;
mod share;
mod shelf;

pub use claims::Claimed;
pub use flavour::{Flavour, Form, Image, ImageFile, Level, Places, Stamp, Wanted, guest_kib};
pub use memory::{OnItsWay, Short};
pub use options::{FlavourOptions, LearnOptions, Options};
pub use plan::Plan;
pub use planner::{Discard, FlavourId, Planner, Verdict};
pub use report::{FlavourReport, Report};
pub use request::{Actions, AtFinish, Facts, split};
pub use requests::Answer;
pub use settings::{Learn, Settings, Watermarks};
pub use shelf::{Counts, Origin};
