//! Every fixture from its dialect to every other one.

mod answers;
mod fixtures;
mod hostile;
mod requests;
