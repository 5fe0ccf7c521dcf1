//! More than one shard: packets find the guests of each, before and after a restart.

use std::thread;

use lightvm::api::Wait;
use lightvm::config::{GuestOverrides, GuestType};

use crate::harness::{Chaosd, address, native, nic, run};
use crate::native::echo_over_tcp;

/// Guests take shards in turn, so each shard has two; the host's packets come by whatever
/// queue its kernel chose, and most have to go from one shard to another.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_of_three_shards_are_reached_at_once() {
    let mut chaosd = Chaosd::start_with("shards = 3");
    chaosd.network("tests", "10.95.0.1/24");
    let guests: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("echo-{number}");
            let config = GuestOverrides {
                nic: Some(nic("tests")),
                ..native("echo", GuestType::Pvh, &name, "")
            };
            address(&chaosd.create(config, Wait::Ready))
        })
        .collect();
    let reach_all = || {
        thread::scope(|scope| {
            for address in &guests {
                scope.spawn(move || {
                    run(&format!("ping -c 3 -i 0.2 -w 20 {address}"));
                    echo_over_tcp(address);
                });
            }
        });
    };
    reach_all();
    chaosd.kill_and_restart();
    reach_all();
    for number in 0..6 {
        let nic = chaosd.client.stats(&format!("echo-{number}")).expect("counters").nics[0];
        assert!(nic.in_count > 0 && nic.errors == 0, "{nic:?}");
    }
}
