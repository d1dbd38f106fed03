//! `holdfast explain MODEL`: how a name is parsed, which credentials serve it, and which do not.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::config::{Config, Problem, Strategy};
use crate::credential::{Credential, Exclusion, UpstreamKind, vendor_of};
use crate::generation::payload_rules;
use crate::provider::Action;
use crate::routing::{Candidate, Catalog, ModelEntry};
use crate::similar;
use crate::wire::model_name::ModelName;

/// What the explanation is based on.
pub struct Known<'k> {
    pub config: &'k Config,
    pub catalog: &'k Catalog,
    pub exclusions: &'k [Exclusion],
    /// The problems of the credentials.
    pub problems: &'k [Problem],
}

/// The explanation, and whether a credential serves the model.
pub fn explain(asked: &str, known: &Known<'_>) -> (String, bool) {
    let mut text = String::new();
    let split = ModelName::split(asked);
    // As the server does it: an id may itself end in parentheses.
    let (base, suffix, found) = match find(known.catalog, split.base) {
        Some(found) => (split.base, split.suffix, Some(found)),
        None => match find(known.catalog, split.full) {
            Some(found) => (split.full, None, Some(found)),
            None => (split.base, split.suffix, None),
        },
    };
    let passed_on = match found {
        Some(_) => None,
        None => known.catalog.passed_on(base),
    };
    let found = match &passed_on {
        Some(entry) => Some((base, &**entry)),
        None => found,
    };
    row(&mut text, "asked", asked);
    if let Some(suffix) = suffix {
        row(&mut text, "model", base);
        row(&mut text, "thinking", suffix);
    }
    match found {
        Some((name, entry)) => {
            if name != base {
                row(&mut text, "offered as", name);
            }
            if passed_on.is_some() {
                row(&mut text, "listed", "no, but the vendor may serve it");
            }
            served(&mut text, name, suffix, entry, known);
        }
        None => unknown(&mut text, base, known),
    }
    let candidates = found.map_or(&[][..], |(_, entry)| entry.candidates());
    passed_over(&mut text, base, candidates, known);
    let rules = payload_rules(known.config, [asked, base], candidates);
    list(&mut text, "payload rules", rules);
    list(&mut text, "never used", idle(known));
    (text, found.is_some())
}

/// The `payload` rules that match the model, in their order.
fn payload_rules(config: &Config, asked: [&str; 2], candidates: &[Candidate]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for candidate in candidates {
        let kind = UpstreamKind::of(&candidate.credential.provider);
        let protocol = payload_rules::protocol(kind, Action::Generate);
        for upstream_model in candidate.upstream_models.iter() {
            let [asked, base] = asked;
            let names = [&*upstream_model.name, asked, base];
            for rule in config.payload.matching(&names, protocol) {
                let paths: Vec<&str> = rule.paths().collect();
                let (section, number) = (rule.section.name(), rule.number);
                let mut line = format!(
                    "{section} {number}: {} ({})",
                    paths.join(", "),
                    protocol.name()
                );
                if rule.is_conditional() {
                    line += ", if its conditions hold";
                }
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    lines
}

fn find<'c>(catalog: &'c Catalog, name: &str) -> Option<(&'c str, &'c ModelEntry)> {
    let entry = catalog.entry(name)?;
    catalog
        .entries()
        .find(|(_, other)| std::ptr::eq(*other, entry))
}

fn row(text: &mut String, title: &str, value: &str) {
    // Writing into memory does not fail.
    let _ = writeln!(text, "{title:<12}{value}");
}

fn list(text: &mut String, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "{title}");
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn served(
    text: &mut String,
    name: &str,
    suffix: Option<&str>,
    entry: &ModelEntry,
    known: &Known<'_>,
) {
    let candidates = entry.candidates();
    let is_weighted = known.config.routing.strategy == Strategy::WeightedRoundRobin;
    let title = format!(
        "served by {} of {} credentials, {}{}",
        candidates.len(),
        known.catalog.credentials().len(),
        match known.config.routing.strategy {
            Strategy::RoundRobin => "round-robin within the highest priority",
            Strategy::WeightedRoundRobin => "weighted round-robin within the highest priority",
            Strategy::FillFirst => "the first available one",
        },
        match known.config.routing.session_affinity {
            true => "; sessions stay",
            false => "",
        }
    );
    let lines = candidates.iter().map(|candidate| {
        let credential = &candidate.credential;
        let mut line = format!("{}  priority {}", candidate.id(), candidate.priority());
        if is_weighted {
            let _ = write!(line, "  weight {}", credential.weight);
        }
        let prefix = credential.prefix.as_deref();
        if let Some(prefix) = prefix.filter(|prefix| is_under(name, prefix)) {
            let _ = write!(line, "  with prefix {prefix}");
        }
        let names = upstream_names(candidate, suffix);
        let _ = match names.as_slice() {
            [one] => write!(line, "  as {one}"),
            pool => write!(
                line,
                "  as one of {}, round-robin: {}",
                pool.len(),
                pool.join(", ")
            ),
        };
        line
    });
    list(text, &title, lines);
}

fn is_under(name: &str, prefix: &str) -> bool {
    let rest = name.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// The names sent upstream. A thinking suffix in the configuration overrides the client's.
fn upstream_names(candidate: &Candidate, suffix: Option<&str>) -> Vec<String> {
    let upstream_models = candidate.upstream_models.iter();
    upstream_models
        .map(
            |upstream_model| match upstream_model.thinking.as_deref().or(suffix) {
                Some(thinking) => format!("{}({thinking})", upstream_model.name),
                None => upstream_model.name.to_string(),
            },
        )
        .collect()
}

fn unknown(text: &mut String, base: &str, known: &Known<'_>) {
    row(text, "served by", "no credential");
    if base == "auto" {
        row(
            text,
            "",
            "`auto` selects the newest model, and there is none",
        );
    }
    let behind: BTreeSet<&str> = known
        .catalog
        .credentials()
        .iter()
        .flat_map(|credential| credential.models.iter())
        .filter(|model| {
            model
                .upstream
                .iter()
                .any(|name| name.eq_ignore_ascii_case(base))
        })
        .map(|model| model.id.as_str())
        .collect();
    list(
        text,
        "offered under another name",
        behind.into_iter().map(str::to_owned),
    );
    let credentials = known.catalog.credentials();
    let missing =
        vendor_of(base).filter(|vendor| credentials.iter().all(|one| one.provider != *vendor));
    if let Some(vendor) = missing {
        row(
            text,
            "to serve it",
            &format!("add a key under {}", vendor.section()),
        );
    }
    let names = known.catalog.entries().map(|(name, _)| name);
    let near = similar::to(base, names);
    list(text, "did you mean", near.into_iter().map(str::to_owned));
}

fn passed_over(text: &mut String, base: &str, candidates: &[Candidate], known: &Known<'_>) {
    let mut others = 0;
    let mut lines = Vec::new();
    for credential in known.catalog.credentials() {
        let serves = |candidate: &Candidate| **candidate.id() == *credential.id;
        if candidates.iter().any(serves) {
            continue;
        }
        match reason(credential, base, known.exclusions) {
            Some(reason) => lines.push(format!("{}  {reason}", credential.id)),
            None => others += 1,
        }
    }
    match others {
        0 => {}
        1 => lines.push("1 credential that does not list it".to_owned()),
        _ => lines.push(format!("{others} credentials that do not list it")),
    }
    list(text, "not served by", lines);
}

/// Why a credential that has the model does not serve it.
fn reason(credential: &Credential, base: &str, exclusions: &[Exclusion]) -> Option<String> {
    let prefix = credential.prefix.as_deref();
    let bare = prefix.and_then(|prefix| base.strip_prefix(prefix)?.strip_prefix('/'));
    let is_asked = |id: &str| {
        [Some(base), bare]
            .into_iter()
            .flatten()
            .any(|name| name.eq_ignore_ascii_case(id))
    };
    let excluding = exclusions.iter().find(|exclusion| {
        exclusion.credential == credential.id && exclusion.hides.iter().any(|id| is_asked(id))
    });
    if let Some(exclusion) = excluding {
        let Exclusion { place, pattern, .. } = exclusion;
        return Some(format!("{}.excluded-models has '{pattern}'", place.path));
    }
    let model = credential.models.iter().find(|model| is_asked(&model.id))?;
    let prefix = prefix.filter(|_| credential.force_prefix)?;
    Some(format!("requires its prefix: {prefix}/{}", model.id))
}

/// Settings that can never have an effect.
fn idle(known: &Known<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let entries = known
        .exclusions
        .chunk_by(|a, b| a.credential == b.credential);
    for entry in entries {
        let Some(first) = entry.first() else { continue };
        let path = &first.place.path;
        let useless = entry.iter().filter(|exclusion| exclusion.hides.is_empty());
        let useless: Vec<&str> = useless.map(|exclusion| &*exclusion.pattern).collect();
        if !useless.is_empty() {
            let useless = useless.join(", ");
            lines.push(format!(
                "{path}.excluded-models: no model matches {useless}"
            ));
        }
        for exclusion in entry.iter().filter(|exclusion| exclusion.has_list) {
            let hidden = exclusion.hides.iter();
            lines.extend(hidden.map(|id| {
                format!(
                    "{path}.models: {id} is hidden by excluded-models {}",
                    exclusion.pattern
                )
            }));
        }
    }
    let problems = known.problems.iter();
    lines.extend(problems.map(|problem| format!("{}: {}", problem.path, problem.message)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::CredentialIds;
    use crate::{config, credential};

    const FILE: &str = "
force-model-prefix: true
routing: {session-affinity: true}
gemini-api-key:
  - {api-key: g1, excluded-models: ['*flash*', nothing-*, never], models: [{name: gemini-2.5-flash, alias: quick-flash}, {name: gemini-2.5-pro, alias: pro}]}
claude-api-key:
  - {api-key: c1, prefix: team, models: [{name: claude-x, alias: sonnet}]}
  - {api-key: c2, priority: 7, models: [{name: claude-x(low), alias: Sonnet}, {name: claude-y, alias: pro}]}
openai-compatibility:
  - name: pool
    base-url: http://h
    models: [{name: a, alias: mix}, {name: 'b(high)', alias: mix}, {name: 'odd(free)'}]
";

    fn told(asked: &str) -> (String, bool) {
        let config = config::load(FILE, "c.yaml").config.unwrap();
        let (credentials, problems) = credential::from_config(&config);
        let exclusions = credential::exclusions(&config, &Default::default());
        let catalog = Catalog::new(credentials, &CredentialIds::default());
        let (text, is_served) = explain(
            asked,
            &Known {
                config: &config,
                catalog: &catalog,
                exclusions: &exclusions,
                problems: &problems,
            },
        );
        let (before, never) = text.split_once("never used\n").unwrap();
        assert_eq!(
            never,
            "  gemini-api-key[0].excluded-models: no model matches nothing-*, never\n  \
             gemini-api-key[0].models: quick-flash is hidden by excluded-models *flash*\n"
        );
        // Remove the digest at the end of each id.
        let lines = before.lines().map(|line| {
            let line = line
                .split_once(':')
                .map_or(line.to_owned(), |(kind, rest)| {
                    let (_, after) = rest.split_once("  ").unwrap_or(("", rest));
                    format!("{kind}  {after}")
                });
            line + "\n"
        });
        (lines.collect(), is_served)
    }

    #[test]
    fn explanations() {
        for (asked, is_served, expected) in [
            (
                "SONNET(high)",
                true,
                "asked       SONNET(high)
model       SONNET
thinking    high
offered as  Sonnet
served by 1 of 4 credentials, round-robin within the highest priority; sessions stay
  claude  priority 7  as claude-x(low)
not served by
  claude  requires its prefix: team/sonnet
  2 credentials that do not list it
",
            ),
            (
                "team/sonnet(high)",
                true,
                "asked       team/sonnet(high)
model       team/sonnet
thinking    high
served by 1 of 4 credentials, round-robin within the highest priority; sessions stay
  claude  priority 0  with prefix team  as claude-x(high)
not served by
  3 credentials that do not list it
",
            ),
            (
                "pro",
                true,
                "asked       pro
served by 2 of 4 credentials, round-robin within the highest priority; sessions stay
  claude  priority 7  as claude-y
  gemini  priority 0  as gemini-2.5-pro
not served by
  2 credentials that do not list it
",
            ),
            (
                "odd(free)",
                true,
                "asked       odd(free)
served by 1 of 4 credentials, round-robin within the highest priority; sessions stay
  openai-compatibility  priority 0  as odd(free)
not served by
  3 credentials that do not list it
",
            ),
            (
                "quick-flash",
                false,
                "asked       quick-flash
served by   no credential
not served by
  gemini  gemini-api-key[0].excluded-models has '*flash*'
  3 credentials that do not list it
",
            ),
            (
                "claude-y",
                false,
                "asked       claude-y
served by   no credential
offered under another name
  pro
not served by
  4 credentials that do not list it
",
            ),
            (
                "sonet",
                false,
                "asked       sonet
served by   no credential
did you mean
  Sonnet
  team/sonnet
not served by
  4 credentials that do not list it
",
            ),
        ] {
            let (text, served) = told(asked);
            assert_eq!(text, expected, "{asked}");
            assert_eq!(served, is_served, "{asked}");
        }
        let (text, _) = told("mix(low)");
        assert!(
            text.contains("as one of 2, round-robin") && text.contains("a(low), b(high)"),
            "{text}"
        );
    }
}
