//! Attacks on the console ring: Xen `public/io/console.h`.

use crate::target::Target;
use xen_rt::bare;
use xen_rt::shared::SharedPage;

const IN_CONSUMED: usize = 3072;
const IN_PRODUCED: usize = 3076;
const OUT_CONSUMED: usize = 3080;
const OUT_PRODUCED: usize = 3084;

const A_WHILE: u64 = 50;

fn page(target: &Target) -> Option<SharedPage> {
    bare::console(target.boot)
}

fn shout(target: &Target) {
    target.kick(0);
    target.pause(A_WHILE);
}

pub(crate) fn out_wild(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    for distance in [2049, 4096, 1 << 31, u32::MAX] {
        let right = page.load(OUT_PRODUCED);
        page.store(OUT_PRODUCED, right.wrapping_add(distance));
        shout(target);
        page.store(OUT_PRODUCED, page.load(OUT_CONSUMED));
    }
    Some(())
}

pub(crate) fn consumed_lies(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    let right = page.load(OUT_CONSUMED);
    for lie in [right.wrapping_sub(3000), right.wrapping_add(5000), 0, u32::MAX] {
        page.store(OUT_CONSUMED, lie);
        shout(target);
    }
    page.store(OUT_CONSUMED, page.load(OUT_PRODUCED));
    Some(())
}

pub(crate) fn in_wild(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    for lie in [1 << 31, u32::MAX, 5000] {
        page.store(IN_CONSUMED, lie);
        page.store(IN_PRODUCED, lie.wrapping_mul(3));
        shout(target);
    }
    page.store(IN_CONSUMED, page.load(IN_PRODUCED));
    Some(())
}

/// As much output as the host takes in a while, control characters included.
pub(crate) fn flood(target: &mut Target) -> Option<()> {
    let line = *b"\x1b[2J\x07\x00\xff hostile hostile hostile hostile hostile hostile\r\n";
    for _ in 0..5_000 {
        target.console.write(&line);
    }
    Some(())
}
