//! What holds without TLS holds with it.

mod harness {
    use crate::harness::{ClientOver, SetupOver};
    pub use crate::harness::{Wire, eventually, limits};
    use crate::wire::Tls;

    pub type Setup = SetupOver<Tls>;
    pub type Client = ClientOver<Tls>;
}

#[path = "../hostile.rs"]
mod hostile;
#[path = "../lanes.rs"]
mod lanes;
#[path = "../ordinary.rs"]
mod ordinary;
