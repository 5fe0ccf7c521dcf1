//! `xl.cfg` files, read with `xl`'s own grammar (Xen's `tools/libs/util/libxlu_cfg_{l.l,y.y}`).

mod document;
mod escape;
mod interpret;
pub(super) mod keys;
mod lexer;
#[cfg(test)]
mod model;
mod number;
mod parser;

pub(super) use document::Document;
pub(super) use interpret::interpret;
