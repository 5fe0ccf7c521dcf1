//! `lvm log`: what is kept of a guest's console and of its log records.

use lightvm::client::ClientError;

use crate::app::App;
use crate::args::LogArgs;
use crate::console::{self, Who};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(app: &App, args: &LogArgs) -> Result<(), Failure> {
    let client = app.need_daemon()?;
    let guest = client.guest(&args.name)?.summary;
    let uuid = guest.uuid.to_string();
    if !args.records {
        let who = Who { name: guest.name.to_string(), uuid: guest.uuid };
        return console::say(app, &who, &client.log(&uuid)?);
    }
    let records = client.records(&uuid)?;
    if app.json {
        return output::json(&records);
    }
    let lines: Result<Vec<_>, _> = records.records.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(ClientError::Json)?;
    output::print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}
