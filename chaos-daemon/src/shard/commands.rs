//! What a shard does when it is asked.

use uuid::Uuid;

use super::Command;
use super::guest::Guest;
use super::thread::Loop;
use super::tools::Tools;

impl Loop {
    pub(super) fn carry_out(&mut self, command: Command) {
        // Whoever asked may have gone; then nobody wants the answer.
        match command {
            Command::Serve(arrival, answer) => {
                let added = self.guests.add(*arrival, &mut self.tools);
                if let Ok(id) = added {
                    self.enqueue(id);
                }
                // The event of binding its port is most often there by now; the guest starts
                // with the answer.
                self.take_events();
                let _ = answer.send(added.map(drop));
            }
            Command::Leave(uuid, answer) => {
                self.guests.remove(uuid, &mut self.tools);
                let _ = answer.send(());
            }
            Command::Attach(uuid, plug) => {
                self.with(uuid, |guest, tools| guest.attach(*plug, tools))
            }
            Command::Detach(uuid, slot) => {
                self.with(uuid, |guest, tools| guest.detach(slot, tools))
            }
            Command::Remove(uuid, slot, answer) => {
                self.with(uuid, |guest, tools| guest.remove(slot, tools));
                let _ = answer.send(());
            }
            Command::Ask(uuid, wish) => self.with(uuid, |guest, tools| guest.ask(wish, tools)),
            Command::Input(uuid) => self.with(uuid, |guest, _| guest.rung |= 1),
            Command::Stats(uuid, answer) => {
                let stats = self.guests.of_uuid(uuid).and_then(|id| self.guests.get(id));
                if let Some(guest) = stats {
                    let _ = answer.send(guest.stats());
                }
            }
            Command::Network(update) => self.tools.fabric.apply(update),
            Command::Ping(answer) => drop(answer.send(())),
            Command::Stop => self.stopped = true,
        }
    }

    /// Takes in the guests that came without a command.
    pub(super) fn welcome(&mut self) {
        while let Ok(arrival) = self.door.try_recv() {
            let uuid = arrival.uuid;
            match self.guests.add(arrival, &mut self.tools) {
                Ok(id) => self.enqueue(id),
                Err(e) => tracing::error!(%uuid, "cannot serve a guest: {e}"),
            }
        }
    }

    /// Does something with a guest and gives it a turn.
    fn with(&mut self, uuid: Uuid, verb: impl FnOnce(&mut Guest, &mut Tools)) {
        if let Some(id) = self.guests.of_uuid(uuid) {
            self.attend(id, verb);
            self.enqueue(id);
        }
    }
}
