//! `holdfast login`, with the demo's authorization server as the vendor and the test as the browser.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use holdfast::unversioned::credential::file;
use holdfast::unversioned::demo::{Bearer, Person, Vendor};
use serde_json::Value;

use super::harness::{Folder, Program, command};
use super::vendor::{Vendors, get};

/// The channels that are signed in to with a browser.
const WITH_BROWSER: [(&str, Vendor, &str); 5] = [
    ("claude", Vendor::Claude, "claude-a@example.com.json"),
    ("codex", Vendor::Codex, "codex-a@example.com-plus.json"),
    (
        "gemini-cli",
        Vendor::Google,
        "gemini-a@example.com-demo-project.json",
    ),
    (
        "antigravity",
        Vendor::Google,
        "antigravity-a@example.com.json",
    ),
    ("iflow", Vendor::Iflow, "iflow-a@example.com-"),
];

#[test]
fn a_browser_signs_in_to_each_channel() {
    let vendors = Vendors::start();
    for (channel, vendor, name) in WITH_BROWSER {
        vendors.sign_in(vendor, Person::new("a@example.com"));
        let mut login = vendors.login(&[channel, "--callback-port", "0"]);
        let callback = login.callback(&vendors.open(&login.page()));
        // Only this host can answer.
        let elsewhere = callback.replace("127.0.0.1", "127.0.0.2");
        assert!(get(&elsewhere).is_err(), "{channel}");
        let (status, page) = get(&callback).unwrap();
        assert_eq!(status, 200, "{channel}: {page}");
        assert!(
            page.contains("Content-Security-Policy: default-src 'none'"),
            "{page}"
        );
        login.succeeds();
        let path = vendors.written(name);
        let wrote = format!("Wrote auth/{}", path.file_name().unwrap().to_str().unwrap());
        assert!(login.printed().contains(&wrote), "{}", login.printed());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{channel}");
        let file = file::read("x.json", &fs::read(&path).unwrap()).unwrap();
        assert_eq!(file.channel().unwrap().name(), channel);
        assert_eq!(file.settings.email.as_deref(), Some("a@example.com"));
        assert_eq!(file.settings.unusable, None, "{channel}");
        let bearer = file.tokens.bearer().unwrap().reveal();
        let bearer = vendors.server.bearer(bearer);
        assert!(matches!(bearer, Some(Bearer::Valid(_))), "{channel}");
        assert!(file.tokens.refresh.is_some() && file.tokens.expiry.is_some());
        vendors.assert_silent(&login.printed());
    }
}

#[test]
fn a_callback_is_pasted_where_there_is_no_browser() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Claude, Person::new("a@example.com"));
    let mut command = vendors.command(&["login", "claude", "--no-browser", "--callback-port", "0"]);
    let (program, mut input) = Program::spawn_with_input(command.stdin(Stdio::piped()));
    let mut login = vendors.of(program);
    login.expect("ssh -L 54545:127.0.0.1:");
    login.expect("Or paste the address");
    writeln!(input, "\ncode=guessed&state=guessed").unwrap();
    login.expect("not the answer to this sign-in");
    writeln!(input, "{}", vendors.open(&login.page())).unwrap();
    login.succeeds();
    vendors.written("claude-a@example.com.json");
    vendors.assert_silent(&login.printed());
}

#[test]
fn other_answers_are_refused_and_the_login_goes_on() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Codex, Person::new("a@example.com"));
    let mut login = vendors.login(&["codex", "--callback-port", "0"]);
    let callback = login.callback(&vendors.open(&login.page()));
    let (before, state) = callback.split_once("state=").unwrap();
    assert_eq!(get(&format!("{before}state=0{state}")).unwrap().0, 400);
    let origin = callback.split("/auth").next().unwrap();
    assert_eq!(get(&format!("{origin}/favicon.ico")).unwrap().0, 404);
    assert_eq!(get(&format!("{origin}/auth/callback")).unwrap().0, 400);
    login.expect("Refused a request with another state");
    assert_eq!(get(&callback).unwrap().0, 200);
    login.succeeds();
    vendors.assert_silent(&login.printed());
}

#[test]
fn a_refusal_ends_the_login() {
    let vendors = Vendors::start();
    vendors.server.refuse_consent();
    for (channel, _, _) in WITH_BROWSER {
        let mut login = vendors.login(&[channel, "--callback-port", "0"]);
        let callback = login.callback(&vendors.open(&login.page()));
        let (status, page) = get(&callback).unwrap();
        assert!(status == 400 && page.contains("access_denied"), "{page}");
        login.fails("the sign-in was refused (access_denied)");
    }
    assert!(!vendors.auth().exists());
}

#[test]
fn a_failed_exchange_ends_the_login() {
    use holdfast::unversioned::demo::{TokenScript, TokenStep};
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Claude, Person::new("a@example.com"));
    for (step, expected) in [
        (
            TokenStep::status(503, "{\"secret\":\"x\"}"),
            "the token endpoint answered 503",
        ),
        (
            TokenStep::without(&["access_token"]),
            "the token endpoint's answer has no token",
        ),
        (
            TokenStep::without(&["account"]),
            "the vendor does not say whose tokens they are",
        ),
    ] {
        vendors.server.script("", TokenScript::once(step));
        let mut login = vendors.login(&["claude", "--callback-port", "0"]);
        let callback = login.callback(&vendors.open(&login.page()));
        assert_eq!(get(&callback).unwrap().0, 200);
        login.fails(expected);
        vendors.assert_silent(&login.printed());
    }
    assert!(!vendors.auth().exists());
}

#[test]
fn a_device_whose_code_was_used_is_not_waited_for() {
    use holdfast::unversioned::demo::{TokenScript, TokenStep};
    let vendors = Vendors::start();
    let failure = || TokenStep::status(503, "{}");
    let login = || {
        vendors.sign_in(Vendor::Codex, Person::new("a@example.com"));
        let login = vendors.login(&["codex", "--device"]);
        login.expect("and enter the code DEMO-");
        let printed = login.printed();
        let (_, code) = printed.split_once("and enter the code ").unwrap();
        let code = code.split_whitespace().next().unwrap();
        let page = format!("{}/codex/device?user_code={code}", vendors.server.origin());
        assert_eq!(get(&page).unwrap().0, 200);
        login
    };
    for (script, expected) in [
        (
            TokenScript::always(failure()),
            "the token endpoint answered 503",
        ),
        (
            TokenScript::once(TokenStep::without(&["access_token"])),
            "the token endpoint's answer has no token",
        ),
        (
            TokenScript::once(TokenStep::status(400, "{\"error\":\"invalid_grant\"}")),
            "invalid_grant",
        ),
    ] {
        vendors.server.script("", script);
        login().fails(expected);
        assert!(!vendors.auth().exists());
    }
    vendors
        .server
        .script("", TokenScript::once(failure()).then(failure()));
    login().succeeds();
}

#[test]
fn a_port_in_use_is_told() {
    let vendors = Vendors::start();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(taken) = TcpListener::bind(address) else {
            continue;
        };
        let port = taken.local_addr().unwrap().port().to_string();
        let mut login = vendors.login(&["codex", "--callback-port", &port]);
        login.fails(&format!("cannot wait for the browser on port {port}"));
        assert!(login.printed().contains("--callback-port"));
    }
}

#[test]
fn devices_are_signed_in() {
    let vendors = Vendors::start();
    for (arguments, vendor, page) in [
        (
            &["codex", "--device"][..],
            Vendor::Codex,
            "/codex/device?user_code=",
        ),
        (&["kimi"], Vendor::Kimi, ""),
    ] {
        vendors.sign_in(vendor, Person::new("a@example.com"));
        let mut login = vendors.login(arguments);
        login.expect("and enter the code DEMO-");
        let printed = login.printed();
        let (_, code) = printed.split_once("and enter the code ").unwrap();
        let code = code.split_whitespace().next().unwrap();
        let page = match page {
            "" => login.page(),
            page => format!("{}{page}{code}", vendors.server.origin()),
        };
        assert_eq!(get(&page).unwrap().0, 200);
        login.succeeds();
        vendors.assert_silent(&login.printed());
    }
    let path = vendors.written("kimi-");
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(file["device_id"].as_str().unwrap().len(), 36);
    vendors.written("codex-a@example.com-plus.json");
    vendors.server.refuse_consent();
    let mut login = vendors.login(&["codex", "--device"]);
    login.expect("and enter the code DEMO-");
    let printed = login.printed();
    let (_, code) = printed.split_once("and enter the code ").unwrap();
    let code = code.split_whitespace().next().unwrap();
    get(&format!(
        "{}/codex/device?user_code={code}",
        vendors.server.origin()
    ))
    .unwrap();
    login.fails("the sign-in was refused (access_denied)");
}

#[test]
fn google_cloud_projects_are_chosen_and_set_up() {
    let vendors = Vendors::start();
    let person = Person {
        projects: vec!["p1".to_owned(), "p2".to_owned()],
        ..Person::new("a@example.com")
    };
    vendors.sign_in(Vendor::Google, person);
    for (project, name, expected) in [
        (
            None,
            "gemini-a@example.com-demo-project.json",
            "demo-project",
        ),
        (Some("p2"), "gemini-a@example.com-p2.json", "p2"),
        (Some("ALL"), "gemini-a@example.com-all.json", "p1,p2"),
    ] {
        let mut arguments = vec!["gemini-cli", "--callback-port", "0"];
        arguments.extend(project.iter().flat_map(|project| ["--project", project]));
        let mut login = vendors.login(&arguments);
        get(&login.callback(&vendors.open(&login.page()))).unwrap();
        login.succeeds();
        let file: Value =
            serde_json::from_slice(&fs::read(vendors.written(name)).unwrap()).unwrap();
        assert_eq!(file["project_id"], expected);
        for project in expected.split(',') {
            assert!(vendors.server.has_enabled(project), "{project}");
        }
        vendors.assert_silent(&login.printed());
    }
}

#[test]
fn a_second_login_keeps_the_settings_of_the_file() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Claude, Person::new("a@example.com"));
    let sign_in = || {
        let mut login = vendors.login(&["claude", "--callback-port", "0"]);
        get(&login.callback(&vendors.open(&login.page()))).unwrap();
        login.succeeds();
        login.printed()
    };
    sign_in();
    let path = vendors.written("claude-a@example.com.json");
    let before = fs::read_to_string(&path).unwrap();
    let operators = "{\n  \"prefix\": \"team\",\n  \"note\": \"mine\",";
    fs::write(&path, before.replacen('{', operators, 1)).unwrap();
    assert!(sign_in().contains("Renewed "));
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(operators), "{after}");
    let token = |text: &str| serde_json::from_str::<Value>(text).unwrap()["access_token"].clone();
    assert_ne!(token(&before), token(&after));
}

#[test]
fn options_of_the_reference_sign_in_too() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Codex, Person::new("a@example.com"));
    let arguments = ["-codex-login", "-no-browser", "-oauth-callback-port", "0"];
    let mut login = vendors.of(Program::spawn(&mut vendors.command(&arguments)));
    get(&login.callback(&vendors.open(&login.page()))).unwrap();
    login.succeeds();
    vendors.written("codex-a@example.com-plus.json");
    let mut login = vendors.of(Program::spawn(
        &mut vendors.command(&["-codex-device-login"]),
    ));
    login.expect("and enter the code DEMO-");
    login.interrupt();
}

#[test]
fn an_interrupted_login_leaves_nothing() {
    let vendors = Vendors::start();
    let mut login = vendors.login(&["claude", "--callback-port", "0"]);
    login.page();
    login.interrupt();
    assert!(!vendors.auth().exists());
}

#[test]
fn a_client_that_is_not_known_is_asked_for() {
    let folder = Folder::new();
    folder.write("config.yaml", "auth-dir: auth\n");
    for channel in ["claude", "antigravity", "iflow"] {
        let mut command = command(&["login", channel]);
        let mut program = Program::spawn(command.current_dir(folder.path()));
        assert_eq!(program.wait().code(), Some(1));
        program.expect(&format!("under oauth-clients.{channel}"));
    }
}

#[test]
fn iflow_takes_the_cookie_of_a_browser() {
    let vendors = Vendors::start();
    vendors
        .server
        .cookie("session-secret", Person::new("a@example.com"));
    for (cookie, is_known) in [
        ("other=1; BXAuth=session-secret; more=2", true),
        ("BXAuth=else", false),
        ("other=1", false),
    ] {
        let mut command = vendors.command(&["login", "iflow", "--cookie"]);
        let (program, mut input) = Program::spawn_with_input(command.stdin(Stdio::piped()));
        let mut login = vendors.of(program);
        writeln!(input, "{cookie}").unwrap();
        match is_known {
            true => login.succeeds(),
            false => login.fails("cookie"),
        }
        vendors.assert_silent(&login.printed());
        assert!(!login.printed().contains("session-secret"));
    }
    let path = vendors.written("iflow-a@example.com-");
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(file["cookie"], "BXAuth=session-secret;");
    assert_eq!(file["expired"], "2099-12-31T23:59:00Z");
    assert!(file.get("access_token").is_none() && file["api_key"].is_string());
}
