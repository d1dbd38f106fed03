//! How the gateway is reached beyond host and port: TLS, and the debug server.

use std::path::PathBuf;

use super::paths;
use super::reader::Mapping;

/// Where certificate chain and key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Where the reference serves its debug pages (`spec/config.md` 1.2).
const DEBUG_ADDRESS: &str = "127.0.0.1:8316";

/// `tls`.
pub fn tls(mut block: Mapping<'_>) -> Option<Tls> {
    let enable = block.field("enable");
    let cert = block.field("cert").filled();
    let key = block.field("key").filled();
    block.finish();
    if enable.flag() != Some(true) {
        return None;
    }
    let (Some(cert), Some(key)) = (cert, key) else {
        enable.error("is on, but tls.cert or tls.key is empty");
        return None;
    };
    Some(Tls {
        cert: paths::expand(&cert),
        key: paths::expand(&key),
    })
}

/// `pprof`: `host:port` of the debug server.
pub fn debug_server(mut block: Mapping<'_>) -> Option<String> {
    let enabled = block.field("enable").flag().unwrap_or(false);
    let field = block.field("addr");
    let address = field.filled().unwrap_or_else(|| DEBUG_ADDRESS.to_owned());
    block.finish();
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    if enabled && !super::client_keys::is_loopback(host) {
        field.warn("lets anybody who reaches this host look inside: use a loopback address");
    }
    enabled.then_some(address)
}
