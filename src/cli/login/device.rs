//! Waiting for a user on another device.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::browser;
use super::callback::Wish;
use super::terminal::Terminal;
use crate::credential::Login;
use crate::provider::oauth::{Consent, DeviceSignIn, Refusal, Service};

/// Between two updates of the progress.
const TICK: Duration = Duration::from_millis(500);
/// What RFC 8628 adds to the interval when asked to slow down.
const SLOWER: Duration = Duration::from_secs(5);

/// Shows the code and waits until it is entered.
pub fn login(
    service: &Service<'_>,
    wish: &Wish<'_>,
    terminal: &mut Terminal,
) -> Result<Login, String> {
    let device = DeviceSignIn::begin(service).map_err(|why| why.to_string())?;
    let is_open = wish.opens_browser && browser::open(&device.page, wish.variables);
    terminal.say(match is_open {
        true => {
            "A browser shows the vendor's page. If it does not, open this address on any device:"
        }
        false => "Open this address on any device:",
    });
    terminal.say(&format!(
        "\n{}\n\nand enter the code {}\n",
        device.page, device.user_code
    ));
    let begin = Instant::now();
    let mut interval = device.interval;
    let mut told = None;
    loop {
        let next = Instant::now() + interval;
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            let time_left = device.time_limit.saturating_sub(begin.elapsed());
            terminal.progress("Waiting for the code to be entered", time_left);
            thread::sleep(left.min(TICK));
        }
        if begin.elapsed() >= device.time_limit {
            return Err("the code was not entered in time".to_owned());
        }
        match device.ask(service, SystemTime::now()) {
            Ok(Consent::Given(login)) => return Ok(*login),
            Ok(Consent::Wasted(why)) => return Err(why.to_string()),
            Ok(Consent::Pending) => {}
            Ok(Consent::SlowDown) => interval += SLOWER,
            Err(Refusal::Lost(word)) => return Err(format!("the sign-in was refused ({word})")),
            // It may pass.
            Err(Refusal::Failed(failure)) => {
                if told.as_ref() != Some(&failure.message) {
                    terminal.say(&format!("{}; still waiting.", failure.message));
                    told = Some(failure.message);
                }
            }
        }
    }
}
