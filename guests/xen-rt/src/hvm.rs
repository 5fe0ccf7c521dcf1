//! Parameters of a PVH guest: `hvm_op`, Xen `public/hvm/params.h`.

use crate::hypercall::{self, DOMID_SELF, Number};

const SET_PARAM: usize = 0;
const GET_PARAM: usize = 1;
const CALLBACK_IRQ: u32 = 0;

/// Parameters a guest may read.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Parameter {
    StorePfn = 1,
    StoreEventChannel = 2,
    ConsolePfn = 17,
    ConsoleEventChannel = 18,
}

/// `struct xen_hvm_param`.
#[repr(C)]
struct HvmParam {
    domid: u16,
    pad: u16,
    index: u32,
    value: u64,
}

/// The parameter's value; `None` where it is not set or cannot be read.
pub(crate) fn parameter(parameter: Parameter) -> Option<u64> {
    let mut argument = HvmParam { domid: DOMID_SELF, pad: 0, index: parameter as u32, value: 0 };
    // SAFETY: HVMOP_get_param takes a xen_hvm_param.
    let result = unsafe { hypercall::operate(Number::HvmOp, GET_PARAM, &mut argument) };
    (result == 0 && argument.value != 0).then_some(argument.value)
}

/// Lets Xen see that this guest runs in 64-bit mode, by asking for what is so already:
/// no interrupt for events.
pub(crate) fn show_mode() {
    let mut argument = HvmParam { domid: DOMID_SELF, pad: 0, index: CALLBACK_IRQ, value: 0 };
    // SAFETY: HVMOP_set_param takes a xen_hvm_param.
    unsafe { hypercall::operate(Number::HvmOp, SET_PARAM, &mut argument) };
}
