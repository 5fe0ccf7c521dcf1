//! Which shells give way, cheapest first.

use std::cmp::Reverse;

use super::flavour::Level;

/// Shells that may be discarded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// KiB that each gives back.
    pub(super) kib: u64,
    /// Shells there are.
    pub(super) ready: u32,
    /// Shells that stay in any case.
    pub(super) keep: u32,
    /// The low watermark.
    pub(super) low: u32,
    /// Shells that would serve its demand.
    pub(super) depth: u32,
    /// Requests per second.
    pub(super) rate: f64,
    /// How far its shells are prepared.
    pub(super) level: Level,
}

/// What one shell less costs; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Price {
    /// Beyond all demand, beyond the low watermark, or below it.
    class: u8,
    /// The fullest shelf goes first; in parts of 1024.
    fullness: Reverse<u64>,
    /// Then the coldest.
    rate: f64,
    /// Then those with the least work in them.
    level: Level,
    /// Then the largest: fewer have to go.
    kib: Reverse<u64>,
}

impl Candidate {
    fn price(&self, left: u32) -> Price {
        let class = if left > self.depth { 0 } else { 1 + u8::from(left <= self.low) };
        let fullness = Reverse(u64::from(left) * 1024 / u64::from(self.depth.max(1)));
        let (rate, level, kib) = (self.rate, self.level, Reverse(self.kib));
        Price { class, fullness, rate, level, kib }
    }
}

/// How many shells of each candidate give way so that `kib` come free; `None` when all
/// together are not enough. Without any one of them it would not be enough.
pub(super) fn choose(candidates: &[Candidate], kib: u64) -> Option<Vec<u32>> {
    let mut chosen = vec![0; candidates.len()];
    let (mut order, mut freed) = (Vec::new(), 0_u64);
    while freed < kib {
        let next = cheapest(candidates, &chosen)?;
        chosen[next] += 1;
        order.push(next);
        freed = freed.saturating_add(candidates[next].kib);
    }
    // The last made it enough and may have made some before it unnecessary; the dearest stay.
    for index in order.into_iter().rev() {
        if freed - candidates[index].kib >= kib {
            chosen[index] -= 1;
            freed -= candidates[index].kib;
        }
    }
    Some(chosen)
}

fn cheapest(candidates: &[Candidate], chosen: &[u32]) -> Option<usize> {
    let prices = candidates.iter().zip(chosen).enumerate().filter_map(|(index, (one, &gone))| {
        let left = one.ready.saturating_sub(gone);
        (left > one.keep).then(|| (index, one.price(left)))
    });
    // The first of equals.
    prices.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shelf(kib: u64, ready: u32, low: u32, depth: u32) -> Candidate {
        Candidate { kib, ready, keep: 0, low, depth, rate: 1.0, level: Level::Loaded }
    }

    #[test]
    fn surplus_goes_first_and_the_low_watermark_last() {
        let shelves = [shelf(4, 4, 4, 4), shelf(4, 4, 0, 4), shelf(4, 4, 0, 2)];
        assert_eq!(choose(&shelves, 8), Some(vec![0, 0, 2]));
        assert_eq!(choose(&shelves, 24), Some(vec![0, 3, 3]));
        assert_eq!(choose(&shelves, 48), Some(vec![4, 4, 4]));
        assert_eq!(choose(&shelves, 49), None);
        assert_eq!(choose(&shelves, 0), Some(vec![0, 0, 0]));
    }

    #[test]
    fn the_cold_and_the_blank_go_before_others() {
        let cold = Candidate { rate: 0.1, ..shelf(4, 2, 0, 2) };
        assert_eq!(choose(&[shelf(4, 2, 0, 2), cold], 4), Some(vec![0, 1]));
        let blank = Candidate { level: Level::Blank, ..shelf(4, 2, 0, 2) };
        assert_eq!(choose(&[shelf(4, 2, 0, 2), blank], 4), Some(vec![0, 1]));
    }

    #[test]
    fn small_ones_stay_when_a_large_one_is_enough() {
        let (small, large) = (shelf(1, 3, 0, 1), shelf(10, 1, 0, 1));
        assert_eq!(choose(&[small, large], 10), Some(vec![0, 1]));
    }

    #[test]
    fn what_is_kept_is_kept() {
        let kept = Candidate { keep: 3, ..shelf(4, 5, 0, 0) };
        assert_eq!(choose(&[kept], 8), Some(vec![2]));
        assert_eq!(choose(&[kept], 9), None);
    }

    fn any_shelf() -> impl Strategy<Value = Candidate> {
        (1..500_u64, 0..20_u32, 0..8_u32, 0..8_u32, 0..30_u32, 0.0..9.0, any::<bool>()).prop_map(
            |(kib, ready, keep, low, depth, rate, blank)| {
                let level = if blank { Level::Blank } else { Level::Loaded };
                Candidate { kib, ready, keep, low, depth, rate, level }
            },
        )
    }

    proptest! {
        #[test]
        fn never_more_than_needed_and_never_refused_when_possible(
            shelves in prop::collection::vec(any_shelf(), 0..12),
            kib in 0..8000_u64,
        ) {
            let most = |s: &Candidate| u64::from(s.ready.saturating_sub(s.keep)) * s.kib;
            let possible: u64 = shelves.iter().map(most).sum();
            match choose(&shelves, kib) {
                None => prop_assert!(possible < kib),
                Some(chosen) => {
                    let each = || shelves.iter().zip(&chosen);
                    let freed: u64 = each().map(|(s, &n)| s.kib * u64::from(n)).sum();
                    prop_assert!(freed >= kib);
                    for (shelf, &n) in each() {
                        prop_assert!(n <= shelf.ready.saturating_sub(shelf.keep));
                        prop_assert!(n == 0 || freed - shelf.kib < kib);
                    }
                }
            }
        }
    }
}
