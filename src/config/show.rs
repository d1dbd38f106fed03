//! Values as the effective view and the report of changes show them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::Secret;
use super::url::ProxySetting;
use super::word::Word;

/// A value as it may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// YAML.
    pub text: String,
    /// The secrets whose masks the text has.
    pub secrets: Vec<Secret>,
}

/// A value that can be shown.
pub trait Show {
    fn show(&self) -> Option<Shown>;
}

/// YAML that is shown as it is.
pub fn plain(text: impl ToString) -> Option<Shown> {
    Some(Shown {
        text: text.to_string(),
        secrets: Vec::new(),
    })
}

/// As JSON, which YAML understands.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Show for $type {
            fn show(&self) -> Option<Shown> {
                plain(self)
            }
        })*
    };
}
plain!(bool, u16, u32, i32, u64, usize, NonZeroUsize);

impl<W: Word> Show for W {
    fn show(&self) -> Option<Shown> {
        plain(self.name())
    }
}

impl Show for str {
    fn show(&self) -> Option<Shown> {
        plain(quoted(self))
    }
}

impl Show for String {
    fn show(&self) -> Option<Shown> {
        self.as_str().show()
    }
}

impl Show for Path {
    fn show(&self) -> Option<Shown> {
        plain(quoted(&self.display().to_string()))
    }
}

impl Show for PathBuf {
    fn show(&self) -> Option<Shown> {
        self.as_path().show()
    }
}

impl Show for Duration {
    fn show(&self) -> Option<Shown> {
        plain(match self.subsec_nanos() {
            0 => format!("{}s", self.as_secs()),
            nanos if nanos % 1_000_000 == 0 => format!("{}ms", self.as_millis()),
            _ => format!("{}ns", self.as_nanos()),
        })
    }
}

impl<T: Show> Show for Option<T> {
    /// What is absent is null.
    fn show(&self) -> Option<Shown> {
        match self {
            Some(value) => value.show(),
            None => plain("~"),
        }
    }
}

impl Show for Secret {
    fn show(&self) -> Option<Shown> {
        Some(Shown {
            text: quoted(&self.masked()),
            secrets: vec![self.clone()],
        })
    }
}

impl Show for [Secret] {
    fn show(&self) -> Option<Shown> {
        let masked: Vec<String> = self.iter().map(|secret| quoted(&secret.masked())).collect();
        Some(Shown {
            text: format!("[{}]", masked.join(", ")),
            secrets: self.to_vec(),
        })
    }
}

impl Show for [String] {
    fn show(&self) -> Option<Shown> {
        let texts: Vec<String> = self.iter().map(|text| quoted(text)).collect();
        plain(format!("[{}]", texts.join(", ")))
    }
}

impl Show for ProxySetting {
    fn show(&self) -> Option<Shown> {
        match self {
            Self::Inherit => plain("~"),
            Self::Direct => plain("direct"),
            Self::Url(url) => Some(Shown {
                text: quoted(&url.to_string()),
                secrets: vec![Secret::new(url.reveal())],
            }),
        }
    }
}
