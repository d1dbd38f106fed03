//! The program as a user runs it: arguments, signals, exit codes, what it prints.

mod harness;
mod identify;
#[cfg(feature = "demo")]
mod logs;
mod serve;
mod try_out;
