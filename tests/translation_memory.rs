//! A body takes at most four times its size in memory on its way from one dialect to another, whatever is large in
//! it. Alone in its program: whatever another test allocated meanwhile would count.

#[path = "../benches/translation/conversation.rs"]
mod conversation;
#[path = "../benches/translation/memory.rs"]
mod memory;
#[path = "../benches/translation/shapes.rs"]
mod shapes;

use conversation::Results;
use holdfast::dialect::Dialect;
use shapes::Shape;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting::new();

/// Bytes of a body: enough that what is always there does not count.
const BYTES: usize = 2 * 1024 * 1024;

/// Where a schema of so many bytes has to become a tree, it is refused.
fn is_refused(upstream: Dialect, shape: Shape, bytes: usize) -> bool {
    match shape {
        Shape::OneTool => upstream == Dialect::Gemini,
        Shape::Output => matches!(upstream, Dialect::Gemini | Dialect::Messages),
        // More messages than there may be.
        Shape::TinyMessages => bytes > 11 * 1024 * 1024,
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
            let body = shapes::request(client, bytes, shape);
            bodies.push((format!("{shape:?}"), Some(shape), body));
        }
        for (name, shape, body) in bodies {
            for upstream in Dialect::ALL.into_iter().filter(|other| *other != client) {
                let peak = memory::peak(&ALLOCATOR, client, upstream, &body);
                let way = format!("{} to {}, {name}", client.name(), upstream.name());
                let expected = shape.is_some_and(|shape| is_refused(upstream, shape, bytes));
                match peak {
                    None if expected => println!("{way}: refused"),
                    Some(peak) if peak <= memory::MOST && !expected => println!("{way}: {peak:.2}"),
                    peak => beyond.push(format!("{way}: {peak:.2?}")),
                }
            }
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}
