//! What may be typed.

use std::io;

use super::harness::{Folder, Program, call, command, outcome};

#[test]
fn spellings_of_other_gateways_are_understood() {
    let folder = Folder::new();
    let path = folder.write("c.yaml", "host: 127.0.0.1\nport: 0\n");
    let path = path.to_str().unwrap();
    for line in [
        &["-config", path][..],
        &[&format!("-config={path}")],
        &[&format!("--config={path}")],
        &["-c", path],
        &[
            "-no-browser",
            "-local-model",
            "-standalone=true",
            "-oauth-callback-port",
            "1455",
            "-project_id=p",
            "-vertex-import-prefix",
            "v",
            "-tui=false",
            "-config",
            path,
        ],
    ] {
        let mut program = Program::start(line);
        assert_eq!(call(program.address(), "GET", "/healthz", "", "").0, 200);
        program.signal("TERM");
        assert_eq!(program.wait().code(), Some(0), "{line:?}");
    }
}

#[test]
fn what_is_not_built_is_said_to_be_so() {
    let (code, out, err) = outcome(&mut command(&["-tui", "-no-browser"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.starts_with("holdfast: --tui is not implemented"),
        "{err}"
    );
}

#[test]
fn a_misspelt_line_ends_with_two() {
    for (line, message) in [
        (
            &["--cofnig", "x"][..],
            "unknown option --cofnig, did you mean --config?",
        ),
        (&["--config"], "--config requires a value: FILE"),
        (&["chekc"], "unknown command 'chekc'"),
        (&["--strict"], "--strict requires --check"),
        (&["completions", "tcsh"], "bash, zsh, fish"),
    ] {
        let (code, out, err) = outcome(&mut command(line));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{line:?}");
        assert!(err.contains(message) && err.contains("--help"), "{err}");
    }
}

#[test]
fn texts_about_the_program() {
    for (line, expected) in [
        (&["--help"][..], "Exit codes: 0 success, 1 "),
        (&["-h"], "Usage: holdfast [OPTIONS]"),
        (&["identify", "-h"], "Usage: holdfast identify [OPTIONS]"),
        (
            &["--version"],
            concat!("holdfast ", env!("CARGO_PKG_VERSION"), " "),
        ),
        (&["-V"], std::env::consts::ARCH),
        (&["completions", "bash"], "complete -F _holdfast holdfast\n"),
        (&["completions", "zsh"], "#compdef holdfast\n"),
        (&["completions", "fish"], "complete -c holdfast "),
        (&["man"], ".SH EXIT STATUS\n"),
        (&["--schema"], "\"$schema\""),
    ] {
        let (code, out, err) = outcome(&mut command(line));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{line:?}");
        assert!(out.contains(expected), "{line:?} {out}");
        assert!(out.ends_with('\n') && !out.contains('\x1b'), "{line:?}");
        assert!(!out.contains("--password"), "{line:?}");
    }
}

#[test]
fn nobody_has_to_listen() {
    for line in [
        &["--help"][..],
        &["--version"],
        &["man"],
        &["--schema"],
        &["--nonsense"],
    ] {
        let closed = || {
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            writer
        };
        let status = command(line).stdout(closed()).stderr(closed()).status();
        let expected = if line == ["--nonsense"] { 2 } else { 0 };
        assert_eq!(status.unwrap().code(), Some(expected), "{line:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_password_is_not_shown() {
    let folder = Folder::new();
    let path = folder.write("c.yaml", "host: 127.0.0.1\nport: 0\n");
    let line = [
        "-password",
        "a-secret-word",
        "-config",
        path.to_str().unwrap(),
    ];
    let mut program = Program::start(&line);
    program.address();
    program.expect("--password is not implemented");
    let shown = std::fs::read(format!("/proc/{}/cmdline", program.id())).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown.contains("--config") && !shown.contains("secret"),
        "{shown}"
    );
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
    assert!(
        !program.printed().contains("secret"),
        "{}",
        program.printed()
    );
}
