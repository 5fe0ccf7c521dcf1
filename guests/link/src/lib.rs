//! Tells cargo how to link a guest: call [`guest`] from the program's build script.

/// The linker script every guest shares.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guest.ld");

/// What the compiler driver is asked for instead of a Linux program.
const ARGUMENTS: [&str; 7] = [
    "-nostartfiles",
    "-nostdlib",
    "-static",
    "-no-pie",
    // Pack the file: segments need not start at a page of the file.
    "-Wl,--nmagic",
    "-Wl,--build-id=none",
    "-Wl,--no-eh-frame-hdr",
];

/// Prints the cargo directives that link this package's programs as Xen guest images.
///
/// The guest has 16 KiB of stack.
pub fn guest() {
    for argument in ARGUMENTS {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{SCRIPT}");
    println!("cargo:rerun-if-changed={SCRIPT}");
    println!("cargo:rerun-if-changed=build.rs");
}

/// [`guest`] with `kib` KiB of stack, 48 at most.
pub fn guest_with_stack(kib: u32) {
    println!("cargo:rustc-link-arg-bins=-Wl,--defsym=guest_stack_size={}", kib * 1024);
    guest();
}
