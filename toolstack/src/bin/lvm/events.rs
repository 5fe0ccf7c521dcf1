//! `lvm events`: what happens, as it happens.

use lightvm::api::{Event, Happened};
use lightvm::client::ClientError;

use crate::app::App;
use crate::args::EventsArgs;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(app: &App, args: &EventsArgs) -> Result<(), Failure> {
    let client = app.need_daemon()?;
    let events = match args.past {
        true => client.past_events(args.after.unwrap_or(0))?,
        false => client.events(args.after)?,
    };
    for event in events {
        let event = event?;
        let shown = app.json || event.what != Happened::Begin;
        if shown {
            let json = serde_json::to_string(&event).map_err(ClientError::Json)?;
            output::line(&if app.json { json } else { text(&event, &json) })?;
        }
    }
    Ok(())
}

/// An event for people: its number, its name, then what else its JSON says.
fn text(event: &Event, json: &str) -> String {
    let said = serde_json::from_str(json).unwrap_or_default();
    let serde_json::Value::Object(mut said) = said else { return json.to_owned() };
    let name = said.remove("event").unwrap_or_default();
    let mut words = vec![event.seq.to_string(), name.as_str().unwrap_or("?").to_owned()];
    if let Some(guest) = said.remove("guest") {
        let name = guest["name"].as_str().unwrap_or("?");
        words.push(format!("{name} (domain {})", guest["domid"]));
    }
    said.remove("seq");
    said.remove("time_ms");
    words.extend(said.iter().map(|(key, value)| format!("{key}={value}")));
    words.join(" ")
}
