//! Why a gateway does not start.

use std::{fmt, io};

use crate::edge::IdentityError;

/// The error of a gateway that did not start.
#[derive(Debug)]
pub enum StartError {
    /// The gateway cannot listen on the configured address.
    Bind {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Other hosts can connect to the configured host, there are no client keys, and `allow-anonymous` is off.
    Unprotected {
        /// The configured host.
        host: String,
    },
    /// The configured certificate or its key cannot be used.
    Tls(IdentityError),
    /// Another system error: no thread, socket or random bytes.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::AddrInUse => "; another program has it: choose another `port`",
                    io::ErrorKind::PermissionDenied => {
                        "; ports below 1024 are for root: choose a higher `port`"
                    }
                    io::ErrorKind::AddrNotAvailable => "; `host` is no address of this machine",
                    _ => "",
                };
                write!(f, "cannot listen on {address}: {source}{advice}")
            }
            Self::Unprotected { host } => write!(
                f,
                "cannot listen on {host} without client keys: it is open to others, and allow-anonymous is off"
            ),
            Self::Tls(source) => write!(f, "tls: {source}"),
            Self::System(source) => write!(f, "cannot start: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::System(source) => Some(source),
            Self::Unprotected { .. } => None,
            Self::Tls(source) => Some(source),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
