//! How long each stage of a creation took.

use std::fmt;
use std::time::{Duration, Instant};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

/// A stage between the request and the guest's first instruction, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reading and parsing the kernel and the initrd.
    Images,
    /// `XEN_DOMCTL_createdomain`.
    Create,
    /// vCPUs, memory bound, page-table pool, TSC mode.
    Limits,
    /// Populating the memory.
    Memory,
    /// Console channel and parameters.
    Console,
    /// Copying the kernel and its boot information, vCPU state.
    Load,
    /// Pinning, weight and cap.
    Placement,
    /// Taking the name and writing the guest down.
    Register,
    /// Letting it run.
    Start,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 9] = [
        Stage::Images,
        Stage::Create,
        Stage::Limits,
        Stage::Memory,
        Stage::Console,
        Stage::Load,
        Stage::Placement,
        Stage::Register,
        Stage::Start,
    ];

    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Images => "images",
            Stage::Create => "create",
            Stage::Limits => "limits",
            Stage::Memory => "memory",
            Stage::Console => "console",
            Stage::Load => "load",
            Stage::Placement => "placement",
            Stage::Register => "register",
            Stage::Start => "start",
        }
    }
}

/// Time spent per [`Stage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    spent: [Duration; Stage::ALL.len()],
}

impl Timings {
    /// Runs `work` and books its time on `stage`.
    pub fn measure<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.spent[stage as usize] += start.elapsed();
        result
    }

    /// Time booked on `stage`.
    pub fn of(&self, stage: Stage) -> Duration {
        self.spent[stage as usize]
    }

    /// Time booked on all stages.
    pub fn total(&self) -> Duration {
        self.spent.iter().sum()
    }

    /// Adds another creation's times.
    pub fn add(&mut self, other: &Timings) {
        for (mine, theirs) in self.spent.iter_mut().zip(other.spent) {
            *mine += theirs;
        }
    }
}

/// Milliseconds by stage name, with `total`; stages that took no time are left out.
impl Serialize for Timings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for stage in Stage::ALL.into_iter().filter(|&stage| !self.of(stage).is_zero()) {
            map.serialize_entry(stage.name(), &(self.of(stage).as_secs_f64() * 1e3))?;
        }
        map.serialize_entry("total", &(self.total().as_secs_f64() * 1e3))?;
        map.end()
    }
}

impl JsonSchema for Timings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Milliseconds spent on each stage that took any time, and in total.",
            "additionalProperties": {"type": "number"},
        })
    }
}

/// As it is written; stages that are not there took no time, names of other stages are passed
/// over.
impl<'de> Deserialize<'de> for Timings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Timings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliseconds by stage")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Timings, A::Error> {
        let mut timings = Timings::default();
        while let Some((Named(stage), ms)) = map.next_entry::<Named, f64>()? {
            if let Some(stage) = stage {
                let spent = Duration::try_from_secs_f64(ms / 1e3).map_err(A::Error::custom)?;
                timings.spent[stage as usize] = spent;
            }
        }
        Ok(timings)
    }
}

/// The stage of this name, if it is one's.
struct Named(Option<Stage>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stage's name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Named, E> {
                Ok(Named(Stage::ALL.into_iter().find(|stage| stage.name() == name)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trips() {
        let timings: Timings = serde_json::from_str(r#"{"create": 0.25, "load": 2}"#).unwrap();
        assert_eq!(timings.of(Stage::Create), Duration::from_micros(250));
        assert_eq!(timings.total(), Duration::from_micros(2250));
        let json = serde_json::to_string(&timings).unwrap();
        assert_eq!(serde_json::from_str::<Timings>(&json).unwrap(), timings);
        assert_eq!(json, r#"{"create":0.25,"load":2.0,"total":2.25}"#);
        assert!(serde_json::from_str::<Timings>(r#"{"create": -1}"#).is_err());
    }
}
