//! `cli-credentials`: logins of the vendors' own programs.

use super::credentials::{prefix, proxy};
use crate::config::reader::Field;
use crate::config::settings::{FollowedLogin, VENDOR_PROGRAMS};
use crate::config::url::ProxySetting;
use crate::config::word::one_of;

/// Each entry is the name of a program, or a mapping with `cli`.
pub fn read(field: &Field<'_>) -> Vec<FollowedLogin> {
    let mut logins: Vec<FollowedLogin> = Vec::new();
    for item in field.items() {
        let Some(login) = login(&item) else { continue };
        let is_same =
            |other: &FollowedLogin| other.program == login.program && other.path == login.path;
        if logins.iter().any(is_same) {
            item.warn("is the same login as an earlier entry: skipped");
            continue;
        }
        logins.push(login);
    }
    logins
}

fn login(item: &Field<'_>) -> Option<FollowedLogin> {
    let bare = item.is_scalar().then(|| item.filled()).flatten();
    if let Some(name) = bare {
        return Some(FollowedLogin {
            place: item.place.clone(),
            program: program(item, &name)?,
            path: None,
            prefix: None,
            priority: 0,
            proxy: ProxySetting::default(),
            excluded_models: Vec::new(),
            note: None,
        });
    }
    let row = item.mapping();
    let cli = row.field("cli");
    let program = program(&cli, &cli.filled().unwrap_or_default());
    let excluded = row.field("excluded-models").texts();
    let (path, prefix, proxy) = (row.given("path"), prefix(&row), proxy(&row));
    let (priority, note) = (row.get("priority"), row.field("note").filled());
    // All problems of an entry show at once.
    Some(FollowedLogin {
        place: item.place.clone(),
        program: program?,
        path,
        prefix,
        priority,
        proxy: proxy?,
        excluded_models: excluded.iter().map(|text| text.to_lowercase()).collect(),
        note,
    })
}

fn program(field: &Field<'_>, name: &str) -> Option<&'static str> {
    let found = VENDOR_PROGRAMS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name.trim()));
    if found.is_none() {
        field.warn(format!("must be {}: skipped", one_of(&VENDOR_PROGRAMS)));
    }
    found
}
