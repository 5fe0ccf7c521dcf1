//! Progress of what takes many steps, for people who watch.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// Fewest steps worth a bar.
const LEAST: usize = 5;

/// A bar on standard error where that is a terminal; nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(doing: &'static str, steps: usize) -> Self {
        if steps < LEAST || !io::stderr().is_terminal() {
            return Progress { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new(steps as u64).with_message(doing);
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar }
    }

    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
