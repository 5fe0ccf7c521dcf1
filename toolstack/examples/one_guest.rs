//! Creates a guest, prints what it says on its console, waits for its end and destroys it.
//!
//! Usage: `one_guest KERNEL [MEMORY-IN-MIB [COMMAND LINE…]]`

use std::io::Write;
use std::time::Duration;

use lightvm::config::{GuestConfig, GuestOverrides, MemSize};
use lightvm::create::Creator;
use lightvm::xen::Xen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let kernel = args.next().ok_or("usage: one_guest KERNEL [MEMORY-IN-MIB [COMMAND LINE…]]")?;
    let memory = args.next().map_or(Ok(4), |mib| mib.parse())?;
    let config = GuestConfig::from_overrides(GuestOverrides {
        kernel: Some(kernel.into()),
        memory: Some(MemSize::from_mib(memory)?),
        cmdline: Some(args.collect::<Vec<_>>().join(" ")),
        ..Default::default()
    })?
    .config;

    let xen = Xen::open()?;
    let (guest, timings) = Creator::new(&xen).create(&config)?.start()?;
    println!("domain {} runs after {:?}", guest.domid(), timings.total());

    let end = guest.wait(Some(Duration::from_secs(5)))?;
    let console = guest.console()?;
    let mut text = [0; 2048];
    let len = console.read(&mut text)?;
    std::io::stdout().write_all(&text[..len])?;
    drop(console);

    println!("it ended: {end:?}");
    guest.destroy()?;
    Ok(())
}
