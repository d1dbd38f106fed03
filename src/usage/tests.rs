use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 2026-04-16T02:00:00Z, which is 10:00 in the time zone of these tests.
const MORNING: u64 = 1_776_304_800;
const KEY: &str = "client-key-of-somebody";

fn statistics() -> Statistics {
    Statistics::new(|time| Timestamp::ahead(time, 8 * 3600))
}

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn attempt(failed: bool) -> Attempt<'static> {
    Attempt {
        api: KEY,
        model: "m",
        source: "user@example.com",
        auth_index: "fb1082343f9e54dc",
        began: moment(MORNING),
        latency: Duration::from_millis(812),
        tokens: match failed {
            true => Tokens::default(),
            false => Tokens {
                input_tokens: 10,
                output_tokens: 20,
                total_tokens: 30,
                ..Tokens::default()
            },
        },
        failed,
    }
}

fn shown(statistics: &Statistics, names: Names) -> Value {
    serde_json::to_value(statistics.snapshot(names)).unwrap()
}

fn import(statistics: &Statistics, document: &Value) -> Result<Merged, ImportError> {
    statistics.import(document.to_string().as_bytes(), moment(MORNING))
}

#[test]
fn a_snapshot_has_the_shape_that_others_know() {
    let statistics = statistics();
    let empty = serde_json::to_string(&statistics.snapshot(Names::Raw)).unwrap();
    assert_eq!(
        empty,
        r#"{"total_requests":0,"success_count":0,"failure_count":0,"total_tokens":0,"apis":{},"requests_by_day":{},"requests_by_hour":{},"tokens_by_day":{},"tokens_by_hour":{}}"#
    );
    statistics.record(attempt(false));
    let text = serde_json::to_string(&statistics.snapshot(Names::Raw)).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"total_requests":1,"success_count":1,"failure_count":0,"total_tokens":30,"#,
            r#""apis":{"client-key-of-somebody":{"total_requests":1,"total_tokens":30,"models":{"m":{"total_requests":1,"total_tokens":30,"#,
            r#""details":[{"timestamp":"2026-04-16T10:00:00+08:00","latency_ms":812,"source":"user@example.com","auth_index":"fb1082343f9e54dc","#,
            r#""tokens":{"input_tokens":10,"output_tokens":20,"reasoning_tokens":0,"cached_tokens":0,"total_tokens":30},"failed":false}]}}}},"#,
            r#""requests_by_day":{"2026-04-16":1},"requests_by_hour":{"10":1},"tokens_by_day":{"2026-04-16":30},"tokens_by_hour":{"10":30}}"#,
        )
    );
    statistics.record(attempt(true));
    let json = shown(&statistics, Names::Raw);
    assert_eq!(json["total_requests"], 2);
    assert_eq!(
        (&json["success_count"], &json["failure_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(json["requests_by_hour"], json!({"10": 2}));
}

#[test]
fn keys_are_masked_and_routes_are_not() {
    let statistics = statistics();
    for api in [KEY, "clie-and-another-body", "POST /v1/messages", " "] {
        statistics.record(Attempt {
            api,
            ..attempt(false)
        });
    }
    let names = |names| {
        let apis = shown(&statistics, names)["apis"]
            .as_object()
            .unwrap()
            .clone();
        apis.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        names(Names::Masked),
        [
            "POST /v1/messages",
            "clie...body",
            "clie...body (2)",
            "unknown"
        ]
    );
    assert_eq!(
        names(Names::Raw),
        ["POST /v1/messages", "clie-and-another-body", KEY, "unknown"]
    );
    let export = statistics.export(Names::Masked, moment(MORNING)).unwrap();
    assert!(!String::from_utf8(export).unwrap().contains(KEY));
}

#[test]
fn an_export_adds_nothing_where_it_came_from() {
    for names in [Names::Raw, Names::Masked] {
        let here = statistics();
        here.record(attempt(false));
        here.record(attempt(true));
        let export = here.export(names, moment(MORNING)).unwrap();
        let text = String::from_utf8(export.clone()).unwrap();
        assert!(text.starts_with(r#"{"version":1,"exported_at":"2026-04-16T02:00:00Z","usage":{"#));
        assert!(!text.contains("\"requests\""));
        let merged = here.import(&export, moment(0)).unwrap();
        assert_eq!(
            merged,
            Merged {
                added: 0,
                skipped: 2
            }
        );

        let there = Statistics::new(|time| Timestamp::ahead(time, -3600));
        let merged = there.import(&export, moment(0)).unwrap();
        assert_eq!(
            merged,
            Merged {
                added: 2,
                skipped: 0
            }
        );
        assert_eq!(there.import(&export, moment(0)).unwrap().added, 0);
        let json = shown(&there, names);
        assert_eq!(json["total_tokens"], 30);
        assert_eq!(
            json["requests_by_hour"],
            json!({"01": 2}),
            "by its own clock"
        );
    }
}

#[test]
fn what_is_imported_is_put_in_order() {
    let statistics = statistics();
    statistics.record(attempt(false));
    let detail = |changes: Value| {
        let mut detail = json!({"timestamp": "2026-04-16T02:00:00Z", "latency_ms": 5, "source": "user@example.com",
            "auth_index": "fb1082343f9e54dc", "failed": false,
            "tokens": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}});
        for (key, value) in changes.as_object().unwrap() {
            detail[key] = value.clone();
        }
        detail
    };
    let details = json!([
        detail(json!({})),
        detail(json!({"latency_ms": -5, "timestamp": "2026-04-16T03:00:00.000000001+01:00"})),
        detail(json!({"tokens": {"input_tokens": -1, "cached_tokens": 7}})),
        detail(json!({"timestamp": "0001-01-01T00:00:00Z", "source": "x"})),
        {},
        {},
    ]);
    let document = json!({"usage": {"total_requests": 99, "apis": {
        KEY: {"total_requests": 99, "models": {"m": {"details": details}, "": {"details": [{}]}, "n": {"details": null}}},
        " ": {"models": {"m": {"details": [{}]}}},
        "x": {"models": null},
    }}});
    let merged = import(&statistics, &document).unwrap();
    assert_eq!(
        merged,
        Merged {
            added: 5,
            skipped: 2
        }
    );
    let json = shown(&statistics, Names::Raw);
    assert_eq!(json["total_requests"], 6);
    assert_eq!(json["total_tokens"], 30 + 30 + 7 + 30);
    let models = &json["apis"][KEY]["models"];
    assert_eq!(models["unknown"]["total_requests"], 1);
    let latest = models["m"]["details"].as_array().unwrap().last().unwrap();
    assert_eq!(latest["latency_ms"], 0);
    assert_eq!(latest["timestamp"], "2026-04-16T10:00:00.000000001+08:00");
    assert!(json["apis"].as_object().unwrap().len() == 1, "{json}");
}

#[test]
fn what_is_no_export_is_refused() {
    let statistics = statistics();
    for text in [
        "",
        "[]x",
        "7",
        r#"{"usage":7}"#,
        r#"{"version":"1"}"#,
        r#"{"usage":{"apis":{"a":{"models":{"m":{"details":[{"timestamp":"today"}]}}}}}}"#,
    ] {
        let result = statistics.import(text.as_bytes(), moment(0));
        assert_eq!(result, Err(ImportError::InvalidJson), "{text}");
    }
    let result = import(&statistics, &json!({"version": 2, "usage": {}}));
    assert_eq!(result, Err(ImportError::UnsupportedVersion));
    assert_eq!(
        import(&statistics, &json!({"version": 0})),
        Ok(Merged::default())
    );
    assert_eq!(statistics.snapshot(Names::Raw).total_requests, 0);
}

#[test]
fn what_is_saved_is_restored() {
    let before = statistics();
    assert_eq!(before.save(moment(0)), None);
    before.record(attempt(false));
    before.record(attempt(true));
    before.request(true);
    let saved = before.save(moment(MORNING)).unwrap();
    assert_eq!(before.save(moment(MORNING)), None, "nothing new");
    before.unsaved();
    assert_eq!(before.save(moment(MORNING)), Some(saved.clone()));

    let after = statistics();
    after.restore(&saved).unwrap();
    assert_eq!(after.save(moment(0)), None);
    assert_eq!(shown(&after, Names::Raw), shown(&before, Names::Raw));
    assert_eq!(
        after.requests(),
        Requests {
            total: 1,
            failed: 1
        }
    );
    after.record(attempt(false));
    assert_eq!(after.snapshot(Names::Raw).total_requests, 3);
    assert!(after.restore(b"{").is_err());
    assert_eq!(after.snapshot(Names::Raw).total_requests, 3);
}

/// What happens to a ledger.
#[derive(Clone, Debug)]
enum Event {
    Add(Entry),
    Merge(Vec<Entry>),
    Restart,
}

type Entry = (u8, u8, u64, u64, bool);

fn entries() -> impl Strategy<Value = Entry> {
    (0..3_u8, 0..3_u8, 0..400_000_u64, 0..5_u64, any::<bool>())
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => entries().prop_map(Event::Add),
        1 => proptest::collection::vec(entries(), 0..20).prop_map(Event::Merge),
        1 => Just(Event::Restart),
    ]
}

fn detail((_, _, seconds, tokens, failed): Entry) -> Detail {
    Detail {
        timestamp: Timestamp::ahead(moment(seconds), 3600),
        tokens: Tokens {
            total_tokens: tokens,
            ..Tokens::default()
        },
        failed,
        ..Detail::default()
    }
}

proptest! {
    #[test]
    fn totals_are_those_of_all_that_was_ever_added(events in proptest::collection::vec(events(), 0..60)) {
        const CAPACITY: usize = 10;
        let mut ledger = Ledger::new(CAPACITY);
        let mut all: Vec<Entry> = Vec::new();
        for event in events {
            match event {
                Event::Add(entry) => {
                    ledger.add(&format!("api-{}", entry.0), &format!("m{}", entry.1), detail(entry));
                    all.push(entry);
                }
                Event::Merge(entries) => {
                    let kept = ledger.snapshot(Names::Raw);
                    let mut known: Vec<Entry> = Vec::new();
                    for entry in &entries {
                        let models = kept.apis.get(&format!("api-{}", entry.0)).map(|api| &api.models);
                        let details = models.and_then(|models| models.get(&format!("m{}", entry.1)));
                        let is_kept = details.is_some_and(|model| model.details.contains(&detail(*entry)));
                        if !is_kept && !known.contains(entry) {
                            known.push(*entry);
                        }
                    }
                    let mut other = Snapshot::default();
                    for entry in &entries {
                        let api = other.apis.entry(format!("api-{}", entry.0)).or_default();
                        let model = api.models.entry(format!("m{}", entry.1)).or_default();
                        model.details.push(detail(*entry));
                    }
                    let merged = ledger.merge(other);
                    prop_assert_eq!(merged.added, known.len() as u64);
                    prop_assert_eq!(merged.added + merged.skipped, entries.len() as u64);
                    all.extend(known);
                }
                Event::Restart => {
                    let snapshot = ledger.snapshot(Names::Raw);
                    ledger = Ledger::restored(CAPACITY, snapshot, Requests::default());
                }
            }
        }
        let snapshot = ledger.snapshot(Names::Raw);
        let (requests, tokens) = (all.len() as u64, all.iter().map(|entry| entry.3).sum::<u64>());
        prop_assert_eq!((snapshot.total_requests, snapshot.total_tokens), (requests, tokens));
        prop_assert_eq!(snapshot.failure_count, all.iter().filter(|entry| entry.4).count() as u64);
        prop_assert_eq!(snapshot.success_count + snapshot.failure_count, requests);
        type By = BTreeMap<String, (u64, u64)>;
        let fold = |key: &dyn Fn(&Entry) -> String| -> By {
            let mut by = By::new();
            for entry in &all {
                let sum = by.entry(key(entry)).or_default();
                *sum = (sum.0 + 1, sum.1 + entry.3);
            }
            by
        };
        let joined = |requests: &BTreeMap<String, u64>, tokens: &BTreeMap<String, u64>| -> By {
            requests.iter().map(|(key, count)| (key.clone(), (*count, tokens[key]))).collect()
        };
        prop_assert_eq!(
            joined(&snapshot.requests_by_day, &snapshot.tokens_by_day),
            fold(&|entry| format!("1970-01-{:02}", (entry.2 + 3600) / 86_400 + 1))
        );
        prop_assert_eq!(
            joined(&snapshot.requests_by_hour, &snapshot.tokens_by_hour),
            fold(&|entry| format!("{:02}", (entry.2 + 3600) % 86_400 / 3600))
        );
        let apis = snapshot.apis.iter().map(|(name, api)| (name.clone(), (api.total_requests, api.total_tokens)));
        prop_assert_eq!(apis.collect::<By>(), fold(&|entry| format!("api-{}", entry.0)));
        let models = snapshot.apis.iter().flat_map(|(name, api)| {
            api.models.iter().map(move |(model, sum)| (format!("{name}/{model}"), (sum.total_requests, sum.total_tokens)))
        });
        prop_assert_eq!(models.collect::<By>(), fold(&|entry| format!("api-{}/m{}", entry.0, entry.1)));
        let details: usize = snapshot.apis.values().flat_map(|api| api.models.values()).map(|model| model.details.len()).sum();
        prop_assert_eq!(details, all.len().min(CAPACITY));
    }
}

#[test]
fn only_the_newest_are_kept() {
    let mut ledger = Ledger::new(3);
    for second in 0..10 {
        ledger.add("a", "m", detail((0, 0, second, 1, false)));
    }
    let mut other = Snapshot::default();
    let model = other
        .apis
        .entry("a".into())
        .or_default()
        .models
        .entry("m".into())
        .or_default();
    for second in [20, 1, 8] {
        model.details.push(detail((0, 0, second, 1, false)));
    }
    // The one at 1 has been forgotten.
    assert_eq!(
        ledger.merge(other),
        Merged {
            added: 2,
            skipped: 1
        }
    );
    let snapshot = ledger.snapshot(Names::Raw);
    let kept: Vec<i64> = snapshot.apis["a"].models["m"]
        .details
        .iter()
        .map(|kept| kept.timestamp.instant().as_second())
        .collect();
    assert_eq!(kept, [8, 9, 20]);
    assert_eq!(snapshot.total_requests, 12);
}

#[test]
fn records_from_many_threads_are_all_counted() {
    let statistics = statistics();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| statistics.record(attempt(false))));
        }
    });
    assert_eq!(statistics.snapshot(Names::Raw).total_tokens, 60_000);
}
