use proptest::prelude::*;

use super::*;

/// Golden bytes, worked out by hand from the structures.
#[test]
fn transmit_slots() {
    let request = TxRequest { grant: 0x0403_0201, offset: 0x0605, flags: 4, id: 7, size: 0x0908 };
    let mut slot = [0xee; 12];
    Tx::put_request(&request.into(), &mut slot);
    assert_eq!(slot, [1, 2, 3, 4, 5, 6, 4, 0, 7, 0, 8, 9]);
    assert_eq!(Tx::request(&slot).request(), request);

    Tx::put_request(&ExtraInfo::gso(extra::GSO_TCPV4, 0x0578).into(), &mut slot);
    assert_eq!(slot[..8], [1, 0, 0x78, 5, 1, 0, 0, 0]);
    assert_eq!(Tx::request(&slot).extra().as_gso(), Some((extra::GSO_TCPV4, 0x0578)));

    let response = TxResponse { id: 0x0102, status: status::DROPPED };
    Tx::put_response(&response, &mut slot[..4]);
    assert_eq!(slot[..4], [2, 1, 0xfe, 0xff]);
    assert_eq!(Tx::response(&slot), response);
}

#[test]
fn receive_slots() {
    let request = RxRequest { id: 0x0201, grant: 0x0605_0403 };
    let mut slot = [0xee; 8];
    Rx::put_request(&request, &mut slot);
    assert_eq!(slot, [1, 2, 0, 0, 3, 4, 5, 6]);
    assert_eq!(Rx::request(&slot), request);

    let response = RxResponse { id: 1, offset: 2, flags: flags::MORE_DATA, status: -1 };
    Rx::put_response(&response.into(), &mut slot);
    assert_eq!(slot, [1, 0, 2, 0, 4, 0, 0xff, 0xff]);
    assert_eq!(Rx::response(&slot).response(), response);

    let more = ExtraInfo { flags: extra::FLAG_MORE, ..ExtraInfo::gso(extra::GSO_TCPV6, 9) };
    Rx::put_response(&more.into(), &mut slot);
    assert_eq!(slot, [1, 1, 9, 0, 2, 0, 0, 0]);
    assert!(Rx::response(&slot).extra().more());
}

#[test]
fn rings_have_the_size_xen_gives_them() {
    assert_eq!(crate::ring::slots::<Tx>(4096), 256);
    assert_eq!(crate::ring::slots::<Rx>(4096), 256);
}

proptest! {
    /// Every slot reads as a request and as extra info, and survives being written.
    #[test]
    fn any_slot_can_be_read(bytes in any::<[u8; 12]>()) {
        let slot = Tx::request(&bytes);
        prop_assert_eq!(TxSlot::from(slot.request()), slot);
        let mut again = [0; 12];
        Tx::put_request(&slot.extra().into(), &mut again);
        prop_assert_eq!(&again[..8], &bytes[..8]);
        let slot = Rx::response(&bytes[..8]);
        prop_assert_eq!(RxSlot::from(slot.response()), slot);
        prop_assert_eq!(RxSlot::from(slot.extra()), slot);
    }
}
