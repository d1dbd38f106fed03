//! The table of commands and flags. The parser, `--help`, the completions and the manual page are generated
//! from it.

mod accounts;
mod commands;
mod flag;
mod serving;
mod shared;

pub use commands::{COMMANDS, EXIT_CODES, SERVE};
pub use flag::{Action, By, Command, Flag, Id, SignIn, Support, Values};
pub use shared::{CHANNELS, CLIENTS, FORMATS, PROGRAMS, PROVIDERS, SHELLS};
