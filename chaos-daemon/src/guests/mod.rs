//! Guests: created, ended, taken up again after a restart.
