//! Scenarios of failover, retries and sessions that need neither a socket nor a wire format. Time is simulated.

mod health;
mod placement;
mod retries;
mod sessions;
mod support;
