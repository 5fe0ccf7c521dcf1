//! The pool's policy over traces of requests, and what must hold for any of them.

mod dice;
mod expectations;
mod outcome;
mod planner;
mod properties;
mod requests;
mod scenarios;
mod traces;
mod world;
