//! The debug server, and where the configuration has it.

use crate::diagnostics::Diagnostics;

/// The debug server and its configuration.
pub struct Debug {
    pub address: Option<String>,
    pub server: Option<Diagnostics>,
}

impl Debug {
    /// Starts the debug server. If it cannot listen, the gateway serves without it.
    pub fn at(address: Option<String>) -> Self {
        let server = address.as_deref().and_then(|address| {
            Diagnostics::start(address)
                .inspect(|server| log::info!("debug server at {}", server.address()))
                .inspect_err(|error| log::error!("pprof.addr: cannot listen on {address}: {error}"))
                .ok()
        });
        Self { address, server }
    }
}
