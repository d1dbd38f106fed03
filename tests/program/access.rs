//! Who may ask: what the program says and does about client keys that are lost or were never there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::harness::{Folder, Program, call, call_with, command, eventually, outcome};

fn serving(path: &Path) -> Program {
    Program::start(&["--config", path.to_str().unwrap()])
}

fn status(program: &Program, key: &str) -> u16 {
    call(program.address(), "GET", "/v1/models", key, "").0
}

/// A file of keys that only its owner may read.
fn key_file(folder: &Folder, content: &str) -> String {
    let path = folder.write("keys", content);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

const LOST: &str = "no client keys are left";

#[test]
fn lost_keys_close_the_gateway_at_the_start() {
    for (keys, content) in [
        ("api-keys: ['', ' ']\n", None),
        ("api-keys: [null]\n", None),
        ("api-keys: [\"${VAR:-}\"]\n", None),
        ("api-keys: ${VAR:-}\n", None),
        ("api-keys-file: FILE\n", Some("")),
        ("api-keys-file: FILE\n", Some("# one\n\n")),
        ("api-keys-file: ${VAR:-}\n", None),
    ] {
        let folder = Folder::new();
        let file = key_file(&folder, content.unwrap_or_default());
        let keys = keys.replace("FILE", &file);
        let path = folder.write("config.yaml", &format!("host: 127.0.0.1\nport: 0\n{keys}"));
        let program = serving(&path);
        for key in ["", "k", "# one"] {
            assert_eq!(status(&program, key), 401, "{keys}");
        }
        program.expect("holds no key: every request is refused");
        program.expect(&format!("config.yaml: {LOST}: every request is refused"));
        // It heals as soon as there is one.
        fs::write(&path, "host: 127.0.0.1\nport: 0\napi-keys: [k]\n").unwrap();
        eventually(|| status(&program, "k") == 200, || program.printed());
        assert_eq!(status(&program, ""), 401);
    }
}

#[test]
fn lost_keys_stay_while_it_runs() {
    let folder = Folder::new();
    let file = key_file(&folder, "one\n");
    let named = format!("host: 127.0.0.1\nport: 0\napi-keys-file: {file}\n");
    let path = folder.write("config.yaml", &named);
    let program = serving(&path);
    assert_eq!(status(&program, "one"), 200);
    let mut told = 0;
    let mut lost = |cause: &dyn Fn()| {
        cause();
        told += 1;
        let line = format!("{LOST}: the previous client keys stay valid");
        eventually(
            || program.printed().matches(&line).count() >= told,
            || program.printed(),
        );
        assert_eq!(
            [status(&program, ""), status(&program, "other")],
            [401, 401]
        );
    };
    for content in ["", "# one\n", " \n\n"] {
        lost(&|| fs::write(&file, content).unwrap());
        assert_eq!(status(&program, "one"), 200, "{content:?}");
    }
    fs::write(&file, "two\n").unwrap();
    eventually(|| status(&program, "two") == 200, || program.printed());
    for keys in ["['']", "[null]", "[\"${VAR:-}\"]", "${VAR:-}"] {
        let text = format!("host: 127.0.0.1\nport: 0\napi-keys: {keys}\n");
        lost(&|| fs::write(&path, &text).unwrap());
        assert_eq!(status(&program, "two"), 200, "{keys}");
    }
}

#[test]
fn without_keys_only_this_host_is_listened_to() {
    let folder = Folder::new();
    let path = folder.write("config.yaml", "host: ''\nport: 0\n");
    let program = serving(&path);
    assert_eq!(status(&program, ""), 200);
    program.expect("listens on 127.0.0.1 and ::1 only");
    program.expect("no client keys are configured: only programs on this host are served");
    let printed = program.printed();
    assert!(
        !printed.contains("://0.0.0.0") && !printed.contains("://[::]"),
        "{printed}"
    );
    let page = "Origin: https://evil.example\r\nContent-Type: text/plain\r\n";
    let (status, answer) = call_with(program.address(), "POST", "/v1/messages", "", page, "{}");
    assert_eq!(status, 403, "{answer}");
    assert!(!answer.contains("Access-Control-Allow-Origin"), "{answer}");
}

#[test]
fn others_are_served_without_keys_only_where_that_is_asked_for() {
    let folder = Folder::new();
    let open = "host: 0.0.0.0\nport: 0\n";
    let path = folder.write("config.yaml", open);
    let file = path.to_str().unwrap();
    let why = "config.yaml:1:7 error host is open to others and there are no client keys";
    for arguments in [&["--config", file][..], &["--config", file, "--check"]] {
        let (code, out, err) = outcome(&mut command(arguments));
        assert_eq!(code, Some(1), "{out}{err}");
        assert!((out + &err).contains(why), "{arguments:?}");
    }
    folder.write("config.yaml", &format!("{open}allow-anonymous: true\n"));
    let (code, out, err) = outcome(&mut command(&["--config", file, "--check"]));
    // It has no credential either.
    assert_eq!(code, Some(1), "{out}{err}");
    assert!((out + &err).contains("allow-anonymous lets everybody in"));
    let program = serving(&path);
    program.expect("allow-anonymous: requests from any host are served without a client key");
    program.expect("listening on http://0.0.0.0:");
    // Without that word it is not taken up.
    fs::write(&path, open).unwrap();
    program.expect("is invalid; the previous configuration stays in use");
}

#[test]
fn keys_that_go_do_not_open_what_others_reach() {
    let folder = Folder::new();
    let with_keys = "port: 0\napi-keys: [k]\n";
    let path = folder.write("config.yaml", with_keys);
    let program = serving(&path);
    program.expect("listening on http://");
    fs::write(&path, "port: 0\napi_keys: [k]\n").unwrap();
    program.expect(
        "no client keys are configured, and other hosts can connect: the previous client keys stay valid",
    );
    let printed = program.printed();
    let (_, rest) = printed.split_once("listening on http://").unwrap();
    let (_, port) = rest.lines().next().unwrap().rsplit_once(':').unwrap();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let ask = |key| call(address, "GET", "/v1/models", key, "").0;
    assert_eq!([ask("k"), ask("")], [200, 401]);
}
