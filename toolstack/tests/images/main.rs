//! Kernel images: good, old, odd, damaged and hostile ones.

mod bzimage_file;
mod debian;
mod elf_fields;
mod elf_writer;
mod invariants;
mod notes;
mod opening;
mod payloads;
mod pv_checks;
mod pvh_checks;
mod random;
