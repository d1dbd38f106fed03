//! TLS to upstreams and to proxies. One configuration serves all agents, so that they trust the same
//! authorities and share what sessions can be resumed.
//!
//! ureq's own connector knows the built-in authorities or given ones, not both, and counts the handshake
//! into the time of the connection.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use ureq::unversioned::transport::time::{Duration as Wait, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};
use ureq::{Error, Timeout};

use super::trust::Trust;

/// The last part of a connection where its target speaks TLS.
pub struct Tls {
    pub trust: Arc<Trust>,
    /// The longest handshake.
    pub timeout: Duration,
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Session>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Err(Error::ConnectionFailed);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| Error::Tls("no certificate can be for this host"))?;
        let mut conn = ClientConnection::new(self.trust.config()?, name)?;
        // The connection has its own limit, which began earlier.
        let elapsed = match ((details.current_time)(), details.now) {
            (Instant::Exact(now), Instant::Exact(began)) => now.saturating_duration_since(began),
            _ => Duration::ZERO,
        };
        let after = match details.timeout.after {
            Wait::Exact(after) => after.saturating_sub(elapsed).min(self.timeout),
            Wait::NotHappening => self.timeout,
        };
        let mut sock = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        sock.set_timeout(NextTimeout {
            after: after.into(),
            ..details.timeout
        });
        conn.complete_io(&mut sock)
            .map_err(|error| match Error::from(error) {
                Error::Timeout(Timeout::Connect) => Error::Tls("the handshake took too long"),
                error => error,
            })?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned { conn, sock };
        Ok(Some(Either::B(Session { buffers, stream })))
    }
}

/// A connection inside TLS.
pub struct Session {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for Session {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
