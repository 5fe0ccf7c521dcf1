//! The legacy `__xen_guest` section: one string of `KEY=VALUE` entries separated by commas.
//!
//! Keys and their meaning from Xen's `public/elfnote.h` ("LEGACY") and
//! `common/libelf/libelf-dominfo.c`.

use super::super::ImageError;
use super::{NotesOrigin, XenNotes, owned};

/// Longest key and value accepted: the buffers of Xen's parser, which cuts longer ones apart.
const MAX_KEY: usize = 31;
const MAX_VALUE: usize = 127;
/// Longest section accepted (`ELF_MAX_STRING_LENGTH` in Xen's `xen/libelf.h`).
const MAX_SECTION: usize = 4096;
const PAGE_SHIFT: u32 = 12;

/// Parses the section's contents up to the first NUL.
pub(super) fn parse(section: &[u8]) -> Result<XenNotes, ImageError> {
    let section = &section[..section.len().min(MAX_SECTION + 1)];
    let text = section.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.len() > MAX_SECTION {
        let (what, size, limit) = ("__xen_guest section", text.len() as u64, MAX_SECTION as u64);
        return Err(ImageError::TooLarge { what, size, limit });
    }
    let mut notes = XenNotes { origin: NotesOrigin::GuestSection, ..XenNotes::default() };
    for entry in owned(text).split(',') {
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            let problem = format!("longer than {MAX_KEY} (key) or {MAX_VALUE} (value) bytes");
            return Err(ImageError::note("__xen_guest", problem));
        }
        put(&mut notes, key, value)?;
    }
    // The key names a page of the loaded kernel; its address needs the base, which may come later.
    if let Some(page) = &mut notes.hypercall_page {
        *page = page.wrapping_add(notes.virt_base.unwrap_or(0));
    }
    Ok(notes)
}

/// Unknown keys are passed over, and `PAE`, which concerns 32-bit PV kernels only.
fn put(notes: &mut XenNotes, key: &str, value: &str) -> Result<(), ImageError> {
    match key {
        "LOADER" => notes.loader = Some(value.to_owned()),
        "GUEST_OS" => notes.guest_os = Some(value.to_owned()),
        "GUEST_VER" => notes.guest_version = Some(value.to_owned()),
        "XEN_VER" => notes.xen_version = Some(value.to_owned()),
        "BSD_SYMTAB" => notes.bsd_symtab = true,
        "FEATURES" => notes.features.add(value)?,
        "VIRT_BASE" => notes.virt_base = Some(number(key, value)?),
        "VIRT_ENTRY" => notes.entry = Some(number(key, value)?),
        "ELF_PADDR_OFFSET" => notes.paddr_offset = Some(number(key, value)?),
        "HYPERCALL_PAGE" => {
            let page = number(key, value)?;
            if page.leading_zeros() < PAGE_SHIFT {
                return Err(ImageError::note(key, format!("{page:#x} is no page number")));
            }
            notes.hypercall_page = Some(page << PAGE_SHIFT);
        }
        _ => {}
    }
    Ok(())
}

/// A number in C notation: `0x` hexadecimal, `0` octal, or decimal.
fn number(key: &str, value: &str) -> Result<u64, ImageError> {
    let (digits, radix) = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if value.len() > 1 && value.starts_with('0') => (&value[1..], 8),
        None => (value, 10),
    };
    u64::from_str_radix(digits, radix).map_err(|problem| {
        ImageError::note(key, format!("{value:?} is no 64-bit number: {problem}"))
    })
}
