//! Takes accounts down and brings them back when the user types their number.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::thread;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use super::accounts::{self, COUNT};
use crate::demo::{Script, Step, Upstreams};
use crate::wire::Dialect;

/// The status of an account that is down.
const STATUS: u16 = 503;

/// Reads numbers from standard input on its own thread until the input ends, and reports changes to `tell`. Does
/// nothing in a background process of a terminal, which the system stops when it reads.
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
    // The demo works without it.
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
        true => format!("{name} is down and answers {STATUS}. Type {number} to bring it back."),
        false => format!("{name} is up again."),
    }
}
