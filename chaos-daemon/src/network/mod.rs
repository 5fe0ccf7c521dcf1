//! Networks: what guests' interfaces are plugged into, and the way out of the host.
