//! Logins that the vendors' own programs have made, with the demo's authorization server as the vendor. They need the
//! programs that `tests/clients/agents/run` installs: `HOLDFAST_AGENTS` names the folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdfast::unversioned::credential::{Channel, file};
use holdfast::unversioned::demo::{Bearer, Person, Record, Upstreams, Vendor};
use holdfast::unversioned::provider::oauth::BUILT_IN;
use serde_json::json;

use super::harness::{Program, eventually, outcome};
use super::vendor::{Vendors, get};

fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOLDFAST_AGENTS").expect("HOLDFAST_AGENTS is not set");
    PathBuf::from(folder).join("node_modules/.bin").join(name)
}

/// A call of the program with a home of its own.
fn call(vendors: &Vendors, name: &str) -> Command {
    let mut command = Command::new(program(name));
    command
        .env_clear()
        .env("HOME", vendors.folder.path())
        .env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn import(vendors: &Vendors, name: &str) {
    let mut command = vendors.command(&["import", name]);
    let command = command.env("HOME", vendors.folder.path());
    vendors.of(Program::spawn(command)).succeeds();
}

#[test]
#[ignore = "needs the programs of tests/clients/agents"]
fn codex_signs_in_and_its_login_is_copied() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Codex, Person::new("a@example.com"));
    let origin = vendors.server.origin();
    // Its sign-in with a browser has no other issuer than OpenAI.
    let mut codex = call(&vendors, "codex");
    codex.args(["login", "--device-auth", "--experimental_issuer", origin]);
    codex.args(["--experimental_client-id", Vendor::Codex.client().0]);
    let mut login = vendors.of(Program::spawn(&mut codex));
    login.expect("DEMO-");
    let printed = login.printed();
    let (_, code) = printed.split_once("DEMO-").unwrap();
    let end = code.find(|c: char| !c.is_ascii_digit()).unwrap();
    let page = format!("{origin}/codex/device?user_code=DEMO-{}", &code[..end]);
    assert_eq!(get(&page).unwrap().0, 200);
    login.ends_well();
    import(&vendors, "codex");
    let path = vendors.written("codex-a@example.com-plus.json");
    let file = file::read("x.json", &fs::read(path).unwrap()).unwrap();
    let account = file.settings.account_id;
    assert_eq!(account, Some(Person::new("a@example.com").id));
    assert!(file.tokens.refresh.is_some() && file.tokens.expiry.is_some());
    let bearer = vendors.server.bearer(file.tokens.access.unwrap().reveal());
    assert!(matches!(bearer, Some(Bearer::Valid(_))));
}

#[test]
#[ignore = "needs the programs of tests/clients/agents"]
fn gemini_cli_signs_in_and_its_login_is_copied() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Google, Person::new("a@example.com"));
    let (_, id, secret) = BUILT_IN
        .iter()
        .find(|(channel, _, _)| *channel == Channel::GeminiCli)
        .unwrap();
    vendors.server.register(Vendor::Google, id, *secret);
    let home = vendors.folder.path();
    // It is to open a browser, and this one only notes the address.
    let browser = vendors
        .folder
        .write("xdg-open", "#!/bin/sh\necho \"$1\" >\"$HOME/page\"\n");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let redirect = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/agents/elsewhere.cjs");
    let path = std::env::var("PATH").unwrap();
    let mut gemini = call(&vendors, "gemini");
    gemini
        .arg("--acp")
        .env("DISPLAY", ":9")
        .env("PATH", format!("{}:{path}", home.display()))
        .env("ELSEWHERE", vendors.server.origin())
        .env("CODE_ASSIST_ENDPOINT", vendors.server.origin())
        .env("NODE_OPTIONS", format!("--require {}", redirect.display()))
        .current_dir(home)
        .stdin(Stdio::piped());
    let (gemini, mut input) = Program::spawn_with_input(&mut gemini);
    for (id, method, params) in [
        (
            1,
            "initialize",
            json!({"protocolVersion": 1, "clientCapabilities": {}}),
        ),
        (2, "authenticate", json!({"methodId": "oauth-personal"})),
    ] {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(input, "{call}").unwrap();
    }
    let page = home.join("page");
    let read = || fs::read_to_string(&page).unwrap_or_default();
    eventually(
        || read().ends_with('\n'),
        || format!("no page was opened\n{}", gemini.printed()),
    );
    let read = read();
    let (_, query) = read.trim().split_once('?').unwrap();
    let location = vendors.open(&format!(
        "{}/o/oauth2/v2/auth?{query}",
        vendors.server.origin()
    ));
    get(&location).unwrap();
    let login = home.join(".gemini/oauth_creds.json");
    eventually(
        || login.exists() && home.join(".gemini/google_accounts.json").exists(),
        || format!("it is not signed in\n{}", gemini.printed()),
    );
    drop(gemini);
    import(&vendors, "gemini");
    let path = vendors.written("gemini-a@example.com.json");
    let file = file::read("x.json", &fs::read(path).unwrap()).unwrap();
    assert_eq!(file.tokens.client.id.as_deref(), Some(*id));
    assert!(file.tokens.refresh.is_some() && file.tokens.expiry.is_some());
    let bearer = vendors.server.bearer(file.tokens.access.unwrap().reveal());
    assert!(matches!(bearer, Some(Bearer::Valid(_))));
}

#[test]
#[ignore = "needs the programs of tests/clients/agents"]
fn gemini_cli_calls_code_assist_through_the_gateway() {
    let upstreams = Upstreams::start().unwrap();
    let vendors = Vendors::start();
    let home = vendors.folder.path();
    let origin = format!("http://{}", upstreams.address());
    fs::create_dir_all(vendors.auth()).unwrap();
    fs::create_dir_all(home.join(".gemini")).unwrap();
    let file = json!({
        "type": "gemini",
        "email": "a@example.com",
        "project_id": "demo-project",
        "access_token": "account-of-code-assist",
        "excluded_models": ["gemini-2.5-flash"],
        "base_url": origin,
    });
    fs::write(vendors.auth().join("a.json"), file.to_string()).unwrap();
    let config = vendors.folder.write(
        "gateway.yaml",
        &format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [client-key]\nauth-dir: auth\nenable-gemini-cli-endpoint: true\n\
             claude-api-key:\n- {{api-key: account-of-claude, base-url: '{origin}', models: [{{name: claude-sonnet-4-6, alias: gemini-2.5-flash}}]}}\n"
        ),
    );
    let arguments = ["--config", config.to_str().unwrap(), "--local-model"];
    let gateway = Program::spawn(&mut vendors.command(&arguments));
    let settings = json!({"security": {"auth": {"selectedType": "oauth-personal"}}});
    fs::write(home.join(".gemini/settings.json"), settings.to_string()).unwrap();
    let redirect = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/agents/elsewhere.cjs");
    for (model, path) in [
        ("gemini-2.5-pro", "/v1internal:streamGenerateContent"),
        ("gemini-2.5-flash", "/v1/messages"),
    ] {
        upstreams.clear_records();
        let mut gemini = call(&vendors, "gemini");
        gemini
            .args(["-m", model, "-p", "Say something."])
            .env("GOOGLE_GENAI_USE_GCA", "true")
            .env("GOOGLE_CLOUD_ACCESS_TOKEN", "token-of-the-client")
            .env("ELSEWHERE", vendors.server.origin())
            .env(
                "CODE_ASSIST_ENDPOINT",
                format!("http://{}", gateway.address()),
            )
            .env("NODE_OPTIONS", format!("--require {}", redirect.display()))
            .env("GEMINI_CLI_TRUST_WORKSPACE", "true")
            .current_dir(home);
        let (code, said, errors) = outcome(&mut gemini);
        assert_eq!(
            code,
            Some(0),
            "{model}: {said}\n{errors}\n{}",
            gateway.printed()
        );
        assert!(said.contains("You said"), "{model}: {said}\n{errors}");
        let records = upstreams.records();
        let is_asked = |record: &Record| record.path.contains(path);
        assert!(records.iter().any(is_asked), "{model}: {records:?}");
        // The client's token is not for the upstreams of the gateway.
        let is_clients = |record: &Record| record.key == "token-of-the-client";
        assert!(!records.iter().any(is_clients), "{model}: {records:?}");
    }
}
