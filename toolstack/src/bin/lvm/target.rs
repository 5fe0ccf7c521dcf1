//! The domains that a command names.

use std::sync::Arc;

use lightvm::domain::DomainError;
use lightvm::lifecycle::Guest;
use lightvm::registry::{Entry, Registry, Selector};
use lightvm::xen::{DomId, Xen, XenError};
use nix::errno::Errno;
use serde::Serialize;

use crate::app::App;
use crate::exit::{Exit, ExitCode};
use crate::failure::{Failure, Report};
use crate::output;

/// A domain that was named: a guest, or a domain of another toolstack.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    xen: Arc<Xen>,
    pub(crate) entry: Entry,
}

impl Target {
    pub(crate) fn find(xen: &Arc<Xen>, registry: &Registry, name: &str) -> Result<Target, Failure> {
        let entry = if name == "Domain-0" {
            registry.find(xen, &Selector::DomId(DomId::DOM0))?
        } else {
            registry.find(xen, &Selector::from(name))?
        };
        Ok(Target { xen: Arc::clone(xen), entry })
    }

    pub(crate) fn domid(&self) -> DomId {
        self.entry.info.domid
    }

    /// What to call it in messages.
    pub(crate) fn label(&self) -> String {
        name_of(&self.entry).unwrap_or_else(|| format!("domain {}", self.domid()))
    }

    /// The guest, when this toolstack made it.
    pub(crate) fn guest(&self, verb: &str) -> Result<Guest, Failure> {
        let domid = self.domid();
        match &self.entry.record {
            Some(record) => Ok(Guest::adopt(&self.xen, record.clone())?),
            None if domid == DomId::DOM0 => Err(Failure::said(
                Exit::Failure,
                format!("Domain-0 is this host itself; `{verb}` is for guests"),
            )),
            None => Err(Failure::said(
                Exit::Failure,
                format!(
                    "domain {domid} was not created by lvm, so `{verb}` knows nothing of its \
                     console and configuration; use the toolstack that made it"
                ),
            )),
        }
    }

    /// Runs `call` on the domain if its number still means the same one.
    pub(crate) fn call<T>(
        &self,
        call: impl FnOnce(&Xen, DomId) -> Result<T, XenError>,
    ) -> Result<T, Failure> {
        let (domid, uuid) = (self.domid(), self.entry.info.uuid);
        match self.xen.domain_info(domid) {
            Ok(info) if info.uuid == uuid => Ok(call(&self.xen, domid)?),
            Ok(_) => Err(DomainError::Vanished { domid, uuid }.into()),
            Err(e) if e.errno() == Some(Errno::ESRCH) => {
                Err(DomainError::Vanished { domid, uuid }.into())
            }
            Err(e) => Err(e.into()),
        }
    }
}

/// The name of a domain: a guest's, or dom0's; others have none that is known here.
pub(crate) fn name_of(entry: &Entry) -> Option<String> {
    match &entry.record {
        Some(record) => Some(record.name.to_string()),
        None if entry.info.domid == DomId::DOM0 => Some("Domain-0".to_owned()),
        None => None,
    }
}

/// One of several results in JSON: what was done, or why not.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<T> {
    Done(T),
    Failed {
        name: String,
        #[serde(flatten)]
        report: Report,
    },
}

/// Does `work` for each of `names`, going on after failures. Tells each failure on
/// standard error, and all results in JSON where that is asked for; the exit code is
/// that of the first failure.
pub(crate) fn each<T: Serialize>(
    app: &App,
    names: &[String],
    mut work: impl FnMut(&str) -> Result<(String, T), Failure>,
) -> Result<ExitCode, Failure> {
    let mut exit = None;
    let mut answers = Vec::with_capacity(names.len());
    for name in names {
        match work(name) {
            Ok((line, value)) => {
                if !app.json {
                    output::line(&line)?;
                }
                answers.push(Answer::Done(value));
            }
            Err(failure) => {
                let report = failure.report();
                exit.get_or_insert(app.tell(&failure));
                answers.push(Answer::Failed { name: name.clone(), report });
            }
        }
    }
    if app.json {
        output::json(&answers)?;
    }
    Ok(exit.map_or(ExitCode::SUCCESS, ExitCode::from))
}
