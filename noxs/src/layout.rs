//! Offsets of the page. The specification is `docs/noxs.md`; H is written by the host,
//! G by the guest.

/// Size of the page in bytes.
pub const PAGE_SIZE: usize = 4096;
/// "NOXS".
pub const MAGIC: u32 = u32::from_le_bytes(*b"NOXS");
/// Changes when an old peer cannot work with the page.
pub const MAJOR: u16 = 1;
/// Changes when fields are added where there were none.
pub const MINOR: u16 = 0;

/// H: u32, [`MAGIC`].
pub const HEADER_MAGIC: usize = 0x000;
/// H: u16, [`MAJOR`].
pub const HEADER_MAJOR: usize = 0x004;
/// H: u16, [`MINOR`].
pub const HEADER_MINOR: usize = 0x006;
/// H: u32, [`PAGE_SIZE`].
pub const HEADER_SIZE: usize = 0x008;
/// H: u32, odd while the host is writing.
pub const HEADER_GENERATION: usize = 0x00c;
/// H: 16 bytes, the guest's UUID in the order it is written.
pub const HEADER_UUID: usize = 0x010;
/// H: u32, [`FLAG_GRANT_TABLE`] and [`FLAG_SHARED_INFO`].
pub const HEADER_FLAGS: usize = 0x020;
/// H: u32, the guest's end of its event channel.
pub const HEADER_PORT: usize = 0x024;
/// H: u32, frames of the grant table.
pub const HEADER_GRANT_FRAMES: usize = 0x028;
/// H: u16, [`SLOTS`].
pub const HEADER_SLOTS: usize = 0x02c;
/// H: u16, [`SLOT_SIZE`].
pub const HEADER_SLOT_SIZE: usize = 0x02e;
/// H: u64, guest frame number of the grant table's first frame.
pub const HEADER_GRANT_TABLE: usize = 0x030;
/// H: u64, guest frame number of the shared info page.
pub const HEADER_SHARED_INFO: usize = 0x038;
/// Size of the header.
pub const HEADER_LEN: usize = 0x040;

/// The grant table's frames are in the guest's memory already.
pub const FLAG_GRANT_TABLE: u32 = 1;
/// The shared info page is in the guest's memory already.
pub const FLAG_SHARED_INFO: u32 = 2;

/// The host's doorbell: the guest rings it.
pub const HOST_BELL: usize = 0x040;
/// The guest's doorbell: the host rings it.
pub const GUEST_BELL: usize = 0x080;
/// Of a doorbell: u32, a bit per slot; the ringer sets, the owner swaps to 0.
pub const BELL_DEVICES: usize = 0x00;
/// Of a doorbell: u32, a bit per service; as [`BELL_DEVICES`].
pub const BELL_SERVICES: usize = 0x04;
/// Of a doorbell: u32, 1 when the owner wants to be notified.
pub const BELL_ASLEEP: usize = 0x08;

/// H: u32, what the host asks for.
pub const CONTROL_REQUEST: usize = 0x0c0;
/// H: u32, counts requests; 0 before the first.
pub const CONTROL_SEQUENCE: usize = 0x0c4;

/// G: u32, the last request that was answered.
pub const REPORT_ACKNOWLEDGED: usize = 0x100;
/// G: u32, what the guest is doing.
pub const REPORT_STATE: usize = 0x104;
/// G: u32, says more about the state, such as why it crashed.
pub const REPORT_CODE: usize = 0x108;
/// G: u32, the answer to the last request.
pub const REPORT_ANSWER: usize = 0x10c;
/// G: 4 bytes, the guest's IPv4 address; zeroes are none.
pub const REPORT_IPV4: usize = 0x110;
/// G: u8, bits of the IPv4 network.
pub const REPORT_PREFIX4: usize = 0x114;
/// G: u8, bits of the IPv6 network.
pub const REPORT_PREFIX6: usize = 0x115;
/// G: 16 bytes, the guest's IPv6 address; zeroes are none.
pub const REPORT_IPV6: usize = 0x118;

/// G: u32, bytes that were put into the log; free running.
pub const LOG_PRODUCED: usize = 0x140;
/// G: u32, records that found no room.
pub const LOG_DROPPED: usize = 0x144;
/// H: u32, bytes that were taken out of the log; free running.
pub const LOG_CONSUMED: usize = 0x160;

/// H: u8, bytes of the name.
pub const IDENTITY_NAME_LEN: usize = 0x180;
/// H: the name, UTF-8.
pub const IDENTITY_NAME: usize = 0x181;
/// Bytes a name may have.
pub const NAME_MAX: usize = 63;
/// H: u32, bytes of user data, inline and overflow together.
pub const IDENTITY_USER_LEN: usize = 0x1c0;
/// H: u32, pages of user data that did not fit.
pub const IDENTITY_OVERFLOW_PAGES: usize = 0x1c4;
/// H: u64, guest frame number of the first of them.
pub const IDENTITY_OVERFLOW_FRAME: usize = 0x1c8;
/// H: user data.
pub const IDENTITY_USER: usize = 0x200;
/// Bytes of user data in the page.
pub const USER_INLINE: usize = 512;

/// The device table.
pub const TABLE: usize = 0x400;
/// Slots of the device table.
pub const SLOTS: usize = 32;
/// Bytes of a slot.
pub const SLOT_SIZE: usize = 64;

/// Of a slot, H: u8, kind of device; 0 is an empty slot.
pub const SLOT_KIND: usize = 0;
/// Of a slot, H: u8, state.
pub const SLOT_STATE: usize = 1;
/// Of a slot, H: u8, which device of its kind it is.
pub const SLOT_INDEX: usize = 2;
/// Of a slot, H: u8, frames of its rings.
pub const SLOT_FRAMES: usize = 3;
/// Of a slot, H: u16, domain of the back end.
pub const SLOT_BACKEND: usize = 4;
/// Of a slot, H: u16, largest packet payload in bytes (net).
pub const SLOT_MTU: usize = 6;
/// Of a slot, H: u32, guest frame number of the first ring frame.
pub const SLOT_FIRST_FRAME: usize = 8;
/// Of a slot, H: u16, what the host offers.
pub const SLOT_HOST_FEATURES: usize = 12;
/// Of a slot, G: u16, what the guest takes, and [`IN_USE`].
pub const SLOT_GUEST_FEATURES: usize = 14;
/// Of a slot, H: what the kind has to say.
pub const SLOT_CONFIG: usize = 16;
/// Bytes of [`SLOT_CONFIG`].
pub const SLOT_CONFIG_SIZE: usize = 48;
/// Bit of the guest's features: the guest uses the device.
pub const IN_USE: u16 = 1 << 15;

/// The log's bytes.
pub const LOG: usize = 0xc00;
/// Size of the log's ring in bytes.
pub const LOG_SIZE: usize = 1024;

const _: () = {
    assert!(HEADER_SHARED_INFO + 8 == HEADER_LEN && HEADER_LEN == HOST_BELL);
    // Words that one side writes often share no cache line with the other side's.
    assert!(HOST_BELL.is_multiple_of(64) && GUEST_BELL.is_multiple_of(64));
    assert!(GUEST_BELL >= HOST_BELL + 64 && CONTROL_REQUEST >= GUEST_BELL + 64);
    assert!(REPORT_ACKNOWLEDGED.is_multiple_of(64) && REPORT_IPV6 + 16 <= LOG_PRODUCED);
    assert!(LOG_PRODUCED.is_multiple_of(64) && LOG_CONSUMED + 4 <= IDENTITY_NAME_LEN);
    assert!(IDENTITY_NAME + NAME_MAX == IDENTITY_USER_LEN);
    assert!(IDENTITY_OVERFLOW_FRAME + 8 <= IDENTITY_USER);
    assert!(IDENTITY_USER + USER_INLINE == TABLE);
    assert!(TABLE + SLOTS * SLOT_SIZE == LOG && LOG + LOG_SIZE == PAGE_SIZE);
    assert!(SLOT_CONFIG + SLOT_CONFIG_SIZE == SLOT_SIZE);
    assert!(LOG_SIZE.is_power_of_two());
};
