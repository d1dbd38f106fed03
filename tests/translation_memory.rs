//! A body takes at most four times its size in memory on its way from one dialect to another, whatever is large in
//! it. Alone in its program: whatever another test allocated meanwhile would count.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

#[path = "../benches/translation/conversation.rs"]
mod conversation;
#[path = "../benches/translation/memory.rs"]
mod memory;
#[path = "../benches/translation/shapes.rs"]
mod shapes;

use conversation::Results;
use holdfast::unversioned::translate::memory_needed;
use holdfast::unversioned::wire::Dialect;
use shapes::Shape;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting::new();

/// Bytes of a body: enough that what is always there does not count.
const BYTES: usize = 512 * 1024;

/// Where a schema of so many bytes has to become a tree, it is refused.
fn is_refused(upstream: Dialect, shape: Shape) -> bool {
    match shape {
        Shape::OneTool => upstream == Dialect::Gemini,
        Shape::Output => matches!(upstream, Dialect::Gemini | Dialect::Messages),
        _ => false,
    }
}

#[test]
fn a_body_takes_at_most_four_times_its_size() {
    let bytes = std::env::var("HOLDFAST_TEST_MIB").ok();
    let bytes = bytes.and_then(|mib| mib.parse::<usize>().ok());
    let bytes = bytes.map_or(BYTES, |mib| mib * 1024 * 1024);
    let mut beyond = Vec::new();
    for client in Dialect::ALL {
        let mut bodies = Vec::new();
        for results in [Results::Short, Results::Files] {
            let body = conversation::request(client, bytes, results);
            bodies.push((format!("{results:?}"), None, body));
        }
        for shape in Shape::ALL {
            let bytes = match shape {
                // Smaller ones are trees for a while, which takes more than four times as much, but not much.
                Shape::OneTool | Shape::Output => bytes.max(1024 * 1024),
                _ => bytes,
            };
            let body = shapes::request(client, bytes, shape);
            bodies.push((format!("{shape:?}"), Some(shape), body));
        }
        for (name, shape, body) in bodies {
            for upstream in Dialect::ALL.into_iter().filter(|other| *other != client) {
                let peak = memory::peak(&ALLOCATOR, client, upstream, &body);
                let way = format!("{} to {}, {name}", client.name(), upstream.name());
                let expected = shape.is_some_and(|shape| is_refused(upstream, shape));
                // So many of them as come to 16 MiB are refused.
                let is_tiny = matches!(shape, Some(Shape::TinyMessages | Shape::TinyParts));
                let most = match is_tiny {
                    true => 1.0 + memory_needed(upstream, body.len()) as f64 / body.len() as f64,
                    false => memory::MOST,
                };
                match peak {
                    None if expected => println!("{way}: refused"),
                    Some(peak) if peak <= most && !expected => println!("{way}: {peak:.2}"),
                    peak => beyond.push(format!("{way}: {peak:.2?}")),
                }
            }
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
    too_many_are_refused();
}

/// Of messages so short, 16 MiB are more than there may be.
fn too_many_are_refused() {
    for shape in [Shape::TinyMessages, Shape::TinyParts] {
        let body = shapes::request(Dialect::Chat, 16 * 1024 * 1024, shape);
        let peak = memory::peak(&ALLOCATOR, Dialect::Chat, Dialect::Responses, &body);
        assert_eq!(peak, None, "{shape:?}");
    }
}
