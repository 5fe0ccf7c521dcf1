//! Requests as they might come.

use std::path::PathBuf;
use std::time::Duration;

use chaos_daemon::pool::{Form, Image, ImageFile, Places, Stamp, Wanted};
use lightvm::config::{ControlMode, GuestType, MemSize, TscMode};

use super::dice::Dice;

/// A request for a guest.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When it comes.
    pub(crate) at: Duration,
    /// What it asks for.
    pub(crate) wanted: Wanted,
    /// How long the guest lives.
    pub(crate) life: Duration,
}

/// How long guests live unless something else is said.
pub(crate) const LIFE: Duration = Duration::from_secs(5);

/// A guest of `mib` MiB with the image of this number.
pub(crate) fn guest(image: u32, mib: u32) -> Wanted {
    variant(image, mib, "")
}

/// As [`guest`], with a command line.
pub(crate) fn variant(image: u32, mib: u32, cmdline: &str) -> Wanted {
    let memory = MemSize::from_mib(mib.into()).expect("a size");
    let form = Form {
        guest_type: GuestType::Pvh,
        memory,
        max_memory: memory,
        vcpus: 1,
        max_vcpus: 1,
        tsc_mode: TscMode::Native,
        cpupool: 0,
        control: ControlMode::Noxs,
        places: Places { nics: 1, disks: 0, spare: 2, data_pages: 0 },
    };
    let stamp = Stamp { device: 1, inode: image.into(), len: 1 << 20, modified: None };
    let kernel = ImageFile { path: PathBuf::from(format!("/images/{image}")), stamp };
    Wanted::new(form, Image { kernel, ramdisk: None, cmdline: cmdline.to_owned() })
}

fn request(at: Duration, wanted: &Wanted) -> Request {
    Request { at, wanted: wanted.clone(), life: LIFE }
}

/// Requests that come by themselves, `mean` apart on average.
pub(crate) fn steady(seed: u64, mean: Duration, end: Duration) -> Vec<Request> {
    let (mut dice, wanted) = (Dice(seed), guest(1, 8));
    let mut at = Duration::ZERO;
    let times = std::iter::from_fn(|| {
        at += dice.pause(mean);
        (at < end).then_some(at)
    });
    times.map(|at| request(at, &wanted)).collect()
}

/// `size` requests at once every `pause`, after one `pause` of silence.
pub(crate) fn bursts(size: u32, pause: Duration, count: u32) -> Vec<Request> {
    let wanted = guest(1, 8);
    let times = (1..=count).flat_map(|burst| std::iter::repeat_n(pause * burst, size as usize));
    times.map(|at| request(at, &wanted)).collect()
}

/// As the paper creates guests: one every `pause`, which then stay.
pub(crate) fn paper(pause: Duration, count: u32) -> Vec<Request> {
    let wanted = guest(1, 4);
    let life = Duration::from_secs(86_400);
    (1..=count).map(|n| Request { life, ..request(pause * n, &wanted) }).collect()
}

/// Many kinds, a few of them asked for most (Zipf's law), `mean` apart.
pub(crate) fn many(seed: u64, kinds: u32, mean: Duration, end: Duration) -> Vec<Request> {
    let mut dice = Dice(seed);
    let wanted: Vec<_> = (1..=kinds).map(|kind| guest(kind, 4 + kind % 3 * 8)).collect();
    let weights: Vec<_> = (1..=kinds).map(|kind| 1.0 / f64::from(kind)).collect();
    let all: f64 = weights.iter().sum();
    let mut requests = Vec::new();
    let mut at = dice.pause(mean);
    while at < end {
        let mut pick = dice.part() * all;
        let kind = weights.iter().position(|weight| {
            pick -= weight;
            pick <= 0.0
        });
        requests.push(request(at, &wanted[kind.unwrap_or(0)]));
        at += dice.pause(mean);
    }
    requests
}

/// One image, and a command line that no other request has.
pub(crate) fn own_command_lines(pause: Duration, count: u32) -> Vec<Request> {
    (1..=count).map(|n| request(pause * n, &variant(1, 8, &format!("host=g{n}")))).collect()
}
