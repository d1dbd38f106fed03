//! `holdfast credentials` and `holdfast refresh`: the credentials of the configuration and of auth-dir.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::environment::Environment;
use super::login::configuration;
use super::output::{complain, print};
use super::{exit, load};
use crate::config::Config;
use crate::credential;
use crate::credential::file::{CredentialFile, FileKind};
use crate::exchange::Waiter;
use crate::gateway::saved_cooldowns;
use crate::provider::{Settings, Upstream, Variables};
use crate::routing::SavedCooldown;
use crate::tokens::{FileState, Folder, Followed, TokenStore};
use crate::{state_folder, time};

/// How long a renewal may take that is under way: for the lock and for the vendor.
const PATIENCE: Duration = Duration::from_secs(65);

/// A line of the list.
struct Row {
    /// The name of the file, or the id of a configured key.
    id: String,
    channel: String,
    account: String,
    plan: Option<String>,
    expiry: Option<SystemTime>,
    state: &'static str,
    /// Why it is not `ok`.
    detail: Option<String>,
    source: String,
    /// Of the last running gateway, if it saves them.
    cooldowns: Vec<SavedCooldown>,
}

/// `holdfast credentials`.
pub fn list(config: Option<PathBuf>, json: bool, environment: &Environment) -> ExitCode {
    let config = match configuration(config, environment) {
        Ok(config) => config,
        Err(message) => return failed(&message),
    };
    let (files, mut rows) = match read(&config, environment) {
        Ok(found) => found,
        Err(error) => {
            let folder = config.auth_dir.display();
            return failed(&format!("{folder}: cannot read the directory: {error}"));
        }
    };
    let store = store(&config, &files, environment);
    rows.extend(store.states(&files).into_iter().map(of_file));
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.extend(configured(&config, environment));
    add_cooldowns(&mut rows, &config, environment);
    print(&match json {
        true => as_json(&rows),
        false => as_text(&rows, &config, SystemTime::now()),
    });
    ExitCode::SUCCESS
}

/// Adds the cooldowns that a gateway has saved and that are not over.
fn add_cooldowns(rows: &mut [Row], config: &Config, environment: &Environment) {
    let folder = state_folder::here(&environment.lookup());
    let Some(path) = saved_cooldowns::file(config, folder.as_deref()) else {
        return;
    };
    let saved = SavedCooldown::all(&fs::read(path).unwrap_or_default());
    for cooldown in saved {
        // The projects of one file are credentials of their own.
        let id = cooldown.credential.split("::").next().unwrap_or_default();
        let row = rows
            .iter_mut()
            .find(|row| row.id == cooldown.credential || row.id == id);
        if let Some(row) = row.filter(|_| cooldown.until > time::unix_now()) {
            row.cooldowns.push(cooldown);
        }
    }
}

/// `holdfast refresh`.
pub fn refresh(config: Option<PathBuf>, name: &str, environment: &Environment) -> ExitCode {
    let done = || -> Result<String, String> {
        let config = configuration(config, environment)?;
        // A path into the directory is as good as a name.
        let name = match Path::new(name).strip_prefix(&config.auth_dir) {
            Ok(rest) => rest.to_string_lossy().into_owned(),
            Err(_) => name.to_owned(),
        };
        let (files, _) = read(&config, environment).map_err(|error| error.to_string())?;
        let is_there = files.iter().any(|file| *file.name == *name);
        if !is_there {
            let folder = config.auth_dir.display();
            return Err(format!("{folder} has no credential file {name}"));
        }
        let store = store(&config, &files, environment);
        let renewed = store.renew(&name, &Waiter::alone());
        // Tokens that come late must reach the file, too.
        store.stop(PATIENCE);
        renewed.map_err(|failure| format!("{name}: {}", failure.message))?;
        let (files, _) = read(&config, environment).map_err(|error| error.to_string())?;
        let file = files.iter().find(|file| *file.name == *name);
        let expiry = file.and_then(|file| file.tokens.expiry).map(moment);
        Ok(match expiry {
            Some(expiry) => format!("Renewed {name}; it expires at {expiry}\n"),
            None => format!("Renewed {name}\n"),
        })
    };
    match done() {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> ExitCode {
    complain(format_args!("holdfast: {message}"));
    ExitCode::from(exit::INPUT)
}

fn store(config: &Config, files: &[CredentialFile], environment: &Environment) -> Arc<TokenStore> {
    let upstream = Upstream::new(Settings {
        variables: Variables::new(environment.lookup()),
        ..Settings::default()
    });
    upstream.trust(config.ca_file.as_deref());
    let store = Arc::new(TokenStore::new(Arc::new(upstream), config));
    store.apply(files, &HashSet::new(), &HashMap::new());
    store
}

/// The credential files of the directory and those of vendors' programs, and rows for files that are none.
fn read(
    config: &Config,
    environment: &Environment,
) -> std::io::Result<(Vec<CredentialFile>, Vec<Row>)> {
    match fs::read_dir(&config.auth_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut folder = Folder::quiet();
    folder.look(&config.auth_dir, SystemTime::now());
    let mut followed = Followed::quiet();
    followed.look(&config.followed, &environment.lookup());
    let mut files = folder.files();
    let is_read = |name: &str| files.iter().any(|file| &*file.name == name);
    let row = |id: String, why: &str, source: String| Row {
        id,
        channel: String::new(),
        account: String::new(),
        plan: None,
        expiry: None,
        state: "unreadable",
        detail: Some(why.to_owned()),
        source,
        cooldowns: Vec::new(),
    };
    let mut rows: Vec<Row> = folder
        .problems()
        .filter(|(name, _)| !is_read(name))
        .map(|(name, why)| {
            let path = config.auth_dir.join(name);
            row(name.to_owned(), why, path.display().to_string())
        })
        .collect();
    rows.extend(
        followed
            .problems()
            .map(|(program, why)| row(format!("cli:{program}"), why, "cli-credentials".to_owned())),
    );
    files.extend(followed.files().cloned());
    Ok((files, rows))
}

fn of_file(state: FileState) -> Row {
    let channel = match &state.kind {
        FileKind::Known(channel) => channel.name().to_owned(),
        FileKind::Other(kind) => kind.clone(),
    };
    let name = state.condition.name();
    let detail = state.condition.to_string();
    Row {
        source: state.path.display().to_string(),
        id: state.name.to_string(),
        channel,
        account: state.email.unwrap_or(state.label),
        plan: state.plan,
        expiry: state.expiry,
        state: name,
        detail: (detail != name).then_some(detail),
        cooldowns: Vec::new(),
    }
}

fn configured(config: &Config, environment: &Environment) -> Vec<Row> {
    let (credentials, _) = credential::with_listings(config, &load::listings(environment));
    let row = |credential: &credential::Credential| Row {
        id: credential.id.clone(),
        channel: credential.provider.key().to_owned(),
        account: credential.account(),
        plan: None,
        expiry: None,
        state: "ok",
        detail: None,
        source: credential.section().into_owned(),
        cooldowns: Vec::new(),
    };
    let keys = credentials.iter().filter(|one| one.account.is_none());
    keys.map(row).collect()
}

fn as_json(rows: &[Row]) -> String {
    let row = |row: &Row| {
        json!({
            "id": row.id,
            "channel": row.channel,
            "account": row.account,
            "plan": row.plan,
            "expiry": row.expiry.map(moment),
            "state": row.state,
            "detail": row.detail,
            "source": row.source,
            "cooldowns": row.cooldowns,
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    format!("{:#}\n", Value::Array(rows))
}

fn as_text(rows: &[Row], config: &Config, now: SystemTime) -> String {
    if rows.is_empty() {
        return format!(
            "No credentials: the configuration has no keys, and {} no credential files.\nSign in with `holdfast \
             login`, or copy the login of another program with `holdfast import`.\n",
            config.auth_dir.display()
        );
    }
    let shown = |text: &str| match text {
        "" => "-".to_owned(),
        // Files may have anything.
        text => text.chars().filter(|c| !c.is_control()).collect(),
    };
    let head = [
        "ID", "CHANNEL", "ACCOUNT", "PLAN", "EXPIRY", "COOLDOWN", "STATE",
    ];
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows.iter().map(|row| {
        let expiry = row.expiry.map(|expiry| left(expiry, now));
        let state = match &row.detail {
            Some(detail) => format!("{}: {}", row.state, shown(detail)),
            None => row.state.to_owned(),
        };
        [
            shown(&row.id),
            shown(&row.channel),
            shown(&row.account),
            shown(row.plan.as_deref().unwrap_or_default()),
            shown(&expiry.unwrap_or_default()),
            shown(&cooldown(&row.cooldowns, now)),
            state,
        ]
    }));
    let mut text = String::new();
    for line in &table {
        let mut out = String::new();
        for (column, cell) in line.iter().enumerate() {
            let widths = table.iter().filter_map(|line| line.get(column));
            let width = widths.map(|cell| cell.chars().count()).max().unwrap_or(0);
            // Writing into memory does not fail.
            let _ = write!(out, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", out.trim_end());
    }
    let note = match config.save_cooldowns {
        true => "cooldowns are those that a gateway has saved",
        false => "cooldowns are shown with save-cooldown-status",
    };
    text + &format!("\nStates are those of the files; {note}.\n")
}

/// The cooldown that ends last: its reason and its end, and of how many models there are cooldowns.
fn cooldown(cooldowns: &[SavedCooldown], now: SystemTime) -> String {
    let Some(last) = cooldowns.iter().max_by_key(|cooldown| cooldown.until) else {
        return String::new();
    };
    let end = left(UNIX_EPOCH + Duration::from_secs(last.until), now);
    let models = match (&last.model, cooldowns.len()) {
        (None, _) => String::new(),
        (Some(model), 1) => format!(" ({model})"),
        (Some(_), count) => format!(" ({count} models)"),
    };
    format!("{}, {end}{models}", last.class)
}

/// How far away a moment is, in the largest unit.
fn left(expiry: SystemTime, now: SystemTime) -> String {
    let (duration, is_over) = match expiry.duration_since(now) {
        Ok(left) => (left, false),
        Err(error) => (error.duration(), true),
    };
    let seconds = duration.as_secs();
    let amount = match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    match is_over {
        true => format!("{amount} ago"),
        false => format!("in {amount}"),
    }
}

fn moment(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    time::unix_to_rfc3339(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn expiries_are_told_in_the_largest_unit() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, expected) in [
            (5, "in 5 s"),
            (600, "in 10 min"),
            (7200, "in 2 h"),
            (864_000, "in 10 d"),
        ] {
            assert_eq!(left(now + Duration::from_secs(seconds), now), expected);
        }
        assert_eq!(left(now - Duration::from_secs(60), now), "60 s ago");
    }
}
