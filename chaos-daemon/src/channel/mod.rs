//! The host side of one noxs guest: its page, its doorbells, its device table.
