//! Whether keys are written, which are left, and what follows for the host.

use std::fs;

use holdfast::config::{self, ClientKeys, Loaded};

use crate::load;

const LOST: &str = "is set but holds no key: every request is refused";

/// Variables: `KEY` has a value, `EMPTY` has none in it, no other is there.
fn with_variables(text: &str) -> Loaded {
    config::load_with(text, "c.yaml", &|name| match name {
        "KEY" => Some("from-the-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    })
}

fn warnings(loaded: &Loaded) -> Vec<&str> {
    let problems = loaded.problems.iter();
    problems.map(|problem| problem.message.as_str()).collect()
}

#[test]
fn keys_that_are_written_are_not_forgotten_when_they_are_lost() {
    for keys in [
        "['']",
        "[\"\", ' ']",
        "[null]",
        "[~, ~]",
        "\n  -\n  -",
        "[\"${VAR:-}\"]",
        "['${EMPTY:-}', \"${VAR:- }\"]",
        "[\"${VAR:-}\", null, '']",
        "\n  - ${VAR:-}",
        "${VAR:-}",
        "${VAR:-~}",
        "${EMPTY:-null}",
        "\n  - &x ''\n  - *x",
    ] {
        let loaded = with_variables(&format!("api-keys: {keys}\n"));
        let config = loaded.config.as_ref();
        let config = config.unwrap_or_else(|| panic!("{keys}: {:?}", loaded.problems));
        assert_eq!(
            config.api_keys,
            ClientKeys::Configured(Vec::new()),
            "{keys}"
        );
        assert!(config.api_keys.is_lost() && !config.is_anonymous());
        assert_eq!(warnings(&loaded), [LOST], "{keys}");
        assert_eq!(config.listen_hosts(), [""], "{keys}");
    }
    for (keys, left) in [
        ("[k, '']", 1),
        ("[\"${VAR:-}\", '${KEY}']", 1),
        ("[a, b, a]", 2),
    ] {
        let loaded = with_variables(&format!("api-keys: {keys}\n"));
        let keys = loaded.config.unwrap().api_keys;
        assert!(keys.is_configured() && !keys.is_lost());
        assert_eq!(keys.keys().len(), left);
    }
}

#[test]
fn no_keys_are_written_where_nothing_is() {
    for text in [
        "",
        "api-keys:\n",
        "api-keys: ~\n",
        "api-keys: null\n",
        "api-keys: []\n",
        "api-keys-file:\n",
    ] {
        let config = load(&format!("host: 127.0.0.1\n{text}")).config.unwrap();
        assert_eq!(config.api_keys, ClientKeys::NotConfigured, "{text:?}");
        assert!(config.is_anonymous());
    }
    // What is no list is no way to say so.
    for text in [
        "api-keys: ''\n",
        "api-keys: {}\n",
        "api-keys: false\n",
        "api-keys: k\n",
    ] {
        let loaded = load(text);
        assert!(loaded.config.is_none(), "{text:?}");
        let expected = "must be a list: each entry on a line of its own that begins with `- `";
        assert_eq!(warnings(&loaded), [expected], "{text:?}");
    }
}

#[test]
fn a_file_of_keys_holds_keys_and_comments() {
    let folder = std::env::temp_dir().join(format!("holdfast-client-keys-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("keys");
    for (content, expected) in [
        ("one\n", &["one"][..]),
        (
            "\u{feff}one\r\n# two\n  #three\n\n four#5 \n",
            &["one", "four#5"],
        ),
        ("", &[]),
        ("\n \r\n\t\n", &[]),
        ("# rotated, see the vault\n#one\n", &[]),
        ("\u{feff}", &[]),
    ] {
        fs::write(&path, content).unwrap();
        let loaded = load(&format!("api-keys-file: '{}'\n", path.display()));
        let config = loaded.config.as_ref().unwrap();
        let keys: Vec<&str> = config
            .api_keys
            .keys()
            .iter()
            .map(|key| key.reveal())
            .collect();
        assert_eq!(keys, expected, "{content:?}");
        assert!(config.api_keys.is_configured(), "{content:?}");
        assert_eq!(warnings(&loaded).contains(&LOST), expected.is_empty());
    }
    fs::remove_dir_all(&folder).unwrap();
    // A path that has been lost is not the wish to have none.
    for path in ["''", "\"${VAR:-}\"", "${VAR:-}"] {
        let loaded = with_variables(&format!("api-keys-file: {path}\n"));
        let config = loaded.config.as_ref().unwrap();
        assert!(config.api_keys.is_lost(), "{path}");
        assert_eq!(warnings(&loaded), [LOST], "{path}");
    }
    assert!(load("api-keys-file: /nowhere/at/all\n").config.is_none());
}

#[test]
fn what_is_open_to_others_needs_keys_or_the_wish_to_serve_everybody() {
    const LOOPBACK: &[&str] = &["127.0.0.1", "[::1]"];
    let open = [
        "0.0.0.0",
        "'::'",
        "'[::]'",
        "192.0.2.1",
        "'2001:db8::1'",
        "gateway.test",
        "'*'",
    ];
    let own = [
        "127.0.0.1",
        "127.0.0.2",
        "'::1'",
        "'[::1]'",
        "'::ffff:127.0.0.1'",
        "localhost",
        "LocalHost",
    ];
    for keys in ["", "api-keys: []\n", "api-keys: [k]\n", "api-keys: ['']\n"] {
        let has_none = !keys.contains("[k]") && !keys.contains('\'');
        for allow in ["", "allow-anonymous: false\n", "allow-anonymous: true\n"] {
            let allows = allow.contains("true");
            for host in open.iter().chain(&own) {
                let text = format!("host: {host}\n{keys}{allow}");
                let loaded = load(&text);
                let is_refused = has_none && !allows && open.contains(host);
                assert_eq!(loaded.config.is_none(), is_refused, "{text}");
                if is_refused {
                    let told = loaded.problems[0].to_string();
                    assert!(
                        told.starts_with("c.yaml:1:7 error host is open to others"),
                        "{told}"
                    );
                    assert!(
                        told.contains("api-keys") && told.contains("allow-anonymous"),
                        "{told}"
                    );
                }
                let lets_all_in = "lets everybody in who reaches this host";
                let is_open = has_none && allows && open.contains(host);
                assert_eq!(warnings(&loaded).contains(&lets_all_in), is_open, "{text}");
            }
            for host in ["", "host:\n", "host: ''\n", "host: '  '\n"] {
                let text = format!("{host}{keys}{allow}");
                let loaded = load(&text);
                let hosts = loaded.config.as_ref().unwrap().listen_hosts();
                let is_bound = has_none && !allows;
                let expected = if is_bound { LOOPBACK } else { &[""] };
                assert_eq!(hosts, expected, "{text}");
                let told = warnings(&loaded).iter().any(|told| {
                    told.contains("127.0.0.1 and ::1 only")
                        && told.contains("allow-anonymous: true")
                });
                assert_eq!(told, is_bound, "{text}");
            }
        }
    }
}

#[test]
fn a_file_of_the_reference_without_keys_starts_on_this_host() {
    let keys = crate::FULL.find("api-keys:\n").unwrap();
    let (before, rest) = crate::FULL.split_at(keys);
    let (_, after) = rest.split_once("\n\n").unwrap();
    let loaded = load(&format!("{before}{after}"));
    let config = loaded.config.as_ref().unwrap();
    assert!(config.is_anonymous() && config.host.is_empty());
    assert_eq!(config.listen_hosts(), ["127.0.0.1", "[::1]"]);
    let told = warnings(&loaded);
    let told = told
        .iter()
        .find(|told| told.contains("127.0.0.1 and ::1 only"));
    assert!(told.is_some_and(|told| told.contains("Set `api-keys`")));
}

#[test]
fn the_effective_configuration_tells_lost_keys_from_none() {
    for (text, expected) in [
        ("api-keys: ['']\n", "api-keys: [null]"),
        ("host: 127.0.0.1\n", "api-keys: []"),
        (
            "api-keys: [a-long-client-key]\n",
            "api-keys: [\"a-lo...-key\"]",
        ),
    ] {
        let loaded = load(text);
        let page = config::effective(&loaded.config.unwrap(), text);
        assert!(page.contains(expected), "{page}");
        assert!(page.contains("allow-anonymous: false"), "{page}");
    }
}
