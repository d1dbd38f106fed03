//! The `holdfast` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast::heap::settle();
    holdfast::cli::run(std::env::args_os().skip(1))
}
