//! The pool's policy over traces of requests, and what must hold for any of them.

mod dice;
mod scenarios;
mod traces;
mod world;
