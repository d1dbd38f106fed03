//! Environment variables: those of the process, then those of `.env` in the working directory.
//!
//! They are kept in a value instead of being set in the process, because changing the process's environment is
//! unsafe once there are threads.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::dotenv::{self, Variables};
use crate::config::{Place, Problem, Severity};

/// Largest `.env` that is read, in bytes.
const FILE_BYTES: usize = 64 << 10;

/// A variable that holdfast reads.
pub struct Variable {
    pub name: &'static str,
    pub help: &'static str,
    /// Whether the lower-case name works too, as curl reads proxy variables.
    pub lower: bool,
    /// Whether it is implemented. If not, the manual omits it and the log warns.
    pub works: bool,
}

pub const VARIABLES: &[Variable] = &[
    variable(
        "HOLDFAST_CONFIG",
        "the configuration file, unless --config is given",
    ),
    variable(
        "DEPLOY",
        "if cloud, wait for a configuration that is missing, empty or invalid instead of exiting",
    )
    .exact(),
    variable("WRITABLE_PATH", "the folder for logs and state"),
    variable(
        "LOGS_DIRECTORY",
        "the folder of logs, unless WRITABLE_PATH is set or the configuration's folder has a logs folder",
    )
    .exact(),
    variable("HTTP_PROXY", "the proxy for http upstreams"),
    variable("HTTPS_PROXY", "the proxy for https upstreams"),
    variable(
        "ALL_PROXY",
        "the proxy for upstreams without a proxy variable of their own",
    ),
    variable("NO_PROXY", "hosts to connect to without a proxy"),
    variable("SSL_CERT_FILE", "a PEM file of additional trusted certificate authorities"),
    variable("SSL_CERT_DIR", "a folder of such files"),
    variable("MANAGEMENT_PASSWORD", "a second management key")
        .exact()
        .not_yet(),
    variable(
        "MANAGEMENT_STATIC_PATH",
        "the folder or file of the control panel",
    )
    .exact()
    .not_yet(),
    variable(
        "AMP_API_KEY",
        "the key of the Amp upstream, unless the configuration has one",
    )
    .exact()
    .not_yet(),
];

/// Variables that select a remote store for configuration and credentials. No such store is implemented, and
/// ignoring the variable would run the gateway with the wrong configuration, so startup fails.
const STORES: &[&str] = &[
    "PGSTORE_DSN",
    "PGSTORE_SCHEMA",
    "PGSTORE_LOCAL_PATH",
    "OBJECTSTORE_ENDPOINT",
    "OBJECTSTORE_ACCESS_KEY",
    "OBJECTSTORE_SECRET_KEY",
    "OBJECTSTORE_BUCKET",
    "OBJECTSTORE_LOCAL_PATH",
    "GITSTORE_GIT_URL",
    "GITSTORE_GIT_USERNAME",
    "GITSTORE_GIT_TOKEN",
    "GITSTORE_GIT_BRANCH",
    "GITSTORE_LOCAL_PATH",
];

const fn variable(name: &'static str, help: &'static str) -> Variable {
    Variable {
        name,
        help,
        lower: true,
        works: true,
    }
}

impl Variable {
    const fn exact(mut self) -> Self {
        self.lower = false;
        self
    }

    const fn not_yet(mut self) -> Self {
        self.works = false;
        self
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Environment {
    real: fn(&str) -> Option<OsString>,
    file: Arc<Variables>,
}

impl Environment {
    /// The environment of the process and `.env` in the working directory, with warnings about that file.
    pub fn read() -> (Self, Vec<String>) {
        Self::of(|name| std::env::var_os(name), Path::new(".env"))
    }

    fn of(real: fn(&str) -> Option<OsString>, path: &Path) -> (Self, Vec<String>) {
        let (file, warnings) = match text(path) {
            Ok(text) => {
                let outside = |name: &str| real(name)?.into_string().ok();
                let (file, faults) = dotenv::parse(&text, outside);
                (file, faults.iter().map(ToString::to_string).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
            Err(error) => {
                let warning = format!(".env: cannot be read: {error}");
                (Variables::new(), vec![warning])
            }
        };
        let file = Arc::new(file);
        (Self { real, file }, warnings)
    }

    /// The value of a variable, trimmed; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<String> {
        let lower = has_lower(name).then(|| name.to_ascii_lowercase());
        let names = [Some(name), lower.as_deref()];
        let names = names.iter().flatten();
        let real: Vec<OsString> = names.clone().filter_map(|name| (self.real)(name)).collect();
        // A variable that is set, even if empty, overrides the one in the file.
        if !real.is_empty() {
            return real.iter().find_map(|value| filled(value.to_str()?));
        }
        names
            .filter_map(|name| self.file.get(*name))
            .find_map(|value| filled(value))
    }

    /// [`get`](Self::get) as a function.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static {
        let environment = self.clone();
        move |name| environment.get(name)
    }

    /// Whether to wait for a usable configuration instead of exiting.
    pub fn waits_for_configuration(&self) -> bool {
        self.get("DEPLOY")
            .is_some_and(|value| value.eq_ignore_ascii_case("cloud"))
    }

    /// Variables that are set but not implemented.
    pub fn idle(&self) -> impl Iterator<Item = &'static str> {
        let idle = VARIABLES.iter().filter(|variable| !variable.works);
        idle.map(|variable| variable.name)
            .filter(|name| self.get(name).is_some())
    }

    /// Variables that must not be ignored and are not implemented.
    pub fn problems(&self) -> Vec<Problem> {
        let file = Arc::from("environment");
        let set = STORES.iter().filter(|name| self.get(name).is_some());
        set.map(|name| {
            let place = Place {
                path: (*name).to_owned(),
                ..Place::default()
            };
            let message = "is set, but remote stores are not implemented".to_owned();
            Problem::new(&file, &place, Severity::Error, message)
        })
        .collect()
    }
}

fn has_lower(name: &str) -> bool {
    let known = VARIABLES.iter().find(|variable| variable.name == name);
    known.map_or(STORES.contains(&name), |variable| variable.lower)
}

fn filled(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    if bytes.len() > FILE_BYTES {
        return Err(io::Error::other("the file is larger than 64 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(name: &str) -> Option<OsString> {
        let value = match name {
            "HTTP_PROXY" => " http://real ",
            "no_proxy" => "lower",
            "SSL_CERT_DIR" => "",
            "deploy" => "cloud",
            "GITSTORE_GIT_URL" => "u",
            _ => return None,
        };
        Some(value.into())
    }

    fn environment(file: &str) -> Environment {
        Environment {
            real,
            file: Arc::new(dotenv::parse(file, |_| None).0),
        }
    }

    #[test]
    fn the_real_environment_counts_first() {
        let environment = environment(
            "HTTP_PROXY=file\nNO_PROXY=file\nSSL_CERT_DIR=file\nSSL_CERT_FILE=file\nssl_cert_file=x\nother=1\nwritable_path=/w",
        );
        let lookup = environment.lookup();
        for (name, expected) in [
            ("HTTP_PROXY", Some("http://real")),
            ("NO_PROXY", Some("lower")),
            ("SSL_CERT_DIR", None),
            ("SSL_CERT_FILE", Some("file")),
            ("WRITABLE_PATH", Some("/w")),
            ("OTHER", None),
            ("other", Some("1")),
            ("DEPLOY", None),
            ("HTTPS_PROXY", None),
        ] {
            assert_eq!(lookup(name).as_deref(), expected, "{name}");
        }
        assert!(!environment.waits_for_configuration());
    }

    #[test]
    fn stores_are_named() {
        let environment = environment("pgstore_dsn=postgres://secret");
        let told: Vec<String> = environment
            .problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "environment error PGSTORE_DSN is set, but remote stores are not implemented",
                "environment error GITSTORE_GIT_URL is set, but remote stores are not implemented",
            ]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_warning() {
        assert_eq!(Environment::of(real, Path::new("/no/such/file")).1, [""; 0]);
        let (_, warnings) = Environment::of(real, Path::new("/"));
        assert!(
            warnings[0].starts_with(".env: cannot be read: "),
            "{warnings:?}"
        );
    }
}
