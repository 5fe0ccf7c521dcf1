//! Compiles the part in C and links the program as a Xen guest.

fn main() {
    cc::Build::new()
        .file("src/guest.c")
        .include("../../noxs/include")
        .flag("-std=c11")
        .flag("-ffreestanding")
        .flag("-fno-stack-protector")
        .flag("-fno-pic")
        .flag("-mno-red-zone")
        .flag("-mgeneral-regs-only")
        .warnings_into_errors(true)
        .opt_level_str("s")
        .compile("guest");
    println!("cargo:rerun-if-changed=src/guest.c");
    println!("cargo:rerun-if-changed=../../noxs/include/noxs.h");
    link::guest();
}
