//! Any ring of requests: taken and answered while the guest moves its indexes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use noxs::SharedMemory;
use noxs::block::{Abi32, Abi64, Response};
use noxs::net::{Rx, RxResponse, Tx, TxResponse};
use noxs::ring::{Back, Protocol, Redo, offset};

mod memory;

fn serve<P: Protocol>(bytes: &[u8], produced: &[u32], answer: impl Fn(P::Request) -> P::Response) {
    let (page, record) = (memory::Page::new(bytes), memory::Page::new(&[]));
    let redo = Redo::new(&*record);
    let mut back = Back::<_, P>::attach(&*page);
    for word in produced {
        page.write(offset::REQ_PROD, &word.to_le_bytes());
        let mut taken = 0;
        while let Ok(Some(request)) = back.next_request() {
            let mut publication = back.publish(&redo);
            publication.respond(&answer(request));
            let _ = publication.finish();
            taken += 1;
            // Each answer makes room for one more, as long as the guest's index says so.
            if taken > back.size() {
                break;
            }
        }
        let _ = back.final_check();
        assert!(back.unanswered() <= back.size());
    }
}

fuzz_target!(|input: (Vec<u8>, Vec<u32>)| {
    let (bytes, produced) = input;
    let disk = |request: noxs::block::Request| Response {
        id: request.id,
        operation: request.operation(),
        status: 0,
    };
    serve::<Abi64>(&bytes, &produced, disk);
    serve::<Abi32>(&bytes, &produced, disk);
    serve::<Tx>(&bytes, &produced, |slot| {
        let _ = slot.extra().as_gso();
        TxResponse { id: slot.request().id, status: 0 }
    });
    serve::<Rx>(&bytes, &produced, |request| {
        RxResponse { id: request.id, offset: 0, flags: 0, status: 0 }.into()
    });
});
