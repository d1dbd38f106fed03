//! Values from variables and from files of their own.

use std::fs;
use std::path::PathBuf;

use holdfast::config::{self, Loaded, Severity};

fn loaded(text: &str) -> Loaded {
    config::load_with(text, "c.yaml", &|name| match name {
        "KEY" => Some("from-the-environment".to_owned()),
        "PORT" => Some("4711".to_owned()),
        _ => None,
    })
}

fn messages(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(ToString::to_string).collect()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("holdfast-config-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn variables_stand_for_values_of_every_kind() {
    let text = "port: ${PORT}\napi-keys: [\"${KEY}\", 'x-${NONE:-y}', '$${KEY}']\nclaude-api-key:\n  - api-key: ${KEY}\n    headers: {X-A: $Name, X-B: \"${KEY}\"}\n";
    let loaded = loaded(text);
    assert_eq!(messages(&loaded), [""; 0]);
    let config = loaded.config.unwrap();
    assert_eq!(config.port, 4711);
    let keys: Vec<&str> = config
        .api_keys
        .keys()
        .iter()
        .map(|key| key.reveal())
        .collect();
    assert_eq!(keys, ["from-the-environment", "x-y", "${KEY}"]);
    assert_eq!(config.claude[0].key.reveal(), "from-the-environment");
    let source = &config.claude[0].common.headers[0].1;
    assert!(matches!(source, config::HeaderValueSource::Client(name) if name == "Name"));
}

#[test]
fn a_variable_that_is_not_set_is_an_error_with_its_place() {
    let loaded = loaded("api-keys: [k]\nclaude-api-key:\n  - api-key: ${NONE}\n");
    assert!(loaded.config.is_none());
    assert_eq!(
        messages(&loaded),
        ["c.yaml:3:14 error claude-api-key[0].api-key needs the variable NONE, which is not set"]
    );
}

#[test]
fn every_secret_can_stand_in_a_file() {
    let folder = Folder::new("files");
    let key = folder.write("key", "  upstream-key\n", 0o600);
    let keys = folder.write("keys", "first\n\n second \r\n", 0o600);
    let proxy = folder.write("proxy", "http://u:p@proxy:3128\n", 0o600);
    let text = format!(
        "api-keys-file: {keys}\nproxy-url-file: {proxy}\nremote-management: {{secret-key-file: {key}}}\nampcode: {{upstream-api-key-file: {key}, upstream-api-keys: [{{upstream-api-key-file: {key}, api-keys: [first]}}]}}\nclaude-api-key: [{{api-key-file: {key}, proxy-url-file: {proxy}}}]\ncli-credentials: [{{cli: codex, proxy-url-file: {proxy}}}]\noauth-clients: {{claude: {{client-id: c, client-secret-file: {key}}}}}\nopenai-compatibility: [{{name: o, base-url: 'http://h', api-key-entries: [{{api-key-file: {key}}}]}}]\n"
    );
    let loaded = loaded(&text);
    assert_eq!(messages(&loaded), [""; 0]);
    let config = loaded.config.unwrap();
    let shown: Vec<&str> = config
        .api_keys
        .keys()
        .iter()
        .map(|key| key.reveal())
        .collect();
    assert_eq!(shown, ["first", "second"]);
    assert_eq!(config.proxy_url.reveal(), "http://u:p@proxy:3128");
    assert_eq!(config.claude[0].proxy.reveal(), "http://u:p@proxy:3128");
    assert_eq!(config.followed[0].proxy.reveal(), "http://u:p@proxy:3128");
    for secret in [
        config.oauth_clients[0].1.secret.as_ref().unwrap(),
        &config.claude[0].key,
        config.compat[0].keys.as_ref().unwrap()[0]
            .key
            .as_ref()
            .unwrap(),
        config.management.secret_key.as_ref().unwrap(),
        config.amp.upstream_key.as_ref().unwrap(),
        &config.amp.upstream_keys[0].upstream,
    ] {
        assert_eq!(secret.reveal(), "upstream-key");
    }
    let mut files: Vec<String> = loaded
        .files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    assert_eq!(files, [key, keys, proxy]);
}

#[test]
fn what_is_odd_about_a_secret_file_is_told() {
    let folder = Folder::new("odd");
    let open = folder.write("open", "k", 0o644);
    let loaded_open = loaded(&format!(
        "api-keys: [k]\nclaude-api-key: [{{api-key-file: {open}}}]"
    ));
    assert!(loaded_open.config.is_some());
    let [problem] = &loaded_open.problems[..] else {
        panic!("{:?}", loaded_open.problems);
    };
    assert_eq!(problem.severity, Severity::Warning);
    assert!(problem.message.contains("others can read"), "{problem}");
    for (text, part) in [
        (
            format!("claude-api-key: [{{api-key: a, api-key-file: {open}}}]"),
            "cannot be set together with `api-key`",
        ),
        (
            format!("api-keys: [a]\napi-keys-file: {open}"),
            "cannot be set together with `api-keys`",
        ),
        ("api-keys-file: /no/such/file".to_owned(), "cannot be read"),
        (
            format!(
                "proxy-url-file: {}",
                folder.write("bad", "ftp://secret@x", 0o600)
            ),
            "must start with",
        ),
    ] {
        let loaded = loaded(&text);
        assert!(loaded.config.is_none(), "{text}");
        let all = messages(&loaded).join("\n");
        assert!(all.contains(part) && !all.contains("secret"), "{all}");
    }
}
