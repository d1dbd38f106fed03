//! Further builds of the gateway.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release build with function names.
pub fn with_names() -> io::Result<PathBuf> {
    // The release profile plus names.
    build(&["--profile", "profiling"])?;
    Ok(target().join("profiling").join("holdfast"))
}

/// The release build without default features, in a separate folder, as it would replace the release build.
pub fn without_features() -> io::Result<PathBuf> {
    let folder = target().join("no-default-features");
    let text = folder.display().to_string();
    build(&[
        "--release",
        "--no-default-features",
        "--target-dir",
        text.as_str(),
    ])?;
    Ok(folder.join("release").join("holdfast"))
}

fn build(arguments: &[&str]) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--bin", "holdfast"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("the build {arguments:?} failed"))),
    }
}

fn target() -> &'static Path {
    let shipped = Path::new(env!("CARGO_BIN_EXE_holdfast"));
    shipped.ancestors().nth(2).unwrap_or(Path::new("target"))
}
