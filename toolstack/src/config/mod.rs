//! Guest configuration: our own TOML and `xl.cfg` files as they are.
