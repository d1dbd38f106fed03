//! The edge with workers behind it, as clients see it.

mod harness;
mod hostile;
mod lanes;
mod ordinary;
