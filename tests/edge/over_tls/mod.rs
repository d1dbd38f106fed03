//! What holds without TLS holds with it.

mod harness {
    use crate::harness::{ClientOver, SetupOver};
    pub use crate::harness::{LARGE, Wire, eventually, limits};
    use crate::wire::Tls;

    pub type Setup = SetupOver<Tls>;
    pub type Client = ClientOver<Tls>;
}

#[path = "../hostile.rs"]
mod hostile;
#[path = "../limits.rs"]
mod limits;
#[path = "../ordinary.rs"]
mod ordinary;
#[path = "../workers.rs"]
mod workers;
