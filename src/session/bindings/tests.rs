use proptest::prelude::*;

use super::*;
use crate::session::prefix::Beginning;
use crate::session::scan::scan_with_turns;

const TTL: Duration = Duration::from_secs(3600);
const A: CredentialId = CredentialId(0);
const B: CredentialId = CredentialId(1);

fn bindings(capacity: usize) -> Bindings {
    let size = |n| NonZeroUsize::new(n).unwrap();
    Bindings::new(size(capacity), size(10_000), Instant::now())
}

fn named(session: &str) -> Key {
    Key {
        client: Default::default(),
        names: vec![Name::new("", session, "m")],
        prefix: None,
    }
}

/// A conversation of messages with a system prompt.
fn talk(system: &str, messages: &[&str]) -> Key {
    let messages: Vec<serde_json::Value> = messages
        .iter()
        .zip(["user", "assistant"].into_iter().cycle())
        .map(|(text, role)| serde_json::json!({"role": role, "content": text}))
        .collect();
    let body = serde_json::json!({"system": system, "messages": messages}).to_string();
    let prefix = scan_with_turns(body.as_bytes()).unwrap().turns.prefix();
    Key {
        client: Default::default(),
        names: Vec::new(),
        prefix: Some((Name::new("", "", "m"), prefix)),
    }
}

fn insert(bindings: &mut Bindings, key: &Key, credential_id: CredentialId, now: Instant) -> Id {
    let id = bindings.insert(key.client, credential_id, now);
    bindings.attach(id, key);
    id
}

/// A request that is served, wherever its session is.
fn visit(bindings: &mut Bindings, key: &Key, otherwise: CredentialId, now: Instant) -> Id {
    match bindings.find(key, TTL, now) {
        Known::Bound(id) => {
            bindings.attach(id, key);
            bindings.change(id, now, |_| {});
            id
        }
        _ => insert(bindings, key, otherwise, now),
    }
}

#[test]
fn a_session_is_found_by_any_of_its_names() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    let id = insert(&mut bindings, &named("s"), A, now);
    let both = Key {
        client: Default::default(),
        names: vec![named("other").names[0], named("s").names[0]],
        prefix: None,
    };
    assert_eq!(bindings.find(&both, TTL, now), Known::Bound(id));
    bindings.attach(id, &both);
    assert_eq!(bindings.find(&named("other"), TTL, now), Known::Bound(id));
    assert_eq!(bindings.find(&named("t"), TTL, now), Known::Nothing);
}

#[test]
fn expiry_slides_and_includes_its_instant() {
    let mut bindings = bindings(10);
    let start = Instant::now();
    let id = insert(&mut bindings, &named("s"), A, start);
    bindings.change(id, start + TTL, |_| {});
    assert_eq!(bindings.sweep(TTL, start + TTL * 2), 0);
    assert_eq!(
        bindings.find(&named("s"), TTL, start + TTL * 2),
        Known::Bound(id)
    );
    let late = start + TTL * 2 + Duration::from_nanos(1);
    assert_eq!(bindings.find(&named("s"), TTL, late), Known::Nothing);
    assert!(bindings.is_empty());
    assert_eq!(bindings.loads().sessions(A), 0);
}

#[test]
fn a_request_under_way_keeps_its_session() {
    let mut bindings = bindings(10);
    let start = Instant::now();
    let id = insert(&mut bindings, &named("s"), A, start);
    bindings.change(id, start, |binding| binding.in_flight = 1);
    let late = start + TTL * 3;
    assert_eq!(bindings.sweep(TTL, late), 0);
    bindings.change(id, late, |binding| binding.in_flight = 0);
    assert_eq!(bindings.sweep(TTL, late + TTL), 0);
    assert_eq!(bindings.sweep(TTL, late + TTL + TTL), 1);
    assert!(bindings.is_empty());
}

#[test]
fn what_vanished_credentials_held_is_released() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    insert(&mut bindings, &named("s"), A, now);
    let lent = insert(&mut bindings, &named("t"), A, now);
    bindings.change(lent, now, |binding| binding.temporary = Some(B));
    bindings.retain(|credential_id| credential_id == B);
    assert_eq!(bindings.len(), 1);
    assert_eq!(bindings.get(lent).unwrap().primary, Some(B));
    assert_eq!(
        (bindings.loads().sessions(A), bindings.loads().sessions(B)),
        (0, 1)
    );
}

#[test]
fn memory_is_bounded() {
    let mut bindings = bindings(100);
    let now = Instant::now();
    for session in 0..1_000 {
        insert(&mut bindings, &named(&session.to_string()), A, now);
    }
    assert_eq!(bindings.len(), 100);
    assert_eq!(bindings.loads().sessions(A), 100);
    assert!(matches!(
        bindings.find(&named("999"), TTL, now),
        Known::Bound(_)
    ));
    assert_eq!(bindings.find(&named("0"), TTL, now), Known::Nothing);
}

#[test]
fn a_million_random_ids_cost_no_more_than_what_is_kept() {
    let now = Instant::now();
    let mut bindings = Bindings::new(CAPACITY, NAMES, now);
    let mut name = [0; 16];
    for n in 0..1_000_000_u64 {
        name[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let id = bindings.insert(Client::default(), A, now);
        bindings.add_name(id, Name(name));
    }
    assert_eq!(bindings.len(), CAPACITY.get());
    assert!(bindings.names.total() <= NAMES.get());
    assert_eq!(bindings.loads().sessions(A) as usize, CAPACITY.get());
}

#[test]
fn a_binding_has_so_many_names() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    let id = insert(&mut bindings, &named("0"), A, now);
    for n in 1..200 {
        bindings.add_name(id, named(&n.to_string()).names[0]);
    }
    let known = |n: u32, bindings: &mut Bindings| {
        bindings.find(&named(&n.to_string()), TTL, now) == Known::Bound(id)
    };
    assert!(known(199, &mut bindings) && known(136, &mut bindings));
    assert!(!known(135, &mut bindings));
    // The session's own name, if every request brings it, is not dropped for what comes once.
    for n in 200..400 {
        bindings.attach(id, &named("own"));
        bindings.add_name(id, named(&n.to_string()).names[0]);
    }
    assert_eq!(bindings.find(&named("own"), TTL, now), Known::Bound(id));
}

#[test]
fn a_conversation_goes_on() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    let first = visit(&mut bindings, &talk("sys", &["one"]), A, now);
    let turns = ["one", "answer", "two", "answer", "three"];
    for count in [1, 3, 3, 5] {
        let key = talk("sys", &turns[..count]);
        assert_eq!(bindings.find(&key, TTL, now), Known::Bound(first));
        visit(&mut bindings, &key, B, now);
    }
    assert_eq!(bindings.len(), 1);
    // Another one with the same system prompt.
    let other = talk("sys", &["uno"]);
    assert_eq!(bindings.find(&other, TTL, now), Known::Nothing);
    let other = talk("another", &["one"]);
    assert_eq!(bindings.find(&other, TTL, now), Known::Nothing);
}

#[test]
fn what_is_taken_back_and_put_otherwise_is_the_same_conversation() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    let id = visit(&mut bindings, &talk("s", &["one"]), A, now);
    visit(&mut bindings, &talk("s", &["one", "a", "two"]), A, now);
    let edited = talk("s", &["one", "a", "two, rather"]);
    assert_eq!(bindings.find(&edited, TTL, now), Known::Bound(id));
}

#[test]
fn conversations_with_the_same_opening_part_where_they_differ() {
    let mut bindings = bindings(10);
    let now = Instant::now();
    let one = visit(&mut bindings, &talk("s", &["open"]), A, now);
    let next = talk("s", &["open", "a", "go on"]);
    assert_eq!(bindings.find(&next, TTL, now), Known::Bound(one));
    visit(&mut bindings, &next, A, now);
    let other = talk("s", &["open", "b", "go elsewhere"]);
    let Known::Branch { from, share } = bindings.find(&other, TTL, now) else {
        panic!("a branch");
    };
    assert_eq!(from, one);
    assert!((0.1..0.9).contains(&share), "{share}");
    let two = insert(&mut bindings, &other, B, now);
    let later = talk("s", &["open", "b", "go elsewhere", "c", "more"]);
    assert_eq!(bindings.find(&later, TTL, now), Known::Bound(two));
    assert_eq!(bindings.find(&next, TTL, now), Known::Bound(one));
}

#[test]
fn marks_for_the_cache_and_the_billing_line_do_not_count() {
    let prefix = |body: &str| {
        let prefix = scan_with_turns(body.as_bytes()).unwrap().turns.prefix();
        prefix.beginnings().to_vec()
    };
    let plain = prefix(
        r#"{"system":[{"type":"text","text":"x-anthropic-billing-header: cch=1;"},{"type":"text","text":"S"}],
            "messages":[{"role":"user","content":"hello"},{"role":"assistant","content":[{"type":"tool_use","id":"t","input":{}}]}]}"#,
    );
    let marked = prefix(
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hello","cache_control":{"type":"ephemeral"}}]},
            {"content":[{"type":"tool_use","id":"t","input":{},"cache_control":{"type":"ephemeral"}}],"role":"assistant"}],
            "system":[{"type":"text","text":"x-anthropic-billing-header: cch=2;"},{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}]}"#,
    );
    let hashes = |prefix: &[super::super::prefix::Beginning]| {
        prefix.iter().map(|b| b.hash).collect::<Vec<_>>()
    };
    assert_eq!(plain.len(), 2);
    assert_eq!(hashes(&plain), hashes(&marked));
    let in_a_string = r#"{"system":"x-anthropic-billing-header: cch=3;\nS","messages":[{"role":"user","content":"hello"}]}"#;
    let other = r#"{"system":"x-anthropic-billing-header: cch=4;\nS","messages":[{"role":"user","content":"hello"}]}"#;
    assert_eq!(hashes(&prefix(in_a_string)), hashes(&prefix(other)));
    for different in [
        r#"{"messages":[{"role":"user","content":"hello!"}],"system":"S"}"#,
        r#"{"messages":[{"role":"assistant","content":"hello"}],"system":"S"}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"image","text":"hello"}]}],"system":"S"}"#,
    ] {
        assert_ne!(
            hashes(&prefix(different)),
            hashes(&plain)[..1],
            "{different}"
        );
    }
}

#[test]
fn every_dialect_has_beginnings() {
    for (body, count) in [
        (
            r#"{"messages":[{"role":"system","content":"S"},{"role":"developer","content":"D"},{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"user","content":"v"}]}"#,
            3,
        ),
        (r#"{"instructions":"S","input":"hello"}"#, 1),
        (
            r#"{"input":[{"role":"developer","content":"S"},{"role":"user","content":"u"},{"type":"reasoning","id":"r"},{"type":"function_call","call_id":"c"},{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
            4,
        ),
        (
            r#"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"u"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]}]}"#,
            2,
        ),
        (r#"{"messages":[]}"#, 0),
        (r#"{"messages":[{"role":"system","content":"S"}]}"#, 0),
        (r#"{"prompt":"x"}"#, 0),
    ] {
        let prefix = scan_with_turns(body.as_bytes()).unwrap().turns.prefix();
        assert_eq!(prefix.beginnings().len(), count, "{body}");
        let sizes: Vec<u64> = prefix.beginnings().iter().map(|b| b.size).collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
    }
}

#[test]
fn an_expired_session_does_not_take_the_name_of_the_next_one_with_it() {
    let mut bindings = bindings(10);
    let start = Instant::now();
    insert(&mut bindings, &named("s"), A, start);
    let late = start + TTL + TTL;
    let id = bindings.insert(Client::default(), B, late);
    bindings.attach(id, &named("t"));
    bindings.attach(id, &named("s"));
    assert_eq!(bindings.sweep(TTL, late), 1);
    let id = visit(&mut bindings, &named("s"), B, late);
    assert_eq!(bindings.find(&named("s"), TTL, late), Known::Bound(id));
}

fn of_client(client: &str, session: &str) -> Key {
    Key {
        client: Client::new(client),
        names: vec![Name::new(client, session, "m")],
        prefix: None,
    }
}

/// A conversation of so many messages without a name.
fn long(client: &str, talk: u64, messages: u64) -> Key {
    let beginnings = (0..messages).map(|at| Beginning {
        hash: talk << 32 | at,
        size: at,
    });
    Key {
        client: Client::new(client),
        names: Vec::new(),
        prefix: Some((Name::new(client, "", "m"), Prefix::of(beginnings.collect()))),
    }
}

#[test]
fn nobody_is_put_out_by_another_client() {
    let now = Instant::now();
    let mut bindings = Bindings::new(CAPACITY, NAMES, now);
    let others: Vec<Key> = (0..40)
        .map(|n| of_client(["b", "c", "", "d"][n % 4], &n.to_string()))
        .chain((0..40).map(|n| long(["b", "e"][n % 2], n as u64, 9)))
        .collect();
    for key in &others {
        visit(&mut bindings, key, B, now);
    }
    for n in 0..66_000 {
        visit(&mut bindings, &of_client("flood", &n.to_string()), A, now);
    }
    let last = of_client("flood", "65999");
    assert!(matches!(bindings.find(&last, TTL, now), Known::Bound(_)));
    for n in 0..2_000 {
        visit(&mut bindings, &long("flood", n, 250), A, now);
    }
    assert_eq!(bindings.len(), CAPACITY.get());
    assert!(bindings.names.total() <= NAMES.get());
    for key in &others {
        let Known::Bound(id) = bindings.find(key, TTL, now) else {
            panic!("{key:?} is forgotten");
        };
        assert_eq!(bindings.get(id).unwrap().primary, Some(B));
    }
}

#[test]
fn nothing_is_left_of_clients_that_are_gone() {
    let start = Instant::now();
    let mut bindings = bindings(1_000);
    for n in 0..500 {
        visit(&mut bindings, &long(&n.to_string(), n, 3), A, start);
    }
    assert_eq!(bindings.sweep(TTL, start + TTL * 2), 500);
    assert!(bindings.slots.is_empty() && bindings.clients.is_empty());
    assert_eq!((bindings.names.total(), bindings.len()), (0, 0));
    assert_eq!(bindings.loads().sessions(A), 0);
}

#[derive(Clone, Debug)]
enum Step {
    /// A request of a client's session.
    Ask(usize, u8),
    Remove(usize, u8),
    Pass(u64),
    Sweep,
}

const CLIENTS: [&str; 4] = ["", "a", "b", "flood"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_usize, 0..6_u8).prop_map(|(client, session)| Step::Ask(client, session)),
        6 => any::<u8>().prop_map(|session| Step::Ask(3, session)),
        1 => (0..4_usize, any::<u8>()).prop_map(|(client, session)| Step::Remove(client, session)),
        1 => (1_u64..2_000).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A list for each client, the least recently used first.
    #[test]
    fn room_is_made_by_who_holds_the_most(steps in steps(), capacity in 1..20_usize) {
        let mut bindings = bindings(capacity);
        let mut model: [Vec<(u8, Instant)>; 4] = Default::default();
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Ask(client, session) => {
                    visit(&mut bindings, &of_client(CLIENTS[client], &session.to_string()), A, now);
                    model[client].retain(|(known, used)| *known != session || now - *used > TTL);
                    let is_known = model.iter().map(Vec::len).sum::<usize>() < bindings.len();
                    // One that has expired is forgotten before room is made.
                    model[client].retain(|(known, _)| *known != session);
                    let total: usize = model.iter().map(Vec::len).sum();
                    if !is_known && total >= capacity {
                        let most = model.iter().map(Vec::len).max().unwrap();
                        let full = |at: &usize| model[*at].len() == most;
                        let own = Some(client).filter(full);
                        // Which of several is left open.
                        let who = own.or_else(|| {
                            (0..4).filter(full).find(|at| {
                                let (oldest, _) = model[*at][0];
                                let key = of_client(CLIENTS[*at], &oldest.to_string());
                                bindings.find(&key, TTL * 1_000, now) == Known::Nothing
                            })
                        });
                        prop_assert!(who.is_some(), "another one has been put out");
                        model[who.unwrap()].remove(0);
                    }
                    model[client].push((session, now));
                }
                Step::Remove(client, session) => {
                    let key = of_client(CLIENTS[client], &session.to_string());
                    if let Known::Bound(id) = bindings.find(&key, TTL * 1_000, now) {
                        bindings.remove(id);
                    }
                    model[client].retain(|(known, _)| *known != session);
                }
                Step::Pass(time) => now += Duration::from_secs(time),
                Step::Sweep => {
                    bindings.sweep(TTL, now);
                    for sessions in &mut model {
                        sessions.retain(|(_, used)| now - *used <= TTL);
                    }
                }
            }
            prop_assert_eq!(bindings.len(), model.iter().map(Vec::len).sum::<usize>());
            prop_assert_eq!(bindings.loads().sessions(A) as usize, bindings.len());
            for (client, sessions) in CLIENTS.iter().zip(&model) {
                for (session, _) in sessions {
                    let key = of_client(client, &session.to_string());
                    let known = bindings.find(&key, TTL * 1_000, now);
                    prop_assert!(matches!(known, Known::Bound(_)), "{} {}", client, session);
                }
            }
        }
    }

    /// Who holds less than an equal share of the names loses none.
    #[test]
    fn beginnings_of_others_are_not_put_out(
        steps in prop::collection::vec((0..4_usize, 0..4_u64, 1..12_u64), 1..60),
        capacity in 20..80_usize,
    ) {
        let now = Instant::now();
        let size = |n| NonZeroUsize::new(n).unwrap();
        let mut bindings = Bindings::new(size(1_000), size(capacity), now);
        let mut held = [0; 4];
        for (client, talk, messages) in steps {
            let before: Vec<usize> = (0..4).map(|at| names_of(&bindings, CLIENTS[at])).collect();
            let talk = if client == 3 { talk << 8 | messages } else { talk };
            visit(&mut bindings, &long(CLIENTS[client], talk, messages), A, now);
            prop_assert!(bindings.names.total() <= capacity);
            for at in 0..4 {
                held[at] = names_of(&bindings, CLIENTS[at]);
                if at != client && before[at] <= capacity / 4 {
                    prop_assert_eq!(held[at], before[at], "{} of {:?}", at, before);
                }
            }
            prop_assert_eq!(held.iter().sum::<usize>(), bindings.names.total());
        }
    }
}

fn names_of(bindings: &Bindings, client: &str) -> usize {
    let slot = bindings.slots.get(&Client::new(client));
    let held = slot.and_then(|slot| bindings.clients.get(*slot));
    held.map_or(0, |held| held.names.count())
}
