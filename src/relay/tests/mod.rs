//! Answers of every dialect, streams and bodies, and what becomes of those that are not what was asked for.

mod bodies;
mod ending;
mod keep_alive;
mod opening;
mod support;
mod writes;
