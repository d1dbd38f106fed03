//! Any sequence of what clients do, against a model that keeps everything it is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{AtUpstream, Bounds, Found, LIFE, NewAnswer, Parts, Store};
use crate::budget::Budget;
use crate::session::name::Client;

/// One thing that a client does.
#[derive(Clone, Debug)]
enum Step {
    /// An answer to a conversation, which may go on from another one.
    Create {
        id: u8,
        after: Option<u8>,
        input: Vec<(u8, u8)>,
        output: Vec<(u8, u8)>,
    },
    /// The same, kept by an upstream.
    Note {
        id: u8,
        items: Vec<u8>,
    },
    Delete(u8),
    Wait(u64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let items = || prop::collection::vec((0..6_u8, 0..3_u8), 0..4);
    prop_oneof![
        4 => (0..6_u8, prop::option::of(0..6_u8), items(), items())
            .prop_map(|(id, after, input, output)| Step::Create { id, after, input, output }),
        1 => (0..6_u8, prop::collection::vec(0..6_u8, 0..3)).prop_map(|(id, items)| Step::Note { id, items }),
        2 => (0..6_u8).prop_map(Step::Delete),
        1 => (0..20_u64).prop_map(|hours| Step::Wait(hours * 3600)),
        1 => Just(Step::Sweep),
    ]
}

/// An item of few ids and texts, so that they meet.
fn item((id, text): (u8, u8)) -> String {
    match id {
        // Without an id of its own.
        0 => format!(
            r#"{{"role":"user","content":"{}"}}"#,
            "y".repeat(usize::from(text) * 40)
        ),
        id => format!(
            r#"{{"id":"i{id}","type":"message","text":"{}"}}"#,
            "x".repeat(usize::from(text) * 40)
        ),
    }
}

fn object(id: u8, output: &[String]) -> String {
    format!(
        r#"{{"id":"r{id}","output":[{}],"store":true}}"#,
        output.join(",")
    )
}

#[derive(Clone, Debug)]
enum Kept {
    Here {
        context: Vec<String>,
        output: Vec<String>,
    },
    AtUpstream,
}

/// What one client is told and has not deleted.
#[derive(Debug, Default)]
struct Model {
    answers: HashMap<u8, (Kept, Instant)>,
}

impl Model {
    fn texts(&self) -> impl Iterator<Item = &String> {
        self.answers
            .values()
            .flat_map(|(kept, _)| match kept {
                Kept::Here { context, output } => [context.as_slice(), output.as_slice()],
                Kept::AtUpstream => [&[][..], &[]],
            })
            .flatten()
    }
}

fn texts(items: &[Arc<super::Item>]) -> Vec<String> {
    items.iter().map(|item| item.text().to_owned()).collect()
}

/// Does one step on both. The model lets go of what the store turns out to have let go of.
fn take(
    store: &Store,
    model: &mut Model,
    client: Client,
    step: &Step,
    now: &mut Instant,
) -> Result<(), TestCaseError> {
    match step {
        Step::Create {
            id,
            after,
            input,
            output,
        } => {
            let mut context: Vec<Arc<super::Item>> = Vec::new();
            let mut expected: Vec<String> = Vec::new();
            if let Some(after) = after {
                match store.answer(client, &format!("r{after}"), *now) {
                    Found::Here(answer) => {
                        context.extend(answer.items().cloned());
                        let (kept, used) = model.answers.get_mut(after).expect("it was created");
                        *used = *now;
                        match kept {
                            Kept::Here { context, output } => {
                                expected.extend(context.iter().chain(&*output).cloned());
                            }
                            Kept::AtUpstream => prop_assert!(false, "it is at the upstream"),
                        }
                    }
                    Found::AtUpstream(_) => {
                        let (kept, used) = model.answers.get_mut(after).expect("it was noted");
                        prop_assert!(matches!(kept, Kept::AtUpstream));
                        *used = *now;
                        return Ok(());
                    }
                    Found::Nowhere => {
                        model.answers.remove(after);
                        return Ok(());
                    }
                }
            }
            let own: Vec<String> = input.iter().map(|one| item(*one)).collect();
            let given: Vec<_> = own.iter().map(|text| text.as_str().into()).collect();
            let Ok((items, _reservation)) = store.items(client, &given) else {
                // As a request does that finds no memory: its answer is not kept.
                return Ok(());
            };
            context.extend(items);
            expected.extend(own);
            let output: Vec<String> = output.iter().map(|one| item(*one)).collect();
            let object = object(*id, &output);
            let parts = Parts::of(object.as_bytes()).expect("a response");
            store.keep(client, NewAnswer { parts, context }, *now);
            let kept = Kept::Here {
                context: expected,
                output,
            };
            model.answers.insert(*id, (kept, *now));
        }
        Step::Note { id, items } => {
            let items = items.iter().map(|item| format!("i{item}").into()).collect();
            let there = AtUpstream {
                credential: Arc::from("credential"),
                names: None,
            };
            store.note(client, &format!("r{id}"), items, there, *now);
            model.answers.insert(*id, (Kept::AtUpstream, *now));
        }
        Step::Delete(id) => {
            store.delete(client, &format!("r{id}"));
            model.answers.remove(id);
        }
        Step::Wait(seconds) => *now += Duration::from_secs(*seconds),
        Step::Sweep => {
            store.sweep(*now);
        }
    }
    Ok(())
}

/// What the store has is what the model has; all of it, if the store `keeps_all` that is not too old.
fn compare(
    store: &Store,
    model: &mut Model,
    client: Client,
    keeps_all: bool,
    now: Instant,
) -> Result<(), TestCaseError> {
    for id in 0..6 {
        let found = store.answer(client, &format!("r{id}"), now);
        let known = model.answers.get(&id).cloned();
        let is_live = known
            .as_ref()
            .is_some_and(|(_, used)| now.saturating_duration_since(*used) <= LIFE);
        match (found, known) {
            (Found::Here(answer), Some((Kept::Here { context, output }, _))) if is_live => {
                prop_assert_eq!(texts(&answer.context), context);
                prop_assert_eq!(answer.object(), object(id, &output));
                prop_assert_eq!(texts(&answer.output), output);
            }
            (Found::AtUpstream(_), Some((Kept::AtUpstream, _))) if is_live => {}
            (Found::Nowhere, known) => {
                prop_assert!(known.is_none() || !is_live || !keeps_all, "{} is lost", id);
                model.answers.remove(&id);
                continue;
            }
            (found, known) => prop_assert!(false, "{:?} for {:?}", found, known),
        }
        if let Some((_, used)) = model.answers.get_mut(&id) {
            *used = now;
        }
    }
    for id in 1..6 {
        if let Found::Here(item) = store.item(client, &format!("i{id}")) {
            prop_assert_eq!(item.id(), format!("i{id}"));
            prop_assert!(
                model.texts().any(|text| text == item.text()),
                "it belongs to an answer"
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_was_created_is_found_until_it_is_deleted(
        steps in prop::collection::vec((0..3_usize, step()), 1..60),
    ) {
        let budget = Budget::unlimited();
        let store = Store::new(Bounds { answers: 99, bytes: usize::MAX, all_answers: 99, all_bytes: usize::MAX }, &budget);
        let clients = ["", "a", "b"].map(Client::new);
        let mut models: [Model; 3] = Default::default();
        let mut now = Instant::now();
        for (who, step) in &steps {
            take(&store, &mut models[*who], clients[*who], step, &mut now)?;
            for (client, model) in clients.iter().zip(&mut models) {
                compare(&store, model, *client, true, now)?;
            }
            prop_assert_eq!(budget.used(), store.size().1);
        }
        for (client, model) in clients.iter().zip(&models) {
            for id in model.answers.keys() {
                let id = format!("r{id}");
                prop_assert!(store.delete(*client, &id));
            }
        }
        prop_assert_eq!(store.size(), (0, 0));
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn bounds_hold_and_nothing_wrong_is_found(
        steps in prop::collection::vec((0..3_usize, step()), 1..80),
        answers in 0..4_usize,
        bytes in 0..6_000_usize,
        all_answers in 0..8_usize,
        all_bytes in 0..9_000_usize,
        memory in 3_000..12_000_usize,
    ) {
        let budget = Budget::new(memory);
        let store = Store::new(Bounds { answers, bytes, all_answers, all_bytes }, &budget);
        let clients = ["", "a", "b"].map(Client::new);
        let mut models: [Model; 3] = Default::default();
        let mut now = Instant::now();
        for (who, step) in &steps {
            take(&store, &mut models[*who], clients[*who], step, &mut now)?;
            let (count, size) = store.size();
            prop_assert!(count <= all_answers && size <= all_bytes.min(memory));
            for (client, model) in clients.iter().zip(&mut models) {
                let (count, size) = store.size_of(*client);
                prop_assert!(count <= answers && size <= bytes);
                compare(&store, model, *client, false, now)?;
            }
            prop_assert_eq!(budget.used(), store.size().1);
        }
    }

    #[test]
    fn whoever_has_little_loses_nothing_by_others(flood in 1..40_usize) {
        let budget = Budget::unlimited();
        let store = Store::new(Bounds { answers: 99, bytes: usize::MAX, all_answers: 12, all_bytes: usize::MAX }, &budget);
        let (quiet, loud) = (Client::new("quiet"), Client::new("loud"));
        let now = Instant::now();
        let keep = |client: Client, id: usize| {
            let object = format!(r#"{{"id":"r{id}","output":[]}}"#);
            let parts = Parts::of(object.as_bytes()).unwrap();
            store.keep(client, NewAnswer { parts, context: Vec::new() }, now);
        };
        (0..6).for_each(|id| keep(quiet, id));
        (0..flood).for_each(|id| keep(loud, id));
        for id in 0..6 {
            let found = store.answer(quiet, &format!("r{id}"), now);
            prop_assert!(matches!(found, Found::Here(_)));
            let found = store.answer(loud, &format!("r{}", id + flood), now);
            prop_assert!(matches!(found, Found::Nowhere));
        }
    }
}

#[test]
fn an_answer_that_is_asked_for_too_late_gives_its_memory_back() {
    let budget = Budget::new(10_000);
    let bounds = Bounds {
        answers: 9,
        bytes: 9_000,
        all_answers: 9,
        all_bytes: 9_000,
    };
    let store = Store::new(bounds, &budget);
    let (client, now) = (Client::new("a"), Instant::now());
    let object = r#"{"id":"r","output":[{"id":"i","text":"x"}]}"#;
    let parts = Parts::of(object.as_bytes()).unwrap();
    let context = Vec::new();
    store.keep(client, NewAnswer { parts, context }, now);
    assert!(budget.used() > 0);
    let late = now + LIFE + Duration::from_secs(1);
    assert!(matches!(store.answer(client, "r", late), Found::Nowhere));
    assert_eq!((budget.used(), store.size()), (0, (0, 0)));
}
