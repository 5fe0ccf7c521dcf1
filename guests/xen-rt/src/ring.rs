//! Arithmetic of Xen's free-running ring positions (`public/io/console.h`).

/// Bytes that fit between a producer and a consumer. A peer's position that makes
/// no sense counts as a full ring.
pub(crate) fn room(size: u32, produced: u32, consumed: u32) -> u32 {
    size.saturating_sub(produced.wrapping_sub(consumed))
}

/// Bytes between a consumer and a producer. A peer's position that makes no sense counts as
/// an empty ring.
pub(crate) fn held(size: u32, produced: u32, consumed: u32) -> u32 {
    let held = produced.wrapping_sub(consumed);
    if held > size { 0 } else { held }
}

/// Index of a position in a ring whose size is a power of two.
pub(crate) fn index(size: u32, position: u32) -> usize {
    (position & (size - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_survives_the_wrap_of_positions() {
        assert_eq!(room(2048, 0, 0), 2048);
        assert_eq!(room(2048, 5, u32::MAX - 4), 2038);
        assert_eq!(room(2048, 2048, 0), 0);
    }

    #[test]
    fn a_lying_consumer_leaves_no_room() {
        assert_eq!(room(2048, 10, 11), 0);
        assert_eq!(room(2048, 5000, 0), 0);
    }

    #[test]
    fn a_lying_producer_has_produced_nothing() {
        assert_eq!(held(1024, 10, 5), 5);
        assert_eq!(held(1024, 3, u32::MAX), 4);
        assert_eq!(held(1024, 2000, 0), 0);
        assert_eq!(held(1024, 0, 1), 0);
    }

    #[test]
    fn index_stays_inside() {
        assert_eq!(index(2048, 2047), 2047);
        assert_eq!(index(2048, 2048), 0);
        assert_eq!(index(2048, u32::MAX), 2047);
    }
}
