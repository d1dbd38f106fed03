//! How much memory is in use, and the most there was.

#![allow(
    unsafe_code,
    reason = "An allocator that counts is unsafe by its trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast::unversioned::translate::{self, Form, TranslationInput};
use holdfast::unversioned::wire::Dialect;

/// The memory that a conversation may take on its way, by its size.
pub const MOST: f64 = 4.0;

pub struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    pub const fn new() -> Self {
        Self {
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// The most bytes that were in use during `work` beyond those before it.
    pub fn peak_during<T>(&self, work: impl FnOnce() -> T) -> (usize, T) {
        let before = self.now.load(Ordering::Relaxed);
        self.most.store(before, Ordering::Relaxed);
        let result = work();
        (self.most.load(Ordering::Relaxed) - before, result)
    }

    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.most.fetch_max(now, Ordering::Relaxed);
    }
}

// SAFETY: everything is the system's allocator's; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: as demanded of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it moves, both are there.
        self.add(size);
        self.now.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.realloc(block, layout, size) }
    }
}

pub fn ask(client: Dialect, upstream: Dialect, body: &[u8]) -> TranslationInput<'_> {
    TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body,
        model: "m",
        upstream_model: "m",
        stream: true,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1_700_000_000,
    }
}

/// The most memory that is in use while a conversation is translated, itself included, by its size.
pub fn peak(memory: &Counting, client: Dialect, upstream: Dialect, body: &[u8]) -> Option<f64> {
    let (peak, translated) =
        memory.peak_during(|| translate::request(&ask(client, upstream, body)).is_ok());
    translated.then_some((peak + body.len()) as f64 / body.len() as f64)
}
