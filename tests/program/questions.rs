//! `--check`, `--explain`, `--print-effective`.

use std::io;
use std::process::Stdio;

use super::harness::{Folder, command, outcome};

const FILE: &str = "host: 127.0.0.1
port: 0
api-keys: [client-secret-1]
claude-api-key:
  - api-key: upstream-secret-1
    prefix: team
    models: [{name: claude-x, alias: sonnet}]
    excluded-models: [gpt-*]
";

/// Exit code, standard output, standard error of a call in a folder with `text` as its configuration.
fn ask(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    folder.write("config.yaml", text);
    outcome(command(arguments).current_dir(folder.path()))
}

#[test]
fn a_check_tells_everything_at_once() {
    let broken = "port: many\nhots: x\nrequest-retry: [1]\ngemini-api-key:\n  - {api-key: k, excluded-models: ['*']}\n";
    let (code, out, err) = ask(broken, &["--check"]);
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("config.yaml:1:7 error port "), "{out}");
    assert!(
        lines[1].starts_with("config.yaml:2:1 warning hots "),
        "{out}"
    );
    assert!(
        lines[2].starts_with("config.yaml:3:1 error request-retry "),
        "{out}"
    );
    assert!(err.starts_with("config.yaml: 2 errors, "), "{err}");

    let (code, out, err) = ask(FILE, &["--check", "--strict"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert_eq!(err, "config.yaml: 0 errors, 0 warnings\n");
}

#[test]
fn credentials_and_their_certificate_are_checked_too() {
    let odd = FILE.replace("gpt-*", "'*'");
    let warning = "config.yaml:5:5 warning claude-api-key[0] offers no model and is never used\n";
    let error = "config.yaml error no credential offers a model, so no request can be served. Add `models` to one\n";
    let other = "gemini-api-key: [{api-key: k, models: [{name: m}]}]\n";
    for (text, flags, expected, problems) in [
        (
            format!("{odd}{other}"),
            &["--check"][..],
            0,
            warning.to_owned(),
        ),
        (
            format!("{odd}{other}"),
            &["--check", "--strict"],
            1,
            warning.to_owned(),
        ),
        (odd, &["--check"], 1, format!("{warning}{error}")),
    ] {
        let (code, out, _) = ask(&text, flags);
        assert_eq!((code, out), (Some(expected), problems));
    }
    let tls = format!("{FILE}tls: {{enable: true, cert: no.pem, key: no.pem}}\n");
    let (code, out, _) = ask(&tls, &["--check"]);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("config.yaml error tls ") && out.contains("no.pem"),
        "{out}"
    );
}

#[test]
fn a_check_speaks_json() {
    let (code, out, err) = ask("port: many\nhots: x\n", &["--check", "--format=json"]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["errors"], 1);
    let problem = &report["problems"][0];
    assert_eq!(problem["file"], "config.yaml");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&1.into(), &7.into())
    );
    assert_eq!(
        (&problem["severity"], &problem["path"]),
        (&"error".into(), &"port".into())
    );
    assert_eq!(report["problems"][1]["severity"], "warning");
}

#[test]
fn a_check_leaves_nothing_behind() {
    let folder = Folder::new();
    let auths = folder.path().join("auths");
    let path = folder.write("c.yaml", &format!("{FILE}auth-dir: {}\n", auths.display()));
    let before = std::fs::read(&path).unwrap();
    let line = ["--check", "-c", path.to_str().unwrap()];
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let status = command(&line)
        .stdout(writer)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_is_no_success() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = command(&["--schema"])
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_no_configuration() {
    let (code, _, complaints) = outcome(&mut command(&[
        "--print-effective",
        "--config",
        "/dev/zero",
    ]));
    assert_eq!(code, Some(1));
    assert!(complaints.contains("is larger than 16 MiB"), "{complaints}");
}

#[test]
fn a_file_that_is_missing_is_a_problem() {
    for flag in [
        &["--check"][..],
        &["--explain", "m"],
        &["--print-effective"],
        &[],
    ] {
        let line = [flag, &["--config", "/no/such/file.yaml"]].concat();
        let (code, out, err) = outcome(&mut command(&line));
        assert_eq!(code, Some(1), "{line:?}");
        assert!(
            (out + &err).contains("/no/such/file.yaml error cannot be read"),
            "{line:?}"
        );
    }
}

#[test]
fn a_model_is_explained() {
    let (code, out, err) = ask(FILE, &["--explain", "team/Sonnet(high)"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("asked       team/Sonnet(high)\nmodel       team/Sonnet\nthinking    high\noffered as  team/sonnet\nserved by 1 of 1 credentials, "), "{out}");
    assert!(
        out.contains("  with prefix team  as claude-x(high)\n"),
        "{out}"
    );
    assert!(
        out.ends_with("never used\n  claude-api-key[0].excluded-models: no model matches gpt-*\n"),
        "{out}"
    );
    assert!(!out.contains("secret"), "{out}");
    let (code, out, _) = ask(FILE, &["--explain=sonet"]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("served by   no credential\n") && out.contains("did you mean\n  sonnet\n"),
        "{out}"
    );
}

#[test]
fn the_configuration_is_shown_as_it_is_understood() {
    let (code, out, err) = ask(FILE, &["--print-effective"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("port: 0") && out.contains("config.yaml:2"),
        "{out}"
    );
    assert!(
        !out.contains("upstream-secret-1") && !out.contains("client-secret-1"),
        "{out}"
    );
    let (code, out, err) = ask("port: many\n", &["--print-effective"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("config.yaml:1:7 error port "), "{err}");
}
