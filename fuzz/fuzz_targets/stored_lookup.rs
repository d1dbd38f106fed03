//! Any sequence of what clients do with stored answers: no panic, bounds hold, the budget knows all that is kept, and
//! what is found is what was kept under that id by that client.

#![no_main]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::session::name::Client;
use holdfast::unversioned::stored::{Bounds, Found, NewAnswer, Parts, Store, There};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [memory, all, each, steps @ ..] = data else {
        return;
    };
    let budget = Budget::new(usize::from(*memory) * 256);
    let bounds = Bounds {
        answers: usize::from(*each % 16),
        bytes: usize::from(*each) * 64,
        all_answers: usize::from(*all % 32),
        all_bytes: usize::from(*all) * 128,
    };
    let store = Store::new(bounds, &budget);
    let clients = ["", "a", "b"].map(Client::new);
    let mut kept: HashMap<(usize, u8), String> = HashMap::new();
    let mut now = Instant::now();
    for step in steps.chunks(4) {
        let [what, id, text, other] = step else {
            return;
        };
        let who = usize::from(*what >> 6) % clients.len();
        let (client, id, other) = (clients[who], id % 8, other % 8);
        let name = format!("r{id}");
        match what % 6 {
            0 | 1 => {
                let context = match store.answer(client, &format!("r{other}"), now) {
                    Found::Here(answer) if answer.items().count() < 64 => {
                        answer.items().cloned().collect()
                    }
                    _ => Vec::new(),
                };
                let item = format!(
                    r#"{{"id":"i{}","text":"{}"}}"#,
                    text % 8,
                    "x".repeat(usize::from(*text))
                );
                let object = format!(r#"{{"id":"{name}","output":[{item},{item}]}}"#);
                let parts = Parts::of(object.as_bytes()).expect("a response");
                store.keep(client, NewAnswer { parts, context }, now);
                kept.insert((who, id), object);
            }
            2 => {
                let items = vec![format!("i{}", text % 8).into()];
                let there = There {
                    credential: Arc::from("credential"),
                    names: Some(("upstream".into(), "client".into())),
                };
                store.note(client, &name, items, there, now);
                kept.remove(&(who, id));
            }
            3 => {
                store.delete(client, &name);
                kept.remove(&(who, id));
            }
            4 => now += Duration::from_secs(u64::from(*text) * 600),
            _ => drop(store.sweep(now)),
        }
        let (answers, bytes) = store.size();
        assert!(answers <= bounds.all_answers && bytes <= bounds.all_bytes);
        assert_eq!(budget.used(), bytes);
        for (who, client) in clients.iter().enumerate() {
            let (answers, bytes) = store.size_of(*client);
            assert!(answers <= bounds.answers && bytes <= bounds.bytes);
            for id in 0..8 {
                if let Found::Here(answer) = store.answer(*client, &format!("r{id}"), now) {
                    assert_eq!(Some(&answer.object()), kept.get(&(who, id)));
                }
                if let Found::Here(item) = store.item(*client, &format!("i{id}")) {
                    assert_eq!(item.id(), format!("i{id}"));
                }
            }
        }
    }
});
