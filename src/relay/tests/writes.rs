//! How much of a stream goes out in one write.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::support::*;
use crate::budget::Budget;
use crate::exchange::Waiter;
use crate::provider::Answer;
use crate::relay::*;
use crate::translate::{Stream, TranslationContext};
use crate::wire::Dialect::Chat;

/// Gives what has arrived without waiting; a wait for the next arrival ends as those of a socket do.
struct Arrivals {
    waiter: Waiter,
    here: Vec<u8>,
    later: VecDeque<Vec<u8>>,
}

impl Read for Arrivals {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.here.is_empty() {
            let limit = Instant::now() + Duration::from_millis(1);
            self.waiter.wait(None, Some(limit))?;
            self.here = self.later.pop_front().unwrap_or_default();
        }
        let count = room.len().min(self.here.len());
        room[..count].copy_from_slice(&self.here[..count]);
        self.here.drain(..count);
        Ok(count)
    }
}

/// Keeps its writes apart.
struct Writes(Vec<Vec<u8>>);

impl Write for &mut Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writes in which a stream of chat goes out, as it is or by way of a translation.
fn writes(answer: Answer, is_crossing: bool) -> Vec<Vec<u8>> {
    let opened = stream::open(answer, &asked(Chat, &Budget::unlimited())).unwrap();
    let mut out = Writes(Vec::new());
    let on_end: OnEnd<'_> = &mut |_| {};
    let relayed = match opened {
        opened if is_crossing => {
            let stream = Stream::new(TranslationContext::straight(Chat, "m", "seed", 1), false);
            Translation::new(opened, stream, &Budget::unlimited()).pump(
                Chunks::new(&mut out),
                None,
                on_end,
            )
        }
        Opened::Events(primed) => primed.pump(Chunks::new(&mut out), STYLE, on_end),
        Opened::Whole(_) => panic!("a stream"),
    };
    assert_ne!(relayed.ended, Ended::ClientGone);
    out.0
}

#[test]
fn what_has_come_together_goes_out_in_one_write_and_before_anything_is_waited_for() {
    let long = "x".repeat(30_000);
    for arrivals in [
        vec![chat_event("one").repeat(100), chat_event("two")],
        vec![
            chat_event("one"),
            chat_event(&long) + &chat_event("two"),
            chat_event("three"),
        ],
        // An event in two parts goes out when it is whole.
        vec![chat_event("one") + "data: {\"id", "\":1}\n\n".to_owned()],
    ] {
        for is_crossing in [false, true] {
            let waiter = Waiter::alone();
            let arrivals = arrivals.iter().map(|text| text.as_bytes().to_vec());
            let mut later: VecDeque<_> = arrivals.collect();
            let count = later.len();
            later
                .back_mut()
                .unwrap()
                .extend_from_slice(b"data: [DONE]\n\n");
            let body = Arrivals {
                waiter: waiter.clone(),
                here: Vec::new(),
                later,
            };
            let answer = Answer {
                body: Box::new(body),
                waiter,
                ..answer("")
            };
            let writes = writes(answer, is_crossing);
            assert_eq!(writes.len(), count, "{is_crossing}");
            assert!(writes.last().unwrap().ends_with(b"0\r\n\r\n"));
        }
    }
}

#[test]
fn what_has_come_together_is_not_gathered_without_bound() {
    let events = chat_event("one").repeat(10_000) + "data: [DONE]\n\n";
    for is_crossing in [false, true] {
        let writes = writes(answer(&events), is_crossing);
        let longest = writes.iter().map(Vec::len).max();
        assert!(longest < Some(2 * event_loop::TOGETHER), "{longest:?}");
    }
}
