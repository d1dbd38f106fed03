//! What a failure means where the configuration has rules about errors (`request-scoped-errors`).

use super::failed_call::{Failure, FailureKind};
use super::fault::{Class, Fault, Pause};
use crate::config::{ErrorAction, ErrorRule};

/// The most bytes of an error that rules look at.
const TEXT: usize = 16 * 1024;

/// What a failure means for the credential, and for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// For the credential.
    pub fault: Fault,
    /// For the request: whether it ends, and which failure the client is told.
    pub told: Fault,
}

impl Verdict {
    /// The verdict of the first of `rules` that is about `failure`, else that of its classification as `fault`.
    pub fn of(failure: &Failure, fault: Fault, rules: &[ErrorRule]) -> Self {
        let rule = rules.iter().find(|rule| is_about(rule, failure));
        let (fault, told) = match rule.map(|rule| rule.action) {
            None => (fault, fault),
            Some(ErrorAction::Stop) => (Class::Request.usual(), Class::Request.usual()),
            Some(ErrorAction::StopAndCooldown) => (cooled(fault), Class::Request.usual()),
            Some(ErrorAction::Continue) => (Class::Neutral.usual(), Class::Neutral.usual()),
            Some(ErrorAction::ContinueAndCooldown) => (cooled(fault), cooled(fault)),
        };
        Self { fault, told }
    }
}

fn is_about(rule: &ErrorRule, failure: &Failure) -> bool {
    let Some(status) = failure.status.filter(|_| is_upstreams(failure)) else {
        return false;
    };
    let start = failure.body.get(..TEXT).unwrap_or(&failure.body);
    match start.is_empty() {
        true => rule.matches(status, &failure.message),
        false => rule.matches(status, &String::from_utf8_lossy(start)),
    }
}

/// Whether the status is the upstream's, not the gateway's own.
fn is_upstreams(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Status | FailureKind::Broken)
}

/// The fault with a pause; the usual one, if its class has none.
fn cooled(fault: Fault) -> Fault {
    match fault.pause {
        Pause::None => Class::Transient.usual(),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::config::Pattern;
    use crate::credential::UpstreamKind;
    use crate::failure::{Headers, Scope, classify};

    fn failure(status: u16, body: &str) -> Failure {
        Failure::of_status(
            status,
            Headers::default(),
            body.as_bytes().to_vec(),
            UNIX_EPOCH,
        )
    }

    fn rule(status: u16, text: &str, action: ErrorAction) -> ErrorRule {
        ErrorRule {
            place: Default::default(),
            status,
            texts: vec![text.to_owned()],
            patterns: Vec::new(),
            action,
        }
    }

    fn verdict(failure: &Failure, rules: &[ErrorRule]) -> Verdict {
        let fault = classify(failure, UpstreamKind::Compat, "m", UNIX_EPOCH);
        Verdict::of(failure, fault, rules)
    }

    #[test]
    fn each_action_decides_about_request_and_credential() {
        use ErrorAction::{Continue, ContinueAndCooldown, Stop, StopAndCooldown};
        let minute = Pause::Fixed(Duration::from_secs(60));
        let half_hour = Pause::Fixed(Duration::from_secs(1800));
        for (status, action, ends, class, pause) in [
            (400, Stop, true, Class::Request, Pause::None),
            (400, StopAndCooldown, true, Class::Transient, minute),
            (400, Continue, false, Class::Neutral, Pause::None),
            (400, ContinueAndCooldown, false, Class::Transient, minute),
            (401, Stop, true, Class::Request, Pause::None),
            (401, StopAndCooldown, true, Class::Credential, half_hour),
            (401, Continue, false, Class::Neutral, Pause::None),
            (
                401,
                ContinueAndCooldown,
                false,
                Class::Credential,
                half_hour,
            ),
            (500, Stop, true, Class::Request, Pause::None),
            (500, ContinueAndCooldown, false, Class::Transient, minute),
        ] {
            let verdict = verdict(
                &failure(status, "the text"),
                &[rule(status, "text", action)],
            );
            assert_eq!(!verdict.told.class.moves_on(), ends, "{status} {action:?}");
            assert_eq!(verdict.fault.class, class, "{status} {action:?}");
            assert_eq!(verdict.fault.pause, pause, "{status} {action:?}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules = [
            rule(500, "busy", ErrorAction::Stop),
            rule(400, "Busy", ErrorAction::Stop),
            ErrorRule {
                texts: Vec::new(),
                patterns: vec![Pattern::parse("b.sy$").unwrap()],
                ..rule(400, "", ErrorAction::Continue)
            },
            rule(400, "busy", ErrorAction::Stop),
        ];
        let told = |status, body| verdict(&failure(status, body), &rules).told.class;
        assert_eq!(told(400, "so busy"), Class::Neutral);
        assert_eq!(told(400, "busy now"), Class::Request);
        assert_eq!(told(500, "busy"), Class::Request);
        // Without a rule the classification counts.
        assert_eq!(told(500, "idle"), Class::Transient);
        assert_eq!(told(429, "busy"), Class::Quota);
        let quota = verdict(&failure(429, "busy"), &rules);
        assert_eq!(quota.fault, quota.told);
        assert_eq!(quota.fault.scope, Scope::Model);
    }

    #[test]
    fn rules_are_about_answers_of_upstreams() {
        let rules = [
            rule(501, "", ErrorAction::Stop),
            rule(408, "", ErrorAction::Stop),
        ];
        let own = Failure::unsupported("this");
        assert_eq!(verdict(&own, &rules).told.class, Class::Neutral);
        let broken = Failure {
            status: Some(408),
            ..Failure::new(FailureKind::Broken, "stream closed")
        };
        assert_eq!(verdict(&broken, &rules).told.class, Class::Request);
        let unreachable = Failure::new(FailureKind::Connect, "refused");
        assert_eq!(verdict(&unreachable, &rules).told.class, Class::Transient);
    }
}
