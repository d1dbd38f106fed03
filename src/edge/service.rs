//! The interface of the server.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::refusal::Refusal;
use crate::exchange::{Admission, Client, Head, Request};

/// The server of an edge.
pub trait Service: Send + Sync + 'static {
    /// What it finds in the head of a request and needs again to serve it.
    type Ticket: Send + 'static;

    /// Decides about a request by its head, before its body is read. Must not block.
    fn admit(&self, head: &Head, peer: SocketAddr) -> Admission<Self::Ticket>;

    /// Answers an admitted request to `client`. May block.
    ///
    /// # Errors
    /// When the answer is incomplete, so that the connection cannot be reused.
    fn serve(
        &self,
        ticket: Self::Ticket,
        request: Request,
        client: Rc<dyn Client>,
    ) -> io::Result<()>;

    /// The answer to a request that the edge refuses, which closes the connection. `head` is given if it was complete.
    fn refuse(&self, refusal: Refusal, head: Option<&Head>) -> Vec<u8> {
        let _ = head;
        refusal.answer()
    }
}
