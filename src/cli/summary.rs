//! The summary that is logged at startup.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::credential::Credential;

/// Credentials and models by provider: `claude: 2 credentials, 15 models`.
pub fn providers(credentials: &[Credential]) -> String {
    let mut providers: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for credential in credentials {
        let (count, models) = providers
            .entry(credential.provider.key().to_owned())
            .or_default();
        *count += 1;
        models.extend(credential.visible_ids().map(|(id, _)| id.into_owned()));
    }
    if providers.is_empty() {
        return "no credentials; every request for a model is refused".to_owned();
    }
    let lines = providers
        .into_iter()
        .map(|(provider, (count, mut models))| {
            models.sort_unstable();
            models.dedup();
            let (count, models) = (counted(count, "credential"), counted(models.len(), "model"));
            format!("{provider}: {count}, {models}")
        });
    lines.collect::<Vec<_>>().join("; ")
}

/// A command that tests the gateway.
pub fn first_call(scheme: &str, is_anonymous: bool, address: SocketAddr) -> String {
    let header = match is_anonymous {
        true => "",
        false => " -H 'Authorization: Bearer CLIENT_KEY'",
    };
    // The unspecified address cannot be connected to on every system.
    let host = match address.ip().is_unspecified() {
        true => "127.0.0.1".to_owned(),
        false if address.is_ipv6() => format!("[{}]", address.ip()),
        false => address.ip().to_string(),
    };
    format!(
        "curl {scheme}://{host}:{}/v1/models{header}",
        address.port()
    )
}

pub fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, credential};

    fn told(text: &str) -> String {
        let config = config::load(text, "c.yaml").config.unwrap();
        providers(&credential::from_config(&config).0)
    }

    #[test]
    fn providers_are_counted() {
        let told = self::told(
            "claude-api-key: [{api-key: a, models: [{name: x}]}, {api-key: b, models: [{name: x}, {name: y}]}]\nopenai-compatibility: [{name: other, base-url: http://h, models: [{name: z}], api-key-entries: [{api-key: c}]}]",
        );
        assert_eq!(
            told,
            "claude: 2 credentials, 2 models; other: 1 credential, 1 model"
        );
        assert!(self::told("port: 1").starts_with("no credentials"));
    }

    #[test]
    fn the_call_can_be_copied() {
        for (is_anonymous, address, expected) in [
            (true, "0.0.0.0:7", "curl http://127.0.0.1:7/v1/models"),
            (true, "[::1]:7", "curl http://[::1]:7/v1/models"),
            (
                false,
                "10.0.0.1:7",
                "curl http://10.0.0.1:7/v1/models -H 'Authorization: Bearer CLIENT_KEY'",
            ),
        ] {
            assert_eq!(
                first_call("http", is_anonymous, address.parse().unwrap()),
                expected
            );
        }
    }
}
