//! What the edge asks of the server behind it.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::refusal::Refusal;
use crate::exchange::{Admission, Client, Head, Request};

/// The server behind an edge.
pub trait Service: Send + Sync + 'static {
    /// What it finds out about a request by its head, and wants to know again when it serves it.
    type Ticket: Send + 'static;

    /// Decides about a request by its head, before anything of its body has been read. Must not block.
    fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Self::Ticket>;

    /// Answers a request that was admitted, through `client`. May take as long as it wants.
    ///
    /// # Errors
    /// When the answer is not whole, so that the connection cannot be used again.
    fn serve(
        &self,
        ticket: Self::Ticket,
        request: Request,
        client: Rc<dyn Client>,
    ) -> io::Result<()>;

    /// The answer to a request that the edge refuses; `head` is there once it has been read. It closes the
    /// connection.
    fn refuse(&self, refusal: Refusal, head: Option<&Head>) -> Vec<u8> {
        let _ = head;
        refusal.answer()
    }
}
