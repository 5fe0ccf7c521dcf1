//! Any transmit ring of a net device: chains of slots, extra information, positions.
#![no_main]

use chaos_daemon::net::request;
use libfuzzer_sys::fuzz_target;
use noxs::SharedMemory;
use noxs::net::{Tx, TxResponse, status};
use noxs::ring::{Back, Redo, offset};

#[path = "../../../noxs/fuzz/fuzz_targets/memory.rs"]
mod memory;

fuzz_target!(|input: (Vec<u8>, Vec<u32>)| {
    let (bytes, produced) = input;
    let (page, record) = (memory::Page::new(&bytes), memory::Page::new(&[]));
    let redo = Redo::new(&*record);
    let mut ring = Back::<_, Tx>::attach(&*page);
    for word in produced {
        page.write(offset::REQ_PROD, &word.to_le_bytes());
        let mut pieces = Vec::new();
        // A turn reads no more than the ring holds.
        for _ in 0..ring.size() {
            let Ok(Some(packet)) = request::next(&mut ring, &mut pieces) else { break };
            check(&packet, &pieces);
            let mut publication = ring.publish(&redo);
            for _ in 0..packet.pieces.len() + usize::from(packet.extras) {
                publication.respond(&TxResponse { id: 0, status: status::OKAY });
            }
            let _ = publication.finish();
        }
        // What was read of a packet that cannot be understood ends with its device.
        if ring.unanswered() > 0 {
            return;
        }
    }
});

fn check(packet: &request::Description, pieces: &[request::Piece]) {
    let pieces = &pieces[packet.pieces.clone()];
    assert!((1..=20).contains(&pieces.len()) && packet.extras <= 4);
    if packet.state.is_ok() {
        let sum: usize = pieces.iter().map(|piece| usize::from(piece.size)).sum();
        assert_eq!(sum, usize::from(packet.size));
        let ends = pieces.iter().map(|piece| usize::from(piece.offset) + usize::from(piece.size));
        assert!(ends.max() <= Some(4096) && packet.size >= 14 && pieces.len() <= 18);
    }
}
