//! The `holdfast` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast::unversioned::heap::settle();
    holdfast::unversioned::cli::run(std::env::args_os().skip(1))
}
