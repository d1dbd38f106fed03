//! The model lists.

use holdfast::unversioned::http::models::{self, ListShape, ListedModel};
use serde_json::{Value, json};

fn model(id: &str) -> ListedModel {
    ListedModel {
        id: id.to_owned(),
        owned_by: "openai".to_owned(),
        ..ListedModel::default()
    }
}

fn known() -> ListedModel {
    ListedModel {
        created: Some(1_759_104_000),
        display_name: Some("Claude Sonnet 4.5".to_owned()),
        description: Some("A model".to_owned()),
        version: Some("001".to_owned()),
        input_limit: Some(200_000),
        output_limit: Some(64_000),
        methods: vec!["countTokens".to_owned()],
        input_modalities: vec!["TEXT".to_owned()],
        ..model("team/claude-sonnet-4-5")
    }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("a list is JSON")
}

#[test]
fn openai() {
    let models = [
        model("z"),
        known(),
        ListedModel {
            created: Some(0),
            ..model("a")
        },
    ];
    assert_eq!(
        read(&models::list(ListShape::OpenAi, &models)),
        json!({"object": "list", "data": [
            {"id": "a", "object": "model", "owned_by": "openai"},
            {"id": "team/claude-sonnet-4-5", "object": "model", "created": 1_759_104_000, "owned_by": "openai"},
            {"id": "z", "object": "model", "owned_by": "openai"},
        ]})
    );
    assert_eq!(
        read(&models::list(ListShape::OpenAi, &[])),
        json!({"object": "list", "data": []})
    );
    let single = models::single(ListShape::OpenAi, &models, "z").expect("listed");
    assert_eq!(
        read(&single),
        json!({"id": "z", "object": "model", "owned_by": "openai"})
    );
    assert_eq!(models::single(ListShape::OpenAi, &models, "Z"), None);
}

#[test]
fn claude() {
    let models = [model("z"), known(), model("a")];
    let entry = json!({
        "id": "team/claude-sonnet-4-5", "object": "model", "owned_by": "openai", "type": "model",
        "display_name": "Claude Sonnet 4.5", "created_at": "2025-09-29T00:00:00Z",
        "max_input_tokens": 200_000, "max_tokens": 64_000,
    });
    assert_eq!(
        read(&models::list(ListShape::Claude, &models)),
        json!({
            "data": [
                entry,
                {"id": "a", "object": "model", "owned_by": "openai", "type": "model"},
                {"id": "z", "object": "model", "owned_by": "openai", "type": "model"},
            ],
            "has_more": false, "first_id": "team/claude-sonnet-4-5", "last_id": "z",
        })
    );
    assert_eq!(
        read(&models::list(ListShape::Claude, &[])),
        json!({"data": [], "has_more": false, "first_id": "", "last_id": ""})
    );
    let single = models::single(ListShape::Claude, &models, "team/claude-sonnet-4-5");
    assert_eq!(read(&single.expect("listed")), entry);
}

#[test]
fn dates() {
    for (created, text) in [
        (1, "1970-01-01T00:00:01Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        let model = ListedModel {
            created: Some(created),
            ..model("m")
        };
        let single = models::single(ListShape::Claude, &[model], "m").expect("listed");
        assert_eq!(read(&single)["created_at"], text);
    }
    for created in [0, -1, 253_402_300_800, i64::MAX, i64::MIN] {
        let model = ListedModel {
            created: Some(created),
            ..model("m")
        };
        let single = models::single(ListShape::Claude, &[model], "m").expect("listed");
        assert_eq!(read(&single).get("created_at"), None);
    }
}

#[test]
fn gemini() {
    let models = [model("z"), known()];
    let entry = json!({
        "name": "models/team/claude-sonnet-4-5", "version": "001", "displayName": "Claude Sonnet 4.5",
        "description": "A model", "inputTokenLimit": 200_000, "outputTokenLimit": 64_000,
        "supportedGenerationMethods": ["countTokens"], "supportedInputModalities": ["TEXT"],
    });
    assert_eq!(
        read(&models::gemini_list(&models)),
        json!({"models": [entry, {
            "name": "models/z", "displayName": "z", "description": "z",
            "supportedGenerationMethods": ["generateContent"],
        }]})
    );
    for name in ["team/claude-sonnet-4-5", "models/team/claude-sonnet-4-5"] {
        let single = models::gemini_single(&models, name).expect("listed");
        assert_eq!(read(&single), entry);
    }
    let bare = models::gemini_single(&models, "z").expect("listed");
    assert_eq!(read(&bare), json!({"name": "models/z"}));
    assert_eq!(models::gemini_single(&models, "claude-sonnet-4-5"), None);
}

#[test]
fn clients_of_the_claude_format() {
    for (headers, shape) in [
        (
            &[("user-agent", "claude-cli/2.0.1 (external)")][..],
            ListShape::Claude,
        ),
        (&[("anthropic-version", "2023-06-01")], ListShape::Claude),
        (&[("user-agent", "Claude-CLI/2")], ListShape::OpenAi),
        (&[("user-agent", "curl/8 claude-cli")], ListShape::OpenAi),
        (&[], ListShape::OpenAi),
    ] {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        assert_eq!(ListShape::for_client(header), shape, "{headers:?}");
    }
}
