//! How flavours share the budget.

/// What a flavour would like to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Want {
    /// KiB of a shell; at least 1.
    pub(super) kib: u64,
    /// Shells it has whether anybody asks or not.
    pub(super) low: u32,
    /// Shells that would serve its demand; at least `low`.
    pub(super) depth: u32,
    /// Requests per second.
    pub(super) rate: f64,
}

/// How many shells each may have, never more than it wants. Together they take at most
/// `budget` KiB.
///
/// When all fit, each gets its depth. Otherwise low watermarks come first and demand shares the
/// rest; at both steps each flavour gets its first shell before any gets the same fraction of what
/// it wants as all others, and those asked for most are served first where that decides.
pub(super) fn shares(budget: u64, wants: &[Want]) -> Vec<u32> {
    let mut shares = Shares { budget, wants, given: vec![0; wants.len()] };
    shares.raise(|want| want.low.min(want.depth));
    shares.raise(|want| want.depth);
    shares.given
}

struct Shares<'a> {
    budget: u64,
    wants: &'a [Want],
    given: Vec<u32>,
}

/// The whole in which fractions are counted.
const ALL: u64 = 1 << 16;

impl Shares<'_> {
    /// Raises what was given towards `goal`.
    fn raise(&mut self, goal: impl Fn(&Want) -> u32) {
        let goals: Vec<u32> = self.wants.iter().map(goal).collect();
        if self.cost(&self.at(&goals, ALL)) <= self.budget {
            self.given = self.at(&goals, ALL);
            return;
        }
        let hottest = self.hottest();
        self.one_more(&goals, hottest.iter().copied().filter(|&i| self.given[i] == 0).collect());
        self.given = self.at(&goals, self.fraction(&goals));
        self.one_more(&goals, hottest);
    }

    /// Flavours, those asked for most first.
    fn hottest(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.wants.len()).collect();
        order.sort_by(|&a, &b| self.wants[b].rate.total_cmp(&self.wants[a].rate));
        order
    }

    /// What is given when everyone has `fraction` of its goal, and no less than it has.
    fn at(&self, goals: &[u32], fraction: u64) -> Vec<u32> {
        let part = |goal: u32| u32::try_from(u64::from(goal) * fraction / ALL).unwrap_or(goal);
        self.given.iter().zip(goals).map(|(&given, &goal)| given.max(part(goal))).collect()
    }

    /// The largest fraction of everyone's goal that the budget allows.
    fn fraction(&self, goals: &[u32]) -> u64 {
        let (mut fits, mut exceeds) = (0, ALL);
        while exceeds - fits > 1 {
            let middle = fits.midpoint(exceeds);
            match self.cost(&self.at(goals, middle)) <= self.budget {
                true => fits = middle,
                false => exceeds = middle,
            }
        }
        fits
    }

    /// Gives one more to each in `order` whom it brings nearer to its goal, while it fits.
    fn one_more(&mut self, goals: &[u32], order: Vec<usize>) {
        let mut left = self.budget.saturating_sub(self.cost(&self.given));
        for index in order {
            let kib = self.wants[index].kib;
            if self.given[index] < goals[index] && kib <= left {
                self.given[index] += 1;
                left -= kib;
            }
        }
    }

    fn cost(&self, given: &[u32]) -> u64 {
        let each = self.wants.iter().zip(given);
        each.fold(0, |sum, (want, &n)| sum.saturating_add(want.kib.saturating_mul(n.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn want(kib: u64, low: u32, depth: u32) -> Want {
        Want { kib, low, depth, rate: f64::from(depth) }
    }

    #[test]
    fn all_get_their_depth_when_it_fits() {
        assert_eq!(shares(100, &[want(10, 0, 4), want(20, 1, 3)]), [4, 3]);
    }

    #[test]
    fn demand_is_met_in_equal_parts() {
        assert_eq!(shares(100, &[want(1, 0, 100), want(1, 0, 300)]), [25, 75]);
        // By the number of shells, whatever their size.
        assert_eq!(shares(100, &[want(1, 0, 20), want(9, 0, 20)]), [10, 10]);
    }

    #[test]
    fn nobody_is_left_without_a_shell_for_another_s_many() {
        assert_eq!(shares(10, &[want(1, 0, 1), want(1, 0, 1000)]), [1, 9]);
    }

    #[test]
    fn the_hottest_comes_first_where_not_all_can_have_one() {
        let cold = Want { rate: 0.1, ..want(6, 0, 5) };
        assert_eq!(shares(10, &[cold, want(6, 0, 5)]), [0, 1]);
    }

    #[test]
    fn low_watermarks_come_before_demand() {
        assert_eq!(shares(10, &[want(1, 8, 8), want(1, 0, 100)]), [8, 2]);
        assert_eq!(shares(10, &[want(1, 100, 100), want(1, 300, 300)]), [2, 8]);
    }

    fn any_want() -> impl Strategy<Value = Want> {
        (1..5000_u64, 0..40_u32, 0..2000_u32, 0.0..1000.0).prop_map(|(kib, low, more, rate)| Want {
            kib,
            low,
            depth: low + more,
            rate,
        })
    }

    proptest! {
        #[test]
        fn shares_fit_are_wanted_and_leave_nothing_that_fits(
            budget in 0..1_000_000_u64,
            wants in prop::collection::vec(any_want(), 0..40),
        ) {
            let given = shares(budget, &wants);
            let cost: u64 = wants.iter().zip(&given).map(|(w, &n)| w.kib * u64::from(n)).sum();
            prop_assert!(cost <= budget);
            for (want, &n) in wants.iter().zip(&given) {
                prop_assert!(n <= want.depth);
            }
            // Somebody who wants at most what is left and has nothing: there is none.
            let left = budget - cost;
            for (want, &n) in wants.iter().zip(&given) {
                prop_assert!(n > 0 || want.depth == 0 || want.kib > left, "{want:?} of {left}");
            }
        }

        #[test]
        fn a_larger_budget_gives_everyone_alike(
            wants in prop::collection::vec(any_want(), 2..20),
        ) {
            let all: u64 = wants.iter().map(|w| w.kib * u64::from(w.depth)).sum();
            let whole: Vec<u32> = wants.iter().map(|w| w.depth).collect();
            prop_assert_eq!(shares(all, &wants), whole);
        }
    }
}
