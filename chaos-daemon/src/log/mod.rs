//! What guests report through their log rings, and where it goes.
