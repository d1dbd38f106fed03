//! Credential files: a gateway with a directory of them, the upstreams, and the vendors' authorization servers.

mod channels;
mod directory;
mod followed;
mod google;
mod google_cli;
mod refresh;
mod refused;
mod setup;
mod tokens_in_use;
