//! Stored answers: retrieval, deletion, lifetime, limits.

use super::*;

#[test]
fn answers_can_be_retrieved_until_they_are_deleted() {
    let setup = setup(2);
    for model in models() {
        for streams in [false, true] {
            let created = create(
                &setup,
                &json!({"model": model, "input": "one", "stream": streams}),
            );
            let what = format!("{model}: {created}");
            let found = about(&setup, KEY, "GET", id(&created), "");
            assert_eq!(found.status(), 200, "{what}");
            assert_eq!(found.json(), created, "{what}");
            let head = {
                let mut client = setup.client();
                let bearer = format!("Bearer {KEY}");
                let path = format!("/v1/responses/{}", id(&created));
                client.send("HEAD", &path, &[("Authorization", &bearer)], b"");
                client.head()
            };
            assert_eq!(head.status, 200, "{what}");
            let items = about(&setup, KEY, "GET", id(&created), "/input_items").json();
            assert_eq!(items["object"], "list", "{what}");
            assert_eq!(items["data"][0]["content"][0]["text"], "one", "{what}");
            assert_eq!(items["has_more"], false, "{what}");
            let (status, _, _, message) =
                error(&about(&setup, KEY, "POST", id(&created), "/cancel"));
            assert_eq!(
                (status, &*message),
                (400, "Cannot cancel a synchronous response."),
                "{what}"
            );
            let deleted = about(&setup, KEY, "DELETE", id(&created), "").json();
            assert_eq!(
                deleted,
                json!({"id": created["id"], "object": "response", "deleted": true})
            );
            for (method, below) in [("GET", ""), ("DELETE", ""), ("GET", "/input_items")] {
                let gone = about(&setup, KEY, method, id(&created), below);
                assert_eq!(gone.status(), 404, "{what} {method}");
            }
            let body =
                json!({"model": model, "input": "two", "previous_response_id": id(&created)});
            assert_eq!(post(&setup, &body).status(), 400, "{what}");
        }
    }
}

#[test]
fn input_items_are_paged() {
    let setup = setup(1);
    for model in kept_here() {
        let input: Vec<Value> = (0..25)
            .map(|n| json!({"role": "user", "content": format!("message {n}")}))
            .collect();
        let created = create(&setup, &json!({"model": model, "input": input}));
        let page = |query: &str| {
            about(
                &setup,
                KEY,
                "GET",
                id(&created),
                &format!("/input_items{query}"),
            )
        };
        let text = |item: &Value| item["content"][0]["text"].as_str().unwrap().to_owned();
        let first = page("").json();
        assert_eq!(first["data"].as_array().unwrap().len(), 20, "{model}");
        assert_eq!(
            (text(&first["data"][0]), &first["has_more"]),
            ("message 24".to_owned(), &json!(true))
        );
        let after = first["last_id"].as_str().unwrap();
        let second = page(&format!("?after={after}&limit=100")).json();
        assert_eq!(
            (text(&second["data"][4]), &second["has_more"]),
            ("message 0".to_owned(), &json!(false))
        );
        let ascending = page("?order=asc&limit=2").json();
        assert_eq!(text(&ascending["data"][1]), "message 1");
        assert_eq!(ascending["data"][1]["id"], ascending["last_id"]);
        for (query, status) in [
            ("?limit=0", 400),
            ("?limit=101", 400),
            ("?order=up", 400),
            ("?after=none", 404),
        ] {
            assert_eq!(page(query).status(), status, "{model}{query}");
        }
    }
}

#[test]
fn answers_are_not_shared_between_client_keys() {
    let setup = setup(1);
    for model in models() {
        let created = create(&setup, &json!({"model": model, "input": "my secret"}));
        for (method, below) in [
            ("GET", ""),
            ("GET", "/input_items"),
            ("DELETE", ""),
            ("POST", "/cancel"),
        ] {
            let answer = about(&setup, "other-key", method, id(&created), below);
            assert_eq!(answer.status(), 404, "{model}: {method}{below}");
        }
        if model != Dialect::Responses.model() {
            let item = &created["output"][0]["id"];
            for body in [
                json!({"model": model, "input": "hi", "previous_response_id": created["id"]}),
                json!({"model": model, "input": [{"type": "item_reference", "id": item}]}),
            ] {
                let path = "/v1/responses";
                let answer = call(
                    &setup,
                    "other-key",
                    "POST",
                    path,
                    body.to_string().as_bytes(),
                );
                assert!(
                    [400, 404].contains(&answer.status()),
                    "{model}: {}",
                    answer.text()
                );
            }
        }
        // It is still stored.
        assert_eq!(
            about(&setup, KEY, "GET", id(&created), "").status(),
            200,
            "{model}"
        );
    }
}

#[test]
fn unstored_answers_are_not_found() {
    let setup = setup(1);
    for model in models() {
        for streams in [false, true] {
            let created = create(
                &setup,
                &json!({"model": model, "input": "one", "store": false,
                "stream": streams}),
            );
            assert_eq!(created["store"], false, "{model}");
            assert_eq!(
                about(&setup, KEY, "GET", id(&created), "").status(),
                404,
                "{model}"
            );
            let body =
                json!({"model": model, "input": "two", "previous_response_id": id(&created)});
            assert_eq!(post(&setup, &body).status(), 400, "{model}");
        }
    }
}

#[test]
fn a_reload_keeps_stored_answers() {
    let setup = setup(2);
    let created: Vec<(String, Value)> = models()
        .into_iter()
        .map(|model| {
            let created = create(&setup, &json!({"model": model, "input": "one"}));
            (model, created)
        })
        .collect();
    let text = text(&setup.upstreams, 2, "debug: true");
    setup.gateway().reload(parse(&text));
    for (model, created) in &created {
        assert_eq!(
            about(&setup, KEY, "GET", id(created), "").json(),
            *created,
            "{model}"
        );
        let body = json!({"model": model, "input": "two", "previous_response_id": id(created)});
        assert_eq!(
            words(&create(&setup, &body)),
            "This is turn 2. You said: two",
            "{model}"
        );
    }
}

#[test]
fn stored_answers_count_towards_the_memory_budget_and_are_limited() {
    let setup = with(1, "limits:\n  memory: 64MiB\n");
    let model = Dialect::Messages.model();
    let text = "x".repeat(1024 * 1024);
    let mut ids = Vec::new();
    for n in 0..12 {
        let created = create(
            &setup,
            &json!({"model": model, "input": format!("{n} {text}")}),
        );
        ids.push(id(&created).to_owned());
    }
    let found: Vec<bool> = ids
        .iter()
        .map(|id| about(&setup, KEY, "GET", id, "").status() == 200)
        .collect();
    // One client may use an eighth of the memory.
    let kept = found.iter().filter(|found| **found).count();
    assert!((4..8).contains(&kept), "{found:?}");
    assert!(found.is_sorted(), "the oldest are removed first: {found:?}");
}
