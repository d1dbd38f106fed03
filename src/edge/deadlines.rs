//! Who is to be looked at when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Times at which connections want to be looked at. A time that is moved forward costs nothing: the entry
/// stays where it is, and whoever is woken too early asks again.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
}

/// A connection's side of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline {
    at: Option<Instant>,
    /// The entry in the heap that will fire first.
    queued: Option<Instant>,
}

impl Deadline {
    pub fn is_set(&self) -> bool {
        self.at.is_some()
    }
}

impl Deadlines {
    /// Sets the deadline of connection `key`.
    pub fn set(&mut self, key: usize, deadline: &mut Deadline, at: Option<Instant>) {
        deadline.at = at;
        if let Some(at) = at
            && deadline.queued.is_none_or(|queued| at < queued)
        {
            deadline.queued = Some(at);
            self.heap.push(Reverse((at, key)));
        }
    }

    /// When the next one may be due.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes a connection whose entry has fired; to be followed by [`Deadlines::is_due`].
    pub fn take_fired(&mut self, now: Instant) -> Option<usize> {
        let Reverse((at, key)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some(key)
    }

    /// Whether the connection whose entry has fired is really due; if not, it is queued again.
    pub fn is_due(&mut self, key: usize, deadline: &mut Deadline, now: Instant) -> bool {
        deadline.queued = None;
        match deadline.at {
            Some(at) if at <= now => true,
            at => {
                self.set(key, deadline, at);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_moved_forward_fires_late() {
        let mut deadlines = Deadlines::default();
        let mut deadline = Deadline::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        deadlines.set(7, &mut deadline, Some(at(1)));
        deadlines.set(7, &mut deadline, Some(at(5)));
        assert_eq!(deadlines.take_fired(at(0)), None);
        assert_eq!(deadlines.take_fired(at(2)), Some(7));
        assert!(!deadlines.is_due(7, &mut deadline, at(2)));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.take_fired(at(5)), Some(7));
        assert!(deadlines.is_due(7, &mut deadline, at(5)));
    }

    #[test]
    fn a_deadline_moved_back_fires_early_and_a_lifted_one_never() {
        let mut deadlines = Deadlines::default();
        let mut deadline = Deadline::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        deadlines.set(7, &mut deadline, Some(at(9)));
        deadlines.set(7, &mut deadline, Some(at(3)));
        assert_eq!(deadlines.next(), Some(at(3)));
        deadlines.set(7, &mut deadline, None);
        assert_eq!(deadlines.take_fired(at(3)), Some(7));
        assert!(!deadlines.is_due(7, &mut deadline, at(3)));
    }
}
