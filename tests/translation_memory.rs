//! A long conversation takes at most four times its size in memory on its way from one dialect to another. Alone in
//! its program: whatever another test allocated meanwhile would count.

#[path = "../benches/translation/conversation.rs"]
mod conversation;
#[path = "../benches/translation/memory.rs"]
mod memory;

use conversation::Results;
use holdfast::dialect::Dialect;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting::new();

#[test]
fn a_conversation_of_1_mib_takes_at_most_four_times_its_size() {
    let mut beyond = Vec::new();
    for client in Dialect::ALL {
        for results in [Results::Short, Results::Files] {
            let body = conversation::request(client, memory::LARGE_BYTES, results);
            for upstream in Dialect::ALL.into_iter().filter(|other| *other != client) {
                let peak = memory::peak(&ALLOCATOR, client, upstream, &body);
                let peak = peak.expect("the conversation can be said in every dialect");
                let way = format!("{} to {}", client.name(), upstream.name());
                println!("{way}, {results:?}: {peak:.2}");
                if peak > memory::MOST {
                    beyond.push(format!("{way}, {results:?}: {peak:.2}"));
                }
            }
        }
    }
    assert_eq!(beyond, Vec::<String>::new());
}
