//! The two rings of `struct xencons_interface` (`public/io/console.h`).
//!
//! The guest may write any index at any time. Each is read once per call; a
//! producer that is further ahead than the ring is long means that bytes were
//! overwritten, and the newest ringful is all that can be meant.

use std::sync::atomic::{Ordering, fence};

use crate::xen::ForeignMapping;
use crate::xen::abi::io_console::{
    IN_CONS, IN_OFFSET, IN_PROD, IN_SIZE, OUT_CONS, OUT_OFFSET, OUT_PROD, OUT_SIZE,
};

/// The host's end of a console page.
#[derive(Debug)]
pub(super) struct Ring {
    page: ForeignMapping,
}

impl Ring {
    pub(super) fn new(page: ForeignMapping) -> Self {
        Ring { page }
    }

    /// Moves guest output to `out` and frees its room.
    pub(super) fn take_output(&self, out: &mut [u8]) -> usize {
        let prod = self.page.load(OUT_PROD, Ordering::Acquire);
        let mut cons = self.page.load(OUT_CONS, Ordering::Relaxed);
        if prod.wrapping_sub(cons) > OUT_SIZE {
            cons = prod.wrapping_sub(OUT_SIZE);
        }
        let n = out.len().min(prod.wrapping_sub(cons) as usize);
        for byte in &mut out[..n] {
            self.page.read(OUT_OFFSET + (cons % OUT_SIZE) as usize, std::slice::from_mut(byte));
            cons = cons.wrapping_add(1);
        }
        // The bytes are read before the guest may reuse their room.
        fence(Ordering::SeqCst);
        self.page.store(OUT_CONS, cons, Ordering::Release);
        n
    }

    /// Moves `bytes` to the guest as far as there is room.
    pub(super) fn put_input(&self, bytes: &[u8]) -> usize {
        let cons = self.page.load(IN_CONS, Ordering::Acquire);
        let mut prod = self.page.load(IN_PROD, Ordering::Relaxed);
        let used = prod.wrapping_sub(cons).min(IN_SIZE);
        let n = bytes.len().min((IN_SIZE - used) as usize);
        for byte in &bytes[..n] {
            self.page.write(IN_OFFSET + (prod % IN_SIZE) as usize, std::slice::from_ref(byte));
            prod = prod.wrapping_add(1);
        }
        self.page.store(IN_PROD, prod, Ordering::Release);
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guest_prints(ring: &Ring, text: &[u8]) {
        let mut prod = ring.page.load(OUT_PROD, Ordering::Relaxed);
        for byte in text {
            ring.page.write(OUT_OFFSET + (prod % OUT_SIZE) as usize, &[*byte]);
            prod = prod.wrapping_add(1);
        }
        ring.page.store(OUT_PROD, prod, Ordering::Relaxed);
    }

    #[test]
    fn output_comes_in_order_across_the_end_of_the_ring() {
        let ring = Ring::new(ForeignMapping::anonymous(1));
        let mut out = [0; 100];
        for round in 0..100u8 {
            guest_prints(&ring, &[round; 70]);
            assert_eq!(ring.take_output(&mut out), 70);
            assert_eq!(out[..70], [round; 70]);
        }
    }

    #[test]
    fn input_stops_when_the_ring_is_full() {
        let ring = Ring::new(ForeignMapping::anonymous(1));
        assert_eq!(ring.put_input(&[1; 2000]), IN_SIZE as usize);
        assert_eq!(ring.put_input(&[1; 1]), 0);
        ring.page.store(IN_CONS, 10, Ordering::Relaxed);
        assert_eq!(ring.put_input(&[1; 2000]), 10);
    }

    proptest! {
        #[test]
        fn any_indexes_are_survived(
            indexes in any::<[u32; 4]>(),
            want in 0usize..5000,
        ) {
            let ring = Ring::new(ForeignMapping::anonymous(1));
            for (at, value) in [IN_CONS, IN_PROD, OUT_CONS, OUT_PROD].into_iter().zip(indexes) {
                ring.page.store(at, value, Ordering::Relaxed);
            }
            let mut out = vec![0; want];
            let n = ring.take_output(&mut out);
            prop_assert!(n <= OUT_SIZE as usize);
            prop_assert_eq!(
                ring.page.load(OUT_CONS, Ordering::Relaxed).wrapping_add(
                    u32::try_from((indexes[3].wrapping_sub(indexes[2])).min(OUT_SIZE) as usize - n).unwrap()
                ),
                indexes[3]
            );
            prop_assert!(ring.put_input(&vec![0; want]) <= IN_SIZE as usize);
        }
    }
}
