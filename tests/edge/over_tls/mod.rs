//! The tests of the edge, repeated with TLS.

mod harness {
    use crate::harness::{ClientOver, SetupOver};
    pub use crate::harness::{LARGE, Wire, eventually, limits};
    use crate::tls_client::Tls;

    pub type Setup = SetupOver<Tls>;
    pub type Client = ClientOver<Tls>;
}

#[path = "../hostile.rs"]
mod hostile;
#[path = "../limits.rs"]
mod limits;
#[path = "../requests.rs"]
mod requests;
#[path = "../workers.rs"]
mod workers;
