//! The protocol names of payload rules, and rules that match no model.

use std::collections::HashSet;

use crate::config::{Config, Place, Problem, Severity};
use crate::credential::{Provider, UpstreamKind, families};
use crate::payload::{self, Protocol};
use crate::provider::Action;
use crate::routing::Catalog;

/// The protocol of an upstream in payload rules. Rules do not apply to token counts.
pub fn protocol(kind: UpstreamKind, action: Action) -> Protocol {
    match (kind, action) {
        (UpstreamKind::Codex | UpstreamKind::Xai | UpstreamKind::Compat, Action::Compact) => {
            Protocol::OpenAiResponse
        }
        (UpstreamKind::Gemini | UpstreamKind::Vertex | UpstreamKind::GeminiCli, _) => {
            Protocol::Gemini
        }
        (UpstreamKind::Antigravity, _) => Protocol::Antigravity,
        (UpstreamKind::Claude | UpstreamKind::KimiMessages, _) => Protocol::Claude,
        (UpstreamKind::Codex | UpstreamKind::Xai, _) => Protocol::Codex,
        (UpstreamKind::Kimi | UpstreamKind::Iflow | UpstreamKind::Compat, _) => Protocol::OpenAi,
    }
}

/// Warnings about rules that match no model of the catalog.
pub fn idle(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    if config.payload.is_empty() {
        return Vec::new();
    }
    let both = |provider: &Provider| {
        let kind = UpstreamKind::of(provider);
        [Action::Generate, Action::Compact].map(|action| protocol(kind, action))
    };
    let models: Vec<(Vec<&str>, Vec<Protocol>)> = catalog
        .entries()
        .flat_map(|(name, entry)| entry.candidates().iter().map(move |one| (name, one)))
        .map(|(name, candidate)| {
            let upstream = candidate.upstream_models.iter().map(|model| &*model.name);
            let names = std::iter::once(name).chain(upstream).collect();
            (names, both(&candidate.credential.provider).to_vec())
        })
        .collect();
    let problem = |rule: &payload::Rule| {
        let place = Place {
            path: format!("payload.{}[{}]", rule.section.name(), rule.number - 1),
            ..Place::default()
        };
        let message = "matches no configured model".to_owned();
        Problem::new(&config.file, &place, Severity::Warning, message)
    };
    let credentials = catalog.credentials().iter();
    let open = credentials.filter(|one| one.unlisted.is_some());
    // Each provider once.
    let open: HashSet<&Provider> = open.map(|one| &one.provider).collect();
    let beside: Vec<(payload::Glob, Vec<Protocol>)> = open
        .into_iter()
        .flat_map(|provider| {
            let protocols = both(provider).to_vec();
            let families = families(provider).iter();
            families.map(move |family| (payload::Glob::of_name(family), protocols.clone()))
        })
        .collect();
    let idle = config.payload.unmatched(&models, &beside);
    idle.into_iter().map(problem).collect()
}
