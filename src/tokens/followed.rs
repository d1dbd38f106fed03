//! The logins of the vendors' own programs (`cli-credentials`), where the programs keep them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest::{SHA256, digest};

use super::content::content;
use super::folder::Look;
use super::stamp::Stamp;
use crate::config::FollowedLogin;
use crate::credential::VendorProgram;
use crate::credential::file::{self, CredentialFile};

/// The logins as last seen, in the order of the configuration.
#[derive(Default)]
pub struct Followed {
    entries: Vec<Entry>,
    /// Whether nothing is logged.
    is_quiet: bool,
}

struct Entry {
    login: FollowedLogin,
    stamp: Option<Stamp>,
    file: Option<CredentialFile>,
    /// The problem that was told last.
    told: Option<String>,
}

impl Followed {
    /// Logins whose problems are not logged.
    pub fn quiet() -> Self {
        Self {
            is_quiet: true,
            ..Self::default()
        }
    }

    /// Programs without a login that can be read, and why.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.iter();
        entries.filter_map(|entry| Some((entry.login.program, entry.told.as_deref()?)))
    }

    /// The logins that there are.
    pub fn files(&self) -> impl Iterator<Item = &CredentialFile> {
        self.entries.iter().filter_map(|entry| entry.file.as_ref())
    }

    /// Has the next look read a login, although its file is the same.
    pub fn read_again(&mut self, name: &str) {
        let is_named = |file: &CredentialFile| &*file.name == name;
        for entry in &mut self.entries {
            if entry.file.as_ref().is_some_and(is_named) {
                entry.stamp = None;
            }
        }
    }

    /// Looks at the files of `logins`, and reads those that have changed.
    pub fn look(
        &mut self,
        logins: &[FollowedLogin],
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Look {
        let mut look = Look::default();
        if !self.entries.iter().map(|entry| &entry.login).eq(logins) {
            look.has_other_settings = true;
            let entry = |login: &FollowedLogin| Entry {
                login: login.clone(),
                stamp: None,
                file: None,
                told: None,
            };
            self.entries = logins.iter().map(entry).collect();
        }
        for entry in &mut self.entries {
            let told = entry.told.clone();
            let before = entry.file.clone();
            if entry.look(variables) {
                look.has_other_settings |= match (&before, &entry.file) {
                    (Some(before), Some(file)) => !before.is_same_but_for_tokens(file),
                    (before, file) => before.is_some() != file.is_some(),
                };
                let name = entry.file.as_ref().map(|file| file.name.to_string());
                look.read.extend(name);
            }
            if let Some(problem) = entry.told.as_ref().filter(|_| entry.told != told)
                && !self.is_quiet
            {
                log::warn!("auth: cli-credentials: {}: {problem}", entry.login.program);
            }
        }
        look
    }
}

impl Entry {
    /// Whether its file was read, or is gone.
    fn look(&mut self, variables: &dyn Fn(&str) -> Option<String>) -> bool {
        let Some(program) = VendorProgram::named(self.login.program) else {
            return false;
        };
        let places = match &self.login.path {
            Some(path) => vec![path.clone()],
            None => program.places(variables),
        };
        let there = places.iter().find_map(|path| {
            let metadata = fs::metadata(path).ok()?;
            metadata.is_file().then(|| (path, Stamp::of(&metadata)))
        });
        let Some((path, stamp)) = there else {
            let place = places.first().map(|path| path.display().to_string());
            let place = place.unwrap_or_else(|| "its usual place".to_owned());
            self.told = Some(format!(
                "{place} does not exist: the program is signed out, or keeps its login elsewhere"
            ));
            self.stamp = None;
            return self.file.take().is_some();
        };
        if self.stamp == Some(stamp) {
            return false;
        }
        self.stamp = Some(stamp);
        match self.read(program, path, variables) {
            Ok(file) => {
                self.told = None;
                self.file = Some(file);
                true
            }
            // The program may be about to write it.
            Err(why) => {
                self.stamp = None;
                self.told = Some(format!("{}: {why}", path.display()));
                false
            }
        }
    }

    fn read(
        &self,
        program: VendorProgram,
        path: &Path,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<CredentialFile, String> {
        let content = content(path).map_err(|error| format!("cannot be read: {error}"))?;
        let beside = |name: &str| fs::read_to_string(path.parent()?.join(name)).ok();
        let login = program
            .read(&content, &beside)
            .map_err(|why| why.to_string())?;
        let document = login.document(None, SystemTime::now()).to_string();
        let name = match &self.login.path {
            None => format!("cli:{}", program.name()),
            Some(path) => format!("cli:{}:{}", program.name(), short_digest(path)),
        };
        let mut file = file::read(&name, document.as_bytes()).map_err(|why| why.to_string())?;
        file.path = PathBuf::from(path);
        file.is_followed = true;
        match program {
            // Where the program takes its project from, too.
            VendorProgram::Gemini => {
                let project = variables("GOOGLE_CLOUD_PROJECT");
                file.settings.projects.extend(project);
            }
            // They are valid once: using one would sign the program out.
            _ => file.tokens.refresh = None,
        }
        // The document has the time of reading.
        file.tokens.last_refresh = None;
        let FollowedLogin {
            place: _,
            program: _,
            path: _,
            prefix,
            priority,
            proxy,
            excluded_models,
            note,
        } = self.login.clone();
        file.settings.prefix = prefix;
        file.settings.priority = priority;
        file.settings.proxy = proxy;
        file.settings.excluded_models = excluded_models;
        file.settings.note = note;
        Ok(file)
    }
}

/// The first eight hexadecimal digits of SHA-256.
fn short_digest(path: &Path) -> String {
    let digest = digest(&SHA256, path.as_os_str().as_encoded_bytes());
    let digits = digest.as_ref().iter().take(4);
    digits.map(|byte| format!("{byte:02x}")).collect()
}
