//! What the janitor does for the gateway.

use std::sync::Arc;
use std::time::Duration;

use super::server::Server;
use super::{credential_files, model_lists, saved_usage};
use crate::budget::Budget;
use crate::heap;
use crate::janitor::Task;

/// How often sessions are written to their file.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// How often idle connections to upstreams are checked.
const CONNECTIONS_INTERVAL: Duration = Duration::from_secs(5);

/// How often memory is returned to the system.
const MEMORY_INTERVAL: Duration = Duration::from_secs(10);

/// Bytes of bodies and answers since the last time that make it worthwhile.
const MUCH: usize = 16 << 20;

/// How often the size of the folder of logs is checked.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// The longest interval between removals of expired sessions.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// All tasks of a gateway.
pub fn all(server: &Arc<Server>, budget: &Budget) -> Vec<Task> {
    let mut tasks = vec![
        sweep_sessions(server),
        sweep_signatures(server),
        sweep_stored(server),
        sweep_connections(server),
        give_back_memory(server, budget),
        write_sessions(server),
        write_usage(server),
        prune_logs(server),
    ];
    if server.has_credential_files() {
        tasks.push(look_at_credential_files(server));
    }
    if server.fetches_models() {
        tasks.push(fetch_models(server));
    }
    tasks
}

fn sweep_sessions(server: &Arc<Server>) -> Task {
    let (every, run) = (Arc::clone(server), Arc::clone(server));
    Task {
        name: "sweep sessions",
        every: Box::new(move || {
            every
                .session_ttl()
                .map_or(SWEEP_INTERVAL, |ttl| (ttl / 2).min(SWEEP_INTERVAL))
                .max(Duration::from_millis(100))
        }),
        run: Box::new(move |now| run.sweep_sessions(now)),
    }
}

fn sweep_signatures(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep signatures",
        every: Box::new(|| crate::session::signature_store::SWEEP),
        run: Box::new(move |now| server.sweep_signatures(now)),
    }
}

fn sweep_stored(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep stored answers",
        every: Box::new(|| crate::stored::SWEEP),
        run: Box::new(move |now| server.sweep_stored(now)),
    }
}

fn sweep_connections(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "sweep upstream connections",
        every: Box::new(|| CONNECTIONS_INTERVAL),
        run: Box::new(move |now| server.sweep_connections(now)),
    }
}

/// Returns memory to the system after much of it was used and freed.
fn give_back_memory(server: &Arc<Server>, budget: &Budget) -> Task {
    let (server, budget) = (Arc::clone(server), budget.clone());
    let mut most = 0;
    Task {
        name: "give back memory",
        every: Box::new(|| MEMORY_INTERVAL),
        run: Box::new(move |_| {
            // Stored responses stay in memory.
            let used = budget.used().saturating_sub(server.stored_bytes());
            most = most.max(used);
            if used < MUCH / 4 && most >= MUCH {
                heap::give_back();
                most = 0;
            }
        }),
    }
}

fn write_sessions(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "write sessions and cooldowns",
        every: Box::new(|| WRITE_INTERVAL),
        run: Box::new(move |_| {
            server.write_sessions();
            server.write_cooldowns();
        }),
    }
}

fn write_usage(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "write usage",
        every: Box::new(|| saved_usage::WRITE_INTERVAL),
        run: Box::new(move |_| server.write_usage()),
    }
}

fn prune_logs(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "prune logs",
        every: Box::new(|| PRUNE_INTERVAL),
        run: Box::new(move |_| server.prune_logs()),
    }
}

fn look_at_credential_files(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "look at credential files",
        every: Box::new(|| credential_files::LOOK),
        run: Box::new(move |_| server.look_at_credential_files()),
    }
}

fn fetch_models(server: &Arc<Server>) -> Task {
    let server = Arc::clone(server);
    Task {
        name: "fetch lists of models",
        every: Box::new(|| model_lists::LOOK),
        run: Box::new(move |now| server.fetch_models(now)),
    }
}
