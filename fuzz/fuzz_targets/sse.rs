//! However a stream is cut, its events are the same, and joined they are the stream.

#![no_main]

use holdfast::unversioned::sse::{MAX_EVENT, Splitter};
use libfuzzer_sys::fuzz_target;

fn split<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut splitter = Splitter::new(MAX_EVENT);
    let mut events = Vec::new();
    for part in parts {
        if splitter.push(part).is_err() {
            break;
        }
        while let Some(event) = splitter.next_event() {
            let _ = (event.name(), event.data(), event.fields().count());
            events.push(event.raw.to_vec());
        }
    }
    let _ = splitter.last_event().data();
    (events, splitter.rest().to_vec())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let whole = split(std::iter::once(stream));
    assert_eq!([whole.0.concat(), whole.1.clone()].concat(), stream);
    assert_eq!(split(stream.chunks(usize::from(step).max(1))), whole);
});
