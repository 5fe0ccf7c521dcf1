//! Sets of host CPUs, in `xl`'s notation.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A set of host CPUs as written: `0-3,5,^1`, `all,^7`, `nodes:0-1,^node:1`.
///
/// Terms apply from left to right; `^` takes away. `all` and `node:` mean nothing before the host
/// is known, so a set keeps its terms until [`CpuSet::resolve`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("maxLength" = CpuSet::MAX_BYTES))]
pub struct CpuSet {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Term {
    remove: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    All,
    Cpus(RangeInclusive<u32>),
    Nodes(RangeInclusive<u32>),
}

/// Where a guest's vCPUs may run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CpuAffinity {
    /// Every vCPU on this set.
    Same(CpuSet),
    /// The first vCPU on the first set, and so on; vCPUs beyond the list run anywhere.
    PerVcpu(Vec<CpuSet>),
}

/// The host's CPUs, as far as a [`CpuSet`] needs to know them.
#[derive(Clone, Copy, Debug)]
pub struct HostCpus<'a> {
    /// The NUMA node of each CPU, by CPU number. Its length is the number of CPUs.
    pub node_of_cpu: &'a [u32],
}

/// Why something is no [`CpuSet`], or none on this host.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CpuSetError {
    /// A term that is no CPU, range, node or `all`.
    #[error("`{0}` is not a set of CPUs; write it as in \"0-3,5,^1\", \"all\" or \"node:0\"")]
    Syntax(String),
    /// A range that runs backwards.
    #[error("the range {0}-{1} runs backwards; write {1}-{0}")]
    Backwards(u32, u32),
    /// `^all`.
    #[error("`^all` would leave no CPU")]
    NotAll,
    /// Only removals, or nothing at all.
    #[error("no CPU is named; write CPUs such as \"0-3\", or \"all\"")]
    Empty,
    /// A number no Xen host has.
    #[error("{0} is beyond the {max} CPUs that Xen supports", max = CpuSet::MAX_CPUS)]
    NumberTooLarge(String),
    /// Text too long to be meant.
    #[error("the set is {0} bytes long; at most {max} are allowed", max = CpuSet::MAX_BYTES)]
    TooLong(usize),
    /// A CPU this host lacks.
    #[error("this host has no CPU {cpu}; its CPUs are 0 to {last}")]
    NoSuchCpu {
        /// The CPU asked for.
        cpu: u32,
        /// The host's last CPU.
        last: usize,
    },
    /// A node this host lacks, or one without CPUs.
    #[error("this host has no NUMA node {0} with CPUs")]
    NoSuchNode(u32),
    /// Removals took away everything.
    #[error("`{0}` leaves no CPU on this host")]
    NothingLeft(CpuSet),
}

impl CpuSet {
    /// CPU numbers stay below this, the most that Xen's `CONFIG_NR_CPUS` allows in any release.
    pub const MAX_CPUS: u32 = 16383;

    /// The longest text of a set, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The CPU numbers of this set on `host`, ascending.
    ///
    /// # Errors
    /// When the set names a CPU or node that `host` lacks, or nothing is left.
    pub fn resolve(&self, host: HostCpus<'_>) -> Result<Vec<u32>, CpuSetError> {
        let mut cpus = BTreeSet::new();
        for term in &self.terms {
            let named = term.what.resolve(host)?;
            if term.remove {
                named.iter().for_each(|cpu| _ = cpus.remove(cpu));
            } else {
                cpus.extend(named);
            }
        }
        if cpus.is_empty() {
            return Err(CpuSetError::NothingLeft(self.clone()));
        }
        Ok(cpus.into_iter().collect())
    }
}

impl What {
    fn resolve(&self, host: HostCpus<'_>) -> Result<Vec<u32>, CpuSetError> {
        match self {
            Self::All => Ok(host.cpus().map(|(cpu, _)| cpu).collect()),
            Self::Cpus(range) => {
                let last = host.node_of_cpu.len().saturating_sub(1);
                match range.clone().find(|cpu| host.node(*cpu).is_none()) {
                    Some(cpu) => Err(CpuSetError::NoSuchCpu { cpu, last }),
                    None => Ok(range.clone().collect()),
                }
            }
            Self::Nodes(range) => {
                let present: BTreeSet<u32> = host.cpus().map(|(_, node)| node).collect();
                if let Some(node) = range.clone().find(|node| !present.contains(node)) {
                    return Err(CpuSetError::NoSuchNode(node));
                }
                Ok(host
                    .cpus()
                    .filter(|(_, node)| range.contains(node))
                    .map(|(cpu, _)| cpu)
                    .collect())
            }
        }
    }
}

impl HostCpus<'_> {
    fn cpus(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(self.node_of_cpu.iter().copied())
    }

    fn node(&self, cpu: u32) -> Option<u32> {
        self.node_of_cpu.get(usize::try_from(cpu).ok()?).copied()
    }
}

impl FromStr for CpuSet {
    type Err = CpuSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::MAX_BYTES {
            return Err(CpuSetError::TooLong(text.len()));
        }
        // Empty terms are skipped as xl's strtok does: "0-3," is fine.
        let terms = text
            .split(',')
            .map(str::trim)
            .filter(|term| !term.is_empty())
            .map(Term::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if terms.iter().all(|term| term.remove) {
            return Err(CpuSetError::Empty);
        }
        Ok(Self { terms })
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, CpuSetError> {
        let (remove, rest) = match text.strip_prefix('^') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        if rest == "all" {
            return if remove {
                Err(CpuSetError::NotAll)
            } else {
                Ok(Self { remove, what: What::All })
            };
        }
        let nodes = rest.strip_prefix("nodes:").or_else(|| rest.strip_prefix("node:"));
        let what = match nodes {
            Some(nodes) => What::Nodes(parse_range(nodes, text)?),
            None => What::Cpus(parse_range(rest, text)?),
        };
        Ok(Self { remove, what })
    }
}

fn parse_range(text: &str, term: &str) -> Result<RangeInclusive<u32>, CpuSetError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (parse_number(first, term)?, parse_number(last, term)?);
    if first > last { Err(CpuSetError::Backwards(first, last)) } else { Ok(first..=last) }
}

fn parse_number(text: &str, term: &str) -> Result<u32, CpuSetError> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CpuSetError::Syntax(super::error::excerpt(term)));
    }
    text.parse()
        .ok()
        .filter(|number| *number < CpuSet::MAX_CPUS)
        .ok_or_else(|| CpuSetError::NumberTooLarge(super::error::excerpt(text)))
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            f.write_str(if term.remove { "^" } else { "" })?;
            match &term.what {
                What::All => f.write_str("all")?,
                What::Cpus(range) => write_range(f, range)?,
                What::Nodes(range) => {
                    f.write_str("node:")?;
                    write_range(f, range)?;
                }
            }
        }
        Ok(())
    }
}

fn write_range(f: &mut fmt::Formatter<'_>, range: &RangeInclusive<u32>) -> fmt::Result {
    match (range.start(), range.end()) {
        (first, last) if first == last => write!(f, "{first}"),
        (first, last) => write!(f, "{first}-{last}"),
    }
}

crate::config::text::as_text!(CpuSet);

impl CpuAffinity {
    /// The set of vCPU number `vcpu`, or `None` where it may run anywhere.
    #[must_use]
    pub fn of_vcpu(&self, vcpu: usize) -> Option<&CpuSet> {
        match self {
            Self::Same(set) => Some(set),
            Self::PerVcpu(sets) => sets.get(vcpu),
        }
    }
}

/// One set for every vCPU, as `--cpus` takes it.
impl FromStr for CpuAffinity {
    type Err = CpuSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Same)
    }
}

impl fmt::Display for CpuAffinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(set) => set.fmt(f),
            Self::PerVcpu(sets) => {
                f.debug_list().entries(sets.iter().map(CpuSet::to_string)).finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostCpus<'_> = HostCpus { node_of_cpu: &[0, 0, 0, 0, 1, 1, 1, 1] };

    fn resolve(text: &str) -> Result<Vec<u32>, CpuSetError> {
        text.parse::<CpuSet>()?.resolve(HOST)
    }

    #[test]
    fn the_manual_page_s_examples() {
        for (text, cpus) in [
            ("all", vec![0, 1, 2, 3, 4, 5, 6, 7]),
            ("0-3,5,^1", vec![0, 2, 3, 5]),
            ("all,^7", vec![0, 1, 2, 3, 4, 5, 6]),
            ("nodes:0-1,^node:1", vec![0, 1, 2, 3]),
            ("1,node:1,^6", vec![1, 4, 5, 7]),
            ("all,^nodes:1", vec![0, 1, 2, 3]),
            ("2", vec![2]),
            ("3-7,^5", vec![3, 4, 6, 7]),
            (" 0 - 1 , ^ 0 ,", vec![1]),
            ("1,^1,1", vec![1]),
        ] {
            assert_eq!(resolve(text), Ok(cpus), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("", CpuSetError::Empty),
            (",", CpuSetError::Empty),
            ("^1", CpuSetError::Empty),
            ("all,^all", CpuSetError::NotAll),
            ("3-1", CpuSetError::Backwards(3, 1)),
            ("1-2-3", CpuSetError::Syntax("1-2-3".into())),
            ("-1", CpuSetError::Syntax("-1".into())),
            ("0x1", CpuSetError::Syntax("0x1".into())),
            ("nodes:all", CpuSetError::Syntax("nodes:all".into())),
            ("16383", CpuSetError::NumberTooLarge("16383".into())),
            ("0-99999999999", CpuSetError::NumberTooLarge("99999999999".into())),
            ("8", CpuSetError::NoSuchCpu { cpu: 8, last: 7 }),
            ("node:2", CpuSetError::NoSuchNode(2)),
        ] {
            assert_eq!(resolve(text), Err(error), "{text:?}");
        }
        assert!(matches!(resolve("0,^0"), Err(CpuSetError::NothingLeft(_))));
        let long = "0,".repeat(CpuSet::MAX_BYTES);
        assert_eq!(long.parse::<CpuSet>(), Err(CpuSetError::TooLong(long.len())));
    }

    #[test]
    fn text_round_trips() {
        for text in ["all", "0-3,5,^1", "node:0-1,^node:1", "7"] {
            assert_eq!(text.parse::<CpuSet>().map(|set| set.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_list_is_per_vcpu() {
        let affinity = CpuAffinity::PerVcpu(vec!["2".parse().unwrap(), "3-4".parse().unwrap()]);
        assert_eq!(affinity.of_vcpu(1).map(CpuSet::to_string).as_deref(), Some("3-4"));
        assert_eq!(affinity.of_vcpu(2), None);
        assert_eq!(affinity.to_string(), r#"["2", "3-4"]"#);
    }
}
