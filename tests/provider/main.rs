//! Calls to upstreams and relaying of their answers, with small scripted upstreams.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

mod bodies;
mod clients;
mod code_assist;
mod codex;
mod compressed;
mod disconnects;
mod failures;
mod google;
mod harness;
mod lists;
mod logins;
mod network;
mod proxies;
mod requests;
mod streams;
mod tls;

use std::cell::RefCell;
use std::io::{self, Cursor, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use harness::*;
use holdfast::config::Secret;
use holdfast::unversioned::credential::UpstreamKind;
use holdfast::unversioned::exchange::Waiter;
use holdfast::unversioned::failure::{Failure, FailureKind};
use holdfast::unversioned::json::Span;
use holdfast::unversioned::provider::{
    Action, Answer, Call, ProxySetting, Settings, Stored, Target, Upstream, Verb,
};
use holdfast::unversioned::relay::{
    Chunks, Ended, ExpectedAnswer, Framing, Opened, Relayed, Rename, Style, stream, whole,
};
use holdfast::unversioned::sse::MAX_EVENT;
use holdfast::unversioned::wire::Dialect;
