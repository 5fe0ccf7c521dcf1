//! Links the program as a Xen guest.

fn main() {
    link::guest_with_stack(40);
}
