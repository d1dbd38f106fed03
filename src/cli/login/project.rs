//! The Google Cloud projects of a login: chosen by the user or by Google, and set up.

use std::thread;
use std::time::Duration;

use super::callback::{Event, Events};
use super::terminal::Terminal;
use crate::cli::prompt;
use crate::credential::{Channel, Login};
use crate::provider::code_assist::Account;
use crate::provider::oauth::{self, Service};

/// All projects of the account.
const ALL: &str = "ALL";

/// Chooses and sets up the projects of `login`. What fails is told, and the gateway tries again; the login stays.
pub fn set_up(
    service: &Service<'_>,
    login: &mut Login,
    wanted: Option<&str>,
    events: &mut Events,
    terminal: &mut Terminal,
) -> Result<(), String> {
    let chosen = match wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => {
            let listed = match wanted == ALL {
                true => oauth::projects(service, &login.access).map_err(|why| why.to_string())?,
                false => Vec::new(),
            };
            choice(wanted, &listed)
        }
        None if login.channel == Channel::GeminiCli && prompt::is_possible() => {
            ask(service, login, events, terminal)
        }
        None => Vec::new(),
    };
    let is_all = wanted == Some(ALL);
    if is_all && chosen.is_empty() {
        return Err("the account has no projects".to_owned());
    }
    let base_url = service.endpoints.moved().unwrap_or_default();
    let account = Account {
        base_url: &base_url,
        token: &login.access,
        proxy: service.proxy,
        pause: &|time: Duration| {
            thread::sleep(time);
            true
        },
    };
    let mut projects: Vec<String> = Vec::new();
    let each: Vec<Option<&str>> = match chosen.is_empty() {
        true => vec![None],
        false => chosen.iter().map(|one| Some(one.as_str())).collect(),
    };
    for wanted in each {
        terminal.say(&match wanted {
            Some(project) => format!("Setting up project {project}."),
            None => "Asking Google for the project of the account.".to_owned(),
        });
        let set_up = service.upstream.project(account, wanted);
        let project = match set_up {
            Ok(setup) => {
                if let Some(wanted) = setup.wanted {
                    terminal.say(&format!(
                        "Google gives this account the project {} instead of {wanted}.",
                        setup.project
                    ));
                }
                let enabled = match login.channel {
                    Channel::GeminiCli => service.upstream.enable_api(account, &setup.project),
                    _ => Ok(false),
                };
                if let Err(failure) = enabled {
                    terminal.say(&format!(
                        "Warning: the API of project {} may not be enabled: {}",
                        setup.project, failure.message
                    ));
                }
                Some(setup.project)
            }
            Err(failure) => {
                terminal.say(&format!(
                    "Warning: the project could not be set up: {}",
                    failure.message
                ));
                // The operator may know better.
                wanted.filter(|_| !is_all).map(str::to_owned)
            }
        };
        projects.extend(project.filter(|project| !projects.contains(project)));
    }
    login.projects = projects;
    Ok(())
}

fn ask(
    service: &Service<'_>,
    login: &Login,
    events: &mut Events,
    terminal: &mut Terminal,
) -> Vec<String> {
    let listed = oauth::projects(service, &login.access).unwrap_or_default();
    for (number, project) in (1..).zip(&listed) {
        terminal.say(&format!("  {number:3}  {project}"));
    }
    terminal.ask(
        "Google Cloud project (number, id, several with commas, ALL; nothing: Google chooses):",
    );
    events.read_lines();
    loop {
        match events.from.recv() {
            Ok(Event::Line(Some(line))) => return choice(&line, &listed),
            Ok(Event::Browser(_)) => {}
            Ok(Event::Line(None)) | Err(_) => return Vec::new(),
        }
    }
}

/// The projects that an answer names.
fn choice(answer: &str, listed: &[String]) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    for word in answer.split([',', ' ']).map(str::trim) {
        let number = word.parse::<usize>().ok();
        let by_number = number.and_then(|number| listed.get(number.checked_sub(1)?));
        let named = match (word, by_number) {
            ("", _) => continue,
            (ALL, _) => listed.to_vec(),
            (_, Some(project)) => vec![project.clone()],
            (id, None) => vec![id.to_owned()],
        };
        for project in named {
            if !chosen.contains(&project) {
                chosen.push(project);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_chosen_by_number_and_id() {
        let listed = ["a".to_owned(), "b".to_owned()];
        for (answer, expected) in [
            ("", &[][..]),
            ("2", &["b"]),
            ("b, 1", &["b", "a"]),
            ("ALL", &["a", "b"]),
            ("other,1,1", &["other", "a"]),
            ("0", &["0"]),
            ("3", &["3"]),
        ] {
            assert_eq!(choice(answer, &listed), expected, "{answer}");
        }
    }
}
