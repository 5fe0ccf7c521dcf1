//! Many times of the same thing, in few numbers.

use std::time::Duration;

use serde::Serialize;

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Half are smaller.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Summary {
    /// Of at least one time.
    ///
    /// # Panics
    /// When there is none.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Summary {
        let mut ms: Vec<f64> = times.into_iter().map(|t| t.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let count = u32::try_from(ms.len()).unwrap_or(u32::MAX);
        Summary {
            mean: ms.iter().sum::<f64>() / f64::from(count),
            min: ms[0],
            median: ms[ms.len() / 2],
            max: ms[ms.len() - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_numbers() {
        let of = Summary::of([4, 1, 3, 2].map(Duration::from_millis));
        assert_eq!((of.min, of.median, of.max), (1.0, 3.0, 4.0));
        assert!((of.mean - 2.5).abs() < 1e-9);
    }
}
