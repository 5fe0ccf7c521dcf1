//! What is said about guests that were made.

use std::time::Duration;

use lightvm::config::{ControlMode, GuestName, GuestType, Warning};
use lightvm::domain::{Sign, Stage, Timings};
use lightvm::xen::DomId;
use serde::Serialize;
use uuid::Uuid;

use super::maker::{Created, WaitResult};
use crate::args::WaitFor;
use crate::failure::Failure;
use crate::output;

/// A guest that was made, as JSON. Times are milliseconds, memory is bytes.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    name: GuestName,
    uuid: Uuid,
    domid: DomId,
    #[serde(rename = "type")]
    guest_type: GuestType,
    control: ControlMode,
    memory: u64,
    vcpus: u16,
    timings: Timings,
    wait_ms: Option<f64>,
    sign: Option<&'static str>,
    end: Option<String>,
    warnings: Vec<String>,
}

impl Made {
    pub(super) fn of(created: &Created, warnings: &[Warning]) -> Self {
        let result = created.waited.map(|waited| waited.result);
        let (sign, end) = match result {
            Some(WaitResult::Sign(Sign::Event)) => (Some("event"), None),
            Some(WaitResult::Sign(Sign::End(end))) => (Some("end"), Some(output::end(end))),
            Some(WaitResult::Reached(wait)) => (Some(name_of(wait)), None),
            Some(WaitResult::TimedOut | WaitResult::Interrupted) | None => (None, None),
        };
        Made {
            name: created.name.clone(),
            uuid: created.uuid,
            domid: created.domid,
            guest_type: created.guest_type,
            control: created.control,
            memory: created.memory,
            vcpus: created.vcpus,
            timings: created.timings,
            wait_ms: created.waited.map(|waited| ms(waited.time)),
            sign,
            end,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

fn name_of(wait: WaitFor) -> &'static str {
    match wait {
        WaitFor::Event => "event",
        WaitFor::Booted => "booted",
        WaitFor::Ready => "ready",
    }
}

/// `value` as a line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.map_err(|e| Failure::io("cannot write JSON")(e.into()))? + "\n")
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// One guest in a sentence.
pub(super) fn sentence(created: &Created) -> String {
    let served = match created.control {
        ControlMode::None => String::new(),
        control => format!(", {control}"),
    };
    let mut text = format!(
        "{} is domain {}, {}{served}, created in {:.2} ms",
        created.name,
        created.domid,
        created.guest_type,
        ms(created.timings.total())
    );
    if let Some(waited) = created.waited {
        let time = ms(waited.time);
        text.push_str(&match waited.result {
            WaitResult::Sign(Sign::Event) => format!("; first sign of life after {time:.2} ms"),
            WaitResult::Sign(Sign::End(end)) => {
                format!("; ended ({}) after {time:.2} ms", output::end(end))
            }
            WaitResult::Reached(WaitFor::Event) => {
                format!("; first sign of life after {time:.2} ms")
            }
            WaitResult::Reached(wait) => format!("; {} after {time:.2} ms", name_of(wait)),
            WaitResult::TimedOut | WaitResult::Interrupted => String::new(),
        });
    }
    text + "\n"
}

/// Many guests in a sentence.
pub(super) fn summary(made: &[Created], elapsed: Duration) -> String {
    let (Some(first), Some(last)) = (made.first(), made.last()) else { return String::new() };
    let each = ms(elapsed) / f64::from(u32::try_from(made.len()).unwrap_or(u32::MAX));
    format!(
        "{} ({} to {}, domains {} to {}) in {:.1} ms, {each:.2} ms each\n",
        output::count(made.len(), "guest"),
        first.name,
        last.name,
        first.domid,
        last.domid,
        ms(elapsed)
    )
}

/// A table of the stages of one creation.
pub(super) fn timings_of_one(created: &Created) -> String {
    let total = created.timings.total() + created.waited.map_or(Duration::ZERO, |w| w.time);
    let share = |time: Duration| {
        let percent = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
        format!("{percent:.1}")
    };
    let row = |(stage, time): (&str, Duration)| {
        [stage.to_owned(), format!("{:.3}", ms(time)), share(time)]
    };
    let rows = stages(created).into_iter().chain([("total", total)]).map(row);
    output::table(["STAGE", "MS", "%"], &[1, 2], rows)
}

/// A table of the stages of many creations.
pub(super) fn timings_of_many(made: &[Created]) -> String {
    let Some(first) = made.first() else { return String::new() };
    let count = u32::try_from(made.len()).unwrap_or(u32::MAX);
    let names = stages(first).into_iter().map(|(name, _)| name).chain(["total"]);
    let rows = names.enumerate().map(|(column, name)| {
        let times = || made.iter().map(move |created| time_of(created, column));
        let sum: Duration = times().sum();
        let (least, most) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
        let show = |time: Duration| format!("{:.3}", ms(time));
        [name.to_owned(), show(sum / count), show(least), show(most), show(sum)]
    });
    output::table(["STAGE", "MEAN MS", "MIN", "MAX", "SUM"], &[1, 2, 3, 4], rows)
}

/// The stages of a creation, with the wait if there was one.
fn stages(created: &Created) -> Vec<(&'static str, Duration)> {
    let of = |stage: Stage| (stage.name(), created.timings.of(stage));
    let wait = created.waited.map(|waited| ("wait", waited.time));
    Stage::ALL.into_iter().map(of).chain(wait).collect()
}

/// The time of a row: of a stage, or of all behind the last.
fn time_of(created: &Created, row: usize) -> Duration {
    let stages = stages(created);
    match stages.get(row) {
        Some((_, time)) => *time,
        None => stages.iter().map(|(_, time)| *time).sum(),
    }
}
