//! The edge with a tiny_http server behind it, as clients see it.

mod harness;
mod hostile;
mod lanes;
mod ordinary;
