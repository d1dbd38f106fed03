//! Waiting for the browser, or for what its user pastes.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::browser;
use super::listener::{self, Listener};
use super::terminal::{Terminal, send_lines};
use crate::config::Secret;
use crate::provider::oauth::{self, BadCallback, Callback, Service, SignIn};

/// How long the user may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// When a pasted callback is asked for, if a browser was opened.
const PASTE_AFTER: Duration = Duration::from_secs(15);
/// Between two updates of the progress.
const TICK: Duration = Duration::from_millis(500);
/// The most requests with another state that are told.
const MOST_TOLD: usize = 3;

/// What can happen meanwhile.
pub enum Event {
    Browser(tiny_http::Request),
    /// A line of standard input; `None` at its end.
    Line(Option<String>),
}

/// Where events come from.
pub struct Events {
    pub to: Sender<Event>,
    pub from: Receiver<Event>,
    reads_lines: bool,
}

impl Events {
    pub fn new() -> Self {
        let (to, from) = mpsc::channel();
        Self {
            to,
            from,
            reads_lines: false,
        }
    }

    /// Has lines of standard input come too.
    pub fn read_lines(&mut self) {
        if !std::mem::replace(&mut self.reads_lines, true) {
            send_lines(self.to.clone(), Event::Line);
        }
    }
}

/// How to wait.
pub struct Wish<'a> {
    pub port: Option<u16>,
    pub opens_browser: bool,
    pub variables: &'a dyn Fn(&str) -> Option<String>,
}

/// Shows the vendor's page and waits for the code.
pub fn code(
    service: &Service<'_>,
    wish: &Wish<'_>,
    events: &mut Events,
    terminal: &mut Terminal,
) -> Result<(SignIn, Secret), String> {
    let no_browser = || "this channel has no sign-in with a browser".to_owned();
    let (usual, path) = oauth::callback(service.channel).ok_or_else(no_browser)?;
    let port = wish.port.unwrap_or(usual);
    let listener = Listener::start(port, path, &events.to, Event::Browser).map_err(|error| {
        format!(
            "cannot wait for the browser on port {port}: {error}; end what uses the port (another login?), or choose \
             another one with --callback-port"
        )
    })?;
    let sign_in = SignIn::begin(service.channel, listener.port()).map_err(|why| why.to_string())?;
    let url = sign_in.url(service);
    let is_open = wish.opens_browser && browser::open(&url, wish.variables);
    introduce(terminal, service, &url, is_open, listener.port(), usual);
    let begin = Instant::now();
    let mut is_paste_offered = false;
    let mut told = 0;
    loop {
        let waited = begin.elapsed();
        if waited >= PATIENCE {
            return Err("the browser has not returned within five minutes".to_owned());
        }
        if !is_paste_offered && (!is_open || waited >= PASTE_AFTER) {
            is_paste_offered = true;
            events.read_lines();
            terminal.say("Or paste the address that the browser was sent to in the end, also if it shows an error:");
        }
        let left = PATIENCE.saturating_sub(waited);
        match is_paste_offered {
            true => terminal.remind("Waiting for the browser", left),
            false => terminal.progress("Waiting for the browser", left),
        }
        let event = match events.from.recv_timeout(TICK) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the listener has ended".to_owned());
            }
        };
        let (callback, request) = match event {
            Event::Browser(request) => (Callback::parse(request.url()), Some(request)),
            Event::Line(Some(line)) if !line.trim().is_empty() => (Callback::parse(&line), None),
            Event::Line(_) => continue,
        };
        let is_pasted = request.is_none();
        let found = callback.code(sign_in.state());
        if let Some(request) = request {
            match &found {
                Ok(_) => listener::answer(
                    request,
                    200,
                    "holdfast has the answer. Go back to the terminal.",
                ),
                Err(why) => listener::answer(request, 400, &format!("holdfast: {why}.")),
            }
        }
        match found {
            Ok(code) => return Ok((sign_in, code)),
            // Another page may have sent it.
            Err(BadCallback::OtherState) if is_pasted => terminal.say(
                "That is not the answer to this sign-in. Paste the whole address, with code and state:",
            ),
            Err(BadCallback::OtherState) => {
                told += 1;
                if told <= MOST_TOLD {
                    terminal.say("Refused a request with another state; still waiting.");
                }
            }
            Err(why) => return Err(why.to_string()),
        }
    }
}

fn introduce(
    terminal: &mut Terminal,
    service: &Service<'_>,
    url: &str,
    is_open: bool,
    port: u16,
    usual: u16,
) {
    terminal.say(match is_open {
        true => "A browser shows the vendor's page. If it does not, open this address:",
        false => "Open this address in a browser:",
    });
    terminal.say(&format!("\n{url}\n"));
    let sent_to = match oauth::has_fixed_port(service.channel) {
        true => usual,
        false => port,
    };
    let is_here = sent_to == port;
    if is_here {
        terminal.say(&format!("Waiting on port {port} of this host."));
    } else {
        terminal.say(&format!(
            "Waiting on port {port} of this host. The vendor sends the browser to port {sent_to}."
        ));
    }
    if !is_open || !is_here {
        terminal.say(&format!(
            "If the browser is on another host, run there first: ssh -L {sent_to}:127.0.0.1:{port} THIS-HOST"
        ));
    }
}
