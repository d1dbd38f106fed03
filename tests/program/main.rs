//! The program as a user runs it: arguments, signals, exit codes, what it prints.

mod harness;
mod identify;
mod serve;
mod try_out;
