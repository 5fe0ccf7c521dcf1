//! The back end against a front end in the same process, with pages that are granted by number
//! and a model of the disk. Xen only copies in reality what `guest::Guest::copy` copies here.

mod attacks;
mod guest;
mod model;
mod service;
