//! Fetching the lists of models that are due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::model_lists::{Fetched, ModelLists, filled};
use super::server::Server;
use crate::credential::Credential;
use crate::generation::snapshot::Snapshot;
use crate::provider::Target;

/// Lists that are fetched concurrently.
const TOGETHER: usize = 4;
/// After this time, fetched lists are used although others are missing.
const MEANWHILE: Duration = Duration::from_secs(3);
/// Stack size of a fetching thread, bytes. Debug builds need more.
const STACK: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    256 << 10
};

impl Server {
    pub fn fetches_models(&self) -> bool {
        self.lists.is_some()
    }

    /// Fetches due lists on a separate thread, so as not to delay other periodic tasks.
    pub fn fetch_models(self: &Arc<Self>, now: Instant) {
        let Some(lists) = &self.lists else { return };
        let mut thread = lists.thread.lock();
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let snapshot = self.snapshot.load_full();
        let due = lists.due(&snapshot, now);
        if due.is_empty() {
            return;
        }
        let (server, own) = (Arc::clone(self), Arc::clone(lists));
        let started = thread::Builder::new()
            .name("models".to_owned())
            .stack_size(STACK)
            .spawn(move || server.fetch_all(&own, &snapshot, due));
        match started {
            Ok(started) => *thread = Some(started),
            Err(error) => log::warn!("models: cannot fetch lists: {error}"),
        }
    }

    fn fetch_all(
        &self,
        lists: &Arc<ModelLists>,
        snapshot: &Snapshot,
        due: VecDeque<Arc<Credential>>,
    ) {
        let threads = due.len().min(TOGETHER);
        let queue = Mutex::new(due);
        let come: Mutex<(Vec<Fetched>, Instant)> = Mutex::new((Vec::new(), Instant::now()));
        let work = || {
            while !lists.is_stopping.load(Ordering::Acquire)
                && let Some(credential) = { queue.lock().pop_front() }
            {
                let waiter = lists.waiter();
                let headers = credential.headers_for(&[]);
                let target = Target::of(&credential, &headers, &snapshot.config);
                // Files have their tokens in the store.
                let account = credential.account.as_ref();
                let issued =
                    account.map(|account| self.services.tokens.issued(&account.file, &waiter));
                let outcome = issued.transpose().and_then(|issued| {
                    let key = issued.as_ref().map(|issued| &issued.token).or(target.key);
                    let target = Target { key, ..target };
                    self.services.upstream.models(target, &waiter)
                });
                // The thread has a reference to itself.
                waiter.keep_alive(None);
                if lists.is_stopping.load(Ordering::Acquire) {
                    return;
                }
                let mut come = come.lock();
                come.0.push((credential, outcome.and_then(filled)));
                if come.1.elapsed() >= MEANWHILE {
                    self.take_models(lists, std::mem::take(&mut come.0));
                    come.1 = Instant::now();
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                let builder = thread::Builder::new().stack_size(STACK);
                // If no thread can be started, the others do the work.
                let _ = builder.name("models".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
        if !lists.is_stopping.load(Ordering::Acquire) {
            self.take_models(lists, come.into_inner().0);
        }
    }

    /// Applies new lists.
    fn take_models(&self, lists: &ModelLists, fetched: Vec<Fetched>) {
        let _changing = self.changing.lock();
        let before = self.snapshot.load_full();
        let count = lists.take(fetched, &before, Instant::now());
        if count == 0 {
            return;
        }
        let snapshot = self.snapshot_of(before.config.clone()).0;
        let plural = if count == 1 { "" } else { "s" };
        log::info!(
            "models: new lists for {count} credential{plural}; {} models are offered",
            snapshot.listed.len()
        );
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Stops fetching lists, and waits for running fetches.
    pub fn stop_fetching(&self) {
        if let Some(lists) = &self.lists {
            lists.stop();
        }
    }
}
