//! Which of a fixed number of things are taken.

/// `64 * WORDS` flags, all clear at first.
pub(crate) struct Bitmap<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Bitmap<WORDS> {
    pub(crate) const fn new() -> Self {
        Self([0; WORDS])
    }

    /// Takes the lowest free number below `limit`.
    pub(crate) fn take(&mut self, limit: u32) -> Option<u32> {
        let (index, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != u64::MAX)?;
        let bit = word.trailing_ones();
        let number = u32::try_from(index).ok()? * 64 + bit;
        if number >= limit {
            return None;
        }
        *word |= 1 << bit;
        Some(number)
    }

    /// Whether a number below `limit` is free.
    pub(crate) fn has_free(&self, limit: u32) -> bool {
        let full = self.0.iter().take_while(|&&word| word == u64::MAX).count();
        let Some(word) = self.0.get(full) else { return false };
        u32::try_from(full * 64).is_ok_and(|before| before + word.trailing_ones() < limit)
    }

    /// Gives `number` back; `None` when nobody had it.
    pub(crate) fn free(&mut self, number: u32) -> Option<()> {
        let word = self.0.get_mut((number / 64) as usize)?;
        let bit = 1_u64 << (number % 64);
        if *word & bit == 0 {
            return None;
        }
        *word &= !bit;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_limit_is_given_once() {
        let mut map = Bitmap::<2>::new();
        assert!((0..100).all(|n| map.take(100) == Some(n)));
        assert_eq!(map.take(100), None);
        assert!(!map.has_free(100) && map.has_free(101));
        assert_eq!(map.free(70), Some(()));
        assert!(map.has_free(100));
        assert_eq!(map.free(70), None);
        assert_eq!(map.take(100), Some(70));
        assert!((100..128).all(|n| map.take(1000) == Some(n)));
        assert_eq!(map.take(1000), None);
        assert!(!map.has_free(1000));
    }
}
