//! The version.

/// `0.1.0`, or `0.1.0 (1a2b3c4d5e6f)` if the commit is known.
pub fn short() -> String {
    match option_env!("HOLDFAST_COMMIT") {
        Some(commit) => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
        None => env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The line of `--version`.
pub fn line() -> String {
    format!("holdfast {} {}\n", short(), env!("HOLDFAST_TARGET"))
}
