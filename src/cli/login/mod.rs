//! `holdfast login`: signs in to a vendor and writes a credential file.

mod browser;
mod callback;
mod device;
mod listener;
mod project;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;
use std::{io, thread};

use callback::{Events, Wish};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use terminal::Terminal;

use super::environment::Environment;
use super::flags::By;
use super::load::Places;
use super::output::{complain, print};
use super::request::Login as Wanted;
use super::{exit, load, prompt};
use crate::config::{self, Config};
use crate::credential::{Channel, IssuedTo, Login};
use crate::provider::oauth::{self, Client, Endpoints, Service};
use crate::provider::{ProxySetting, Settings, Upstream, Variables};
use crate::tokens;

/// The exit code of a process that SIGINT has ended, as shells have it.
const INTERRUPTED: i32 = 130;

pub fn run(wanted: &Wanted, environment: &Environment) -> ExitCode {
    let done = || -> Result<String, String> {
        let config = configuration(wanted.config.clone(), environment)?;
        end_on_signals();
        let variables = environment.lookup();
        let upstream = Upstream::new(Settings {
            variables: Variables::new(variables.clone()),
            ..Settings::default()
        });
        upstream.trust(config.ca_file.as_deref());
        let service = service(wanted.channel, &config, &upstream)?;
        let login = sign_in(wanted, &service, &variables)?;
        if login.refresh.is_none() && !login.access.is_empty() {
            complain(
                "holdfast: the vendor sent no refresh token; the login ends when its token expires",
            );
        }
        save(&config, &login, Some(&service))
    };
    match done() {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(message) => {
            complain(format_args!("holdfast: {message}"));
            ExitCode::from(exit::INPUT)
        }
    }
}

/// The configuration. Without one its defaults are used, which name the usual directory.
pub fn configuration(given: Option<PathBuf>, environment: &Environment) -> Result<Config, String> {
    let places = load::places(given, environment);
    if matches!(places, Places::Usual(_)) && places.missing().is_some() {
        let defaults = config::load("{}", "defaults").config;
        return defaults.ok_or_else(|| "there is no configuration".to_owned());
    }
    let path = places.find();
    load::usable(path, environment).ok_or_else(|| format!("{} cannot be used", path.display()))
}

fn service<'a>(
    channel: Channel,
    config: &'a Config,
    upstream: &'a Upstream,
) -> Result<Service<'a>, String> {
    let client = Client::of(channel, &config::OauthClient::default(), config);
    let name = channel.name();
    let missing = || {
        format!(
            "no OAuth client is known for {name}: set client-id{} under oauth-clients.{name} of the configuration",
            match channel {
                Channel::Claude => "",
                _ => " and client-secret",
            }
        )
    };
    Ok(Service {
        upstream,
        channel,
        client: client.ok_or_else(missing)?,
        endpoints: Endpoints::of(channel, None, config),
        proxy: ProxySetting::of(&config::ProxySetting::Inherit, config),
    })
}

fn sign_in(
    wanted: &Wanted,
    service: &Service<'_>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Login, String> {
    let mut terminal = Terminal::new();
    let wish = Wish {
        port: wanted.callback_port,
        opens_browser: wanted.opens_browser,
        variables,
    };
    let by = match (wanted.channel, wanted.by) {
        (Channel::Kimi, By::Usual) => By::Device,
        (_, by) => by,
    };
    match by {
        By::Device => device::login(service, &wish, &mut terminal),
        By::Cookie => cookie(service),
        By::Usual => {
            let mut events = Events::new();
            let (sign_in, code) = callback::code(service, &wish, &mut events, &mut terminal)?;
            terminal.say("The browser is back. Asking for the tokens.");
            let login = sign_in.finish(service, &code, SystemTime::now());
            let mut login = login.map_err(|why| why.to_string())?;
            if matches!(login.channel, Channel::GeminiCli | Channel::Antigravity) {
                let wanted = wanted.project.as_deref();
                project::set_up(service, &mut login, wanted, &mut events, &mut terminal)?;
            }
            Ok(login)
        }
    }
}

fn cookie(service: &Service<'_>) -> Result<Login, String> {
    let pasted = prompt::secret("Cookie of iflow.cn, with BXAuth (not shown):");
    let pasted = pasted.map_err(|error| format!("cannot read the cookie: {error}"))?;
    let session = oauth::cookie::session(pasted.reveal());
    let session = session.ok_or("the cookie has no BXAuth")?;
    oauth::cookie::login(service, &session).map_err(|why| why.to_string())
}

/// Writes the credential file. Returns what is told.
pub fn save(
    config: &Config,
    login: &Login,
    service: Option<&Service<'_>>,
) -> Result<String, String> {
    let issued_to = service.map(|service| IssuedTo {
        client_id: &service.client.id,
        client_secret: service.client.secret.as_ref(),
        token_uri: service.endpoints.token(),
    });
    let folder = &config.auth_dir;
    let kept = tokens::keep(folder, login, issued_to.as_ref(), SystemTime::now());
    let kept = kept.map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    let what = match kept.is_new {
        true => "Wrote",
        false => "Renewed",
    };
    let who = login.email.as_deref().map_or_else(String::new, |email| {
        let shown = email.chars().filter(|c| !c.is_control());
        format!(" ({})", shown.collect::<String>())
    });
    Ok(format!("{what} {}{who}\n", kept.path.display()))
}

/// Has signals end the process with the terminal as it was.
fn end_on_signals() {
    let before = tcgetattr(io::stdin()).ok();
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            if let Some(before) = &before {
                let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
            }
            complain("\nholdfast: interrupted");
            std::process::exit(INTERRUPTED);
        }
    });
}
