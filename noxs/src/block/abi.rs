//! The two layouts on x86: 64-bit numbers are aligned to 8 bytes or to 4.

use super::layout::{self, Layout};
use super::{Request, Response};
use crate::ring::Protocol;

/// Layout of 64-bit front ends (`x86_64-abi`).
#[derive(Clone, Copy, Debug)]
pub struct Abi64;

/// Layout of 32-bit front ends (`x86_32-abi`).
#[derive(Clone, Copy, Debug)]
pub struct Abi32;

const LAYOUT_64: Layout = Layout { id: 8, response: 16 };
const LAYOUT_32: Layout = Layout { id: 4, response: 12 };

macro_rules! protocol {
    ($abi:ty, $layout:expr) => {
        impl Protocol for $abi {
            type Request = Request;
            type Response = Response;
            const SLOT: usize = $layout.slot();
            const RESPONSE: usize = $layout.response;

            fn request(slot: &[u8]) -> Request {
                layout::get_request($layout, slot)
            }

            fn put_request(request: &Request, slot: &mut [u8]) {
                layout::put_request($layout, request, slot);
            }

            fn response(slot: &[u8]) -> Response {
                layout::get_response(slot)
            }

            fn put_response(response: &Response, slot: &mut [u8]) {
                layout::put_response(response, slot);
            }
        }
    };
}

protocol!(Abi64, LAYOUT_64);
protocol!(Abi32, LAYOUT_32);

const _: () = assert!(Abi64::SLOT == 112 && Abi32::SLOT == 108);
