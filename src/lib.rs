//! holdfast: a gateway for language-model APIs that keeps each conversation on the credential that holds its prompt
//! cache.
//!
//! To run it in another program, start a [`Gateway`] with a configuration ([`config::load`]). A [`Filter`] refuses
//! requests, an [`Observer`] sees what became of them. `ARCHITECTURE.md` describes the modules.
//!
//! ```no_run
//! use holdfast::{Gateway, config};
//!
//! let loaded = config::load("port: 8317\napi-keys: [secret]\n", "inline");
//! let running = Gateway::start(loaded.config.expect("a valid configuration"))?;
//! println!("listening on {}", running.address());
//! # Ok::<(), holdfast::StartError>(())
//! ```

mod atomic_file;
mod budget;
mod capacity;
mod chance;
mod chunked;
mod cli;
mod colour;
#[deny(missing_docs)]
pub mod config;
mod content_encoding;
mod credential;
#[cfg(feature = "demo")]
#[allow(
    clippy::indexing_slicing,
    reason = "What the embedded upstreams read and write is their own"
)]
mod demo;
mod diagnostics;
mod doctor;
mod edge;
mod exchange;
mod failure;
#[deny(missing_docs)]
mod gateway;
mod generation;
mod glob;
mod heap;
mod http;
mod janitor;
mod json;
mod logs;
mod payload;
mod provider;
mod reasoning;
mod redaction;
mod relay;
mod routing;
mod session;
mod similar;
mod sse;
mod state_folder;
mod stored;
mod time;
mod tokens;
mod translate;
mod usage;
mod wire;

pub use gateway::{Gateway, Running, StartError};
pub use generation::hooks::{Denied, Filter, Incoming, Observer, Report};
pub use session::decision::Decision;
pub use wire::Dialect;
pub use wire::usage::Usage;

/// The modules behind the public API, for this repository's own program, tests, benches and fuzz targets. They change
/// without notice.
#[doc(hidden)]
pub mod unversioned {
    macro_rules! export {
        ($($room:ident)*) => {
            $(pub mod $room {
                pub use crate::$room::*;
            })*
        };
    }

    export!(
        budget
        chunked
        cli
        content_encoding
        credential
        diagnostics
        edge
        exchange
        failure
        generation
        heap
        http
        json
        logs
        payload
        provider
        reasoning
        redaction
        relay
        routing
        session
        sse
        stored
        tokens
        translate
        usage
        wire
    );
    #[cfg(feature = "demo")]
    export!(demo);
}
