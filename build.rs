//! Tells the program its target and its commit.
//!
//! The commit is that of `HOLDFAST_COMMIT`, of the source package, or of the repository whose root this is.
//! Without any of them, and in builds for development, which would be compiled anew with each commit, there
//! is none.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=HOLDFAST_COMMIT");
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=HOLDFAST_TARGET={target}");
    let given = env::var("HOLDFAST_COMMIT").ok();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let found = || {
        is_release
            .then(|| packaged().or_else(checked_out))
            .flatten()
    };
    if let Some(commit) = given.or_else(found).filter(|text| is_plain(text)) {
        let short = commit.get(..12).unwrap_or(&commit);
        println!("cargo:rustc-env=HOLDFAST_COMMIT={short}");
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What `cargo package` has noted.
fn packaged() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    Some(rest.split('"').nth(1)?.to_owned())
}

/// The commit checked out here; not that of a repository that merely contains this folder.
fn checked_out() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
