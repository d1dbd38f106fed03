//! Simulated outages: typing the number of an account takes it down or brings it back.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::thread;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use super::accounts::{self, COUNT};
use crate::demo::{Script, Step, Upstreams};
use crate::wire::Dialect;

/// What an account answers while it is down.
const STATUS: u16 = 503;

/// Reads numbers from standard input, on a thread of its own, for as long as there is input. `tell` is told
/// what has changed. A program in the background of a terminal reads nothing: the system would stop it.
pub fn watch(upstreams: Arc<Upstreams>, tell: impl Fn(&str) + Send + 'static) {
    let is_background = io::stdin().is_terminal() && tcgetpgrp(io::stdin()).ok() != Some(getpgrp());
    if is_background {
        return;
    }
    let watching = thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            let mut down = BTreeSet::new();
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                match line.trim().parse() {
                    Ok(number) if (1..=COUNT).contains(&number) => {
                        tell(&toggle(&upstreams, &mut down, number));
                    }
                    _ => tell(&format!("Type a number from 1 to {COUNT}.")),
                }
            }
        });
    // Without it the demo still answers.
    if let Err(error) = watching {
        log::warn!("cannot read standard input: {error}");
    }
}

fn toggle(upstreams: &Upstreams, down: &mut BTreeSet<usize>, number: usize) -> String {
    let is_down = !down.remove(&number);
    if is_down {
        down.insert(number);
    }
    for dialect in Dialect::ALL {
        let script = match is_down {
            true => Script::always(Step::status(STATUS)),
            false => Script::default(),
        };
        upstreams.script(&accounts::key(dialect, number), script);
    }
    let name = accounts::name(number);
    match is_down {
        true => format!("{name} is down: it answers {STATUS}. Type {number} to bring it back."),
        false => format!("{name} is back."),
    }
}
