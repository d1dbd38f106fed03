//! Compiled rules.

use super::path::Path;
use crate::glob::Glob;

/// All rules of a configuration, in the order in which they are applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub section: Section,
    /// Counted from 1 within its section, as the file has it.
    pub number: usize,
    /// It applies where one of these does.
    pub rows: Vec<Row>,
    pub edits: Vec<Edit>,
}

/// The sections in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Default,
    DefaultRaw,
    Override,
    OverrideRaw,
    Filter,
}

/// One row of a rule's `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: Glob,
    /// Of the upstream; `None` for all.
    pub protocol: Option<Protocol>,
    /// Of the client; `None` for all.
    pub from: Option<Protocol>,
    /// Headers of the client, and what the value of each must look like.
    pub headers: Vec<(String, Glob)>,
    pub conditions: Vec<Condition>,
}

/// What must be true of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The value, as JSON, is there.
    Is(Path, Box<str>),
    IsNot(Path, Box<str>),
    /// There is something other than `null`.
    Exists(Path),
    Lacks(Path),
}

/// One param of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub path: Path,
    /// JSON; empty where there is only a path.
    pub value: Box<str>,
}

/// What rules call the wire formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    OpenAi,
    OpenAiResponse,
    Gemini,
    Claude,
    Codex,
    /// No upstream of ours speaks it, but files name it.
    Antigravity,
}

/// What there is to know of a request before its body is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model's names: the upstream's, and the client's with its prefix, without its suffix and with it.
    pub names: &'a [&'a str],
    /// Of the upstream.
    pub protocol: Protocol,
    /// Of the client.
    pub from: Protocol,
    /// Of the client, names in any case.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Rules {
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| rule.section);
        Self(rules)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rules that a model of these names meets at an upstream of that protocol, as far as names tell.
    /// Whether a rule also asks something of the request says [`Rule::is_conditional`].
    pub fn matching<'r>(
        &'r self,
        names: &[&str],
        protocol: Protocol,
    ) -> impl Iterator<Item = &'r Rule> {
        let matches = move |rule: &&Rule| rule.rows.iter().any(|row| row.serves(names, protocol));
        self.0.iter().filter(matches)
    }

    /// The rules that meet none of `models`, each with its names and the protocols it is asked for in, and none of
    /// what may be asked for beside them, patterns of names with their protocols. A name stands for itself with any
    /// suffix too.
    pub fn unmatched(
        &self,
        models: &[(Vec<&str>, Vec<Protocol>)],
        beside: &[(Glob, Vec<Protocol>)],
    ) -> Vec<&Rule> {
        let mut left: Vec<&Rule> = self.0.iter().collect();
        left.retain(|rule| {
            !rule.rows.iter().any(|row| {
                beside.iter().any(|(names, protocols)| {
                    row.protocol.is_none_or(|one| protocols.contains(&one))
                        && row.name.overlaps(names)
                })
            })
        });
        for (names, protocols) in models {
            if left.is_empty() {
                break;
            }
            let suffixed: Vec<Glob> = names
                .iter()
                .map(|name| Glob::of_name(&format!("{name}(*)")))
                .collect();
            left.retain(|rule| {
                !rule.rows.iter().any(|row| {
                    row.protocol.is_none_or(|one| protocols.contains(&one))
                        && (names.iter().any(|name| row.name.matches(name))
                            || suffixed.iter().any(|name| row.name.overlaps(name)))
                })
            });
        }
        left
    }
}

impl Rule {
    /// Whether it asks more of a request than the model and the upstream.
    pub fn is_conditional(&self) -> bool {
        self.rows.iter().all(Row::is_conditional)
    }

    /// What it changes, as written.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().map(|edit| edit.path.source())
    }
}

impl Row {
    fn serves(&self, names: &[&str], protocol: Protocol) -> bool {
        self.protocol.is_none_or(|wanted| wanted == protocol)
            && names.iter().any(|name| self.name.matches(name))
    }

    fn is_conditional(&self) -> bool {
        self.from.is_some() || !self.headers.is_empty() || !self.conditions.is_empty()
    }

    /// Whether it concerns a request, as far as is known before the body.
    pub(super) fn concerns(&self, request: &Request<'_>) -> bool {
        let has = |(name, value): &(String, Glob)| {
            let mut sent = request.headers.iter();
            sent.any(|(other, sent)| other.eq_ignore_ascii_case(name) && value.matches(sent))
        };
        self.serves(request.names, request.protocol)
            && self.from.is_none_or(|from| from == request.from)
            && self.headers.iter().all(has)
    }
}

impl Section {
    pub const ALL: [Self; 5] = [
        Self::Default,
        Self::DefaultRaw,
        Self::Override,
        Self::OverrideRaw,
        Self::Filter,
    ];

    /// Its key in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::DefaultRaw => "default-raw",
            Self::Override => "override",
            Self::OverrideRaw => "override-raw",
            Self::Filter => "filter",
        }
    }

    pub fn is_default(self) -> bool {
        matches!(self, Self::Default | Self::DefaultRaw)
    }

    pub fn is_override(self) -> bool {
        matches!(self, Self::Override | Self::OverrideRaw)
    }

    /// Whether its values are JSON in strings.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::DefaultRaw | Self::OverrideRaw)
    }
}

impl Protocol {
    const ALL: [Self; 6] = [
        Self::OpenAi,
        Self::OpenAiResponse,
        Self::Gemini,
        Self::Claude,
        Self::Codex,
        Self::Antigravity,
    ];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponse => "openai-response",
            Self::Gemini => "gemini",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Antigravity => "antigravity",
        }
    }

    /// By its name in any case. Later files also say `responses`.
    pub fn of_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("responses") {
            return Some(Self::OpenAiResponse);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}
