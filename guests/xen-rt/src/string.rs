//! The memory functions compiled code calls and a C library would bring.
//!
//! String instructions, so that the compiler cannot turn them into calls of themselves; eight
//! bytes at a time, as a processor may take as long for each step whatever its size.

use core::arch::asm;

/// # Safety
/// As for C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: both areas are valid for `length` bytes and do not overlap.
    unsafe {
        asm!(
            "rep movsq",
            "mov rcx, {rest}",
            "rep movsb",
            rest = in(reg) length % 8,
            inout("rcx") length / 8 => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
/// As for C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= length {
        // SAFETY: copying upwards never overwrites a byte still to be read.
        return unsafe { memcpy(to, from, length) };
    }
    // SAFETY: both areas are valid for `length` bytes; copying downwards from their last
    // bytes never overwrites a byte still to be read. The direction flag is put back.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") length => _,
            inout("rdi") to.wrapping_add(length).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(length).wrapping_sub(1) => _,
            options(nostack),
        );
    }
    to
}

/// # Safety
/// As for C's `memset`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    // The lowest byte, as C has it, eight times.
    let pattern = u64::from(byte.to_le_bytes()[0]) * 0x0101_0101_0101_0101;
    // SAFETY: the area is valid for `length` bytes.
    unsafe {
        asm!(
            "rep stosq",
            "mov rcx, {rest}",
            "rep stosb",
            rest = in(reg) length % 8,
            inout("rcx") length / 8 => _, inout("rdi") to => _, in("rax") pattern,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
/// As for C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    for index in 0..length {
        // SAFETY: the area is valid for `length` bytes.
        let a = unsafe { left.wrapping_add(index).read_volatile() };
        // SAFETY: the area is valid for `length` bytes.
        let b = unsafe { right.wrapping_add(index).read_volatile() };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As for `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, length) }
}

/// # Safety
/// As for C's `strlen`.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: no byte behind the terminating zero is read.
    while unsafe { text.wrapping_add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
