//! Dates and times of day out of seconds since 1970.

use core::fmt;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in UTC, printed as C's `asctime` does: `Thu Jan  1 00:00:00 1970`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: u64,
    /// From 0.
    month: usize,
    /// From 1.
    day: u64,
    /// Day of the week, 0 for Thursday.
    weekday: usize,
    second: u64,
}

impl Date {
    /// The moment `seconds` after the start of 1970. Meant for the next few thousand years.
    #[must_use]
    pub fn new(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let mut year = 1970 + days / 146_097 * 400;
        let mut day = days % 146_097;
        while day >= year_days(year) {
            day -= year_days(year);
            year += 1;
        }
        let mut month = 0;
        while day >= month_days(year, month) {
            day -= month_days(year, month);
            month += 1;
        }
        let weekday = (days % 7) as usize;
        Self { year, month, day: day + 1, weekday, second: seconds % 86_400 }
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_days(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.second / 3600, self.second / 60 % 60, self.second % 60);
        let (weekday, month) = (DAYS[self.weekday], MONTHS[self.month]);
        let Self { year, day, .. } = self;
        write!(f, "{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_date_prints_them() {
        // `date -u -d @N '+%a %b %e %H:%M:%S %Y'`
        for (seconds, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (951_782_400, "Tue Feb 29 00:00:00 2000"),
            (1_709_251_199, "Thu Feb 29 23:59:59 2024"),
            (1_795_251_841, "Sat Nov 21 09:04:01 2026"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
            (13_574_649_599, "Tue Feb 29 23:59:59 2400"),
        ] {
            assert_eq!(Date::new(seconds).to_string(), text);
        }
    }
}
