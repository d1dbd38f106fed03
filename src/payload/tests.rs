mod properties;

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|why| panic!("{text} {why}"))
}

fn set_in(text: &str, at: &str, value: &str) -> String {
    set(text, &path(at), value).unwrap_or_else(|| text.to_owned())
}

fn delete_in(text: &str, at: &str) -> String {
    delete(text, &path(at)).unwrap_or_else(|| text.to_owned())
}

/// Each form of a path, and what it reads, sets and deletes.
#[test]
fn values_are_set() {
    for (at, value, before, after) in [
        ("a.b.c", "1", "{}", r#"{"a":{"b":{"c":1}}}"#),
        ("a.b", "2", r#"{"a":1}"#, r#"{"a":{"b":2}}"#),
        ("a.b", "2", r#"{"a":"s"}"#, r#"{"a":{"b":2}}"#),
        ("a.b", "2", r#"{"a":null}"#, r#"{"a":{"b":2}}"#),
        ("a.b", "2", r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
        ("a.0", "9", r#"{"a":[1,2]}"#, r#"{"a":[9,2]}"#),
        ("a.0", "9", "{}", r#"{"a":[9]}"#),
        ("a.0", "9", r#"{"a":{}}"#, r#"{"a":{"0":9}}"#),
        (
            "a.5",
            "9",
            r#"{"a":[1,2]}"#,
            r#"{"a":[1,2,null,null,null,9]}"#,
        ),
        ("a.2", "9", "{}", r#"{"a":[null,null,9]}"#),
        ("a.2", "9", r#"{"a":[ ]}"#, r#"{"a":[ null,null,9]}"#),
        ("a.-1", "9", r#"{"a":[1,2]}"#, r#"{"a":[1,2,9]}"#),
        ("a.-1", "9", "{}", r#"{"a":[9]}"#),
        ("a.-1", "9", r#"{"a":{}}"#, r#"{"a":{"-1":9}}"#),
        (
            "a.-1.b",
            "2",
            r#"{"a":[{"b":1}]}"#,
            r#"{"a":[{"b":1},{"b":2}]}"#,
        ),
        ("a.0.b", "2", "{}", r#"{"a":[{"b":2}]}"#),
        ("a.:0", "9", "{}", r#"{"a":{"0":9}}"#),
        ("a.:0", "9", r#"{"a":[1]}"#, r#"{"a":[9]}"#),
        ("a.:-1", "9", "{}", r#"{"a":{"-1":9}}"#),
        // Found by fuzzing: an escape makes no key of an index.
        (r"a.-\1", "9", r#"{"a":[1]}"#, r#"{"a":[1,9]}"#),
        (r"a\.b", "1", "{}", r#"{"a.b":1}"#),
        (r"a\*b", "1", "{}", r#"{"a*b":1}"#),
        (r"\#", "1", "{}", r##"{"#":1}"##),
        (r"\@x\|y\?\\", "1", "{}", r#"{"@x|y?\\":1}"#),
        (
            "a.#.x",
            "5",
            r#"{"a":[{"x":1},{"x":2},{"y":0}]}"#,
            r#"{"a":[{"x":5},{"x":5},{"y":0}]}"#,
        ),
        (
            "a.#(x==2).x",
            "5",
            r#"{"a":[{"x":1},{"x":2},{"x":2}]}"#,
            r#"{"a":[{"x":1},{"x":5},{"x":2}]}"#,
        ),
        (
            "a.#(x==2)#.x",
            "5",
            r#"{"a":[{"x":2},{"x":1},{"x":2}]}"#,
            r#"{"a":[{"x":5},{"x":1},{"x":5}]}"#,
        ),
        (
            "a.#(x==2)",
            "5",
            r#"{"a":[{"x":1},{"x":2}]}"#,
            r#"{"a":[{"x":1},5]}"#,
        ),
        ("a.#(==2)#", "5", r#"{"a":[1,2,2]}"#, r#"{"a":[1,5,5]}"#),
        (
            "a.#(x==1).y",
            "5",
            r#"{"a":[{"x":1},{"x":2}]}"#,
            r#"{"a":[{"x":1},{"x":2}]}"#,
        ),
        ("a.#.y", "5", r#"{"a":[{"x":1}]}"#, r#"{"a":[{"x":1}]}"#),
        ("a.#", "5", r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        ("a*", "5", r#"{"b":1}"#, r#"{"b":1}"#),
        (
            "a*",
            "5",
            r#"{"b":1,"ab":2,"ac":3}"#,
            r#"{"b":1,"ab":5,"ac":3}"#,
        ),
        ("a?", "5", r#"{"a":1}"#, r#"{"a":1}"#),
        ("a?", "5", r#"{"a":1,"ab":2}"#, r#"{"a":1,"ab":5}"#),
        ("a|b", "5", r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        ("@x", "5", r#"{"@x":1}"#, r#"{"@x":1}"#),
        (
            "a.b",
            "2",
            r#"{"a":{"b":1,"b":3},"a":4}"#,
            r#"{"a":{"b":2,"b":2},"a":{"b":2}}"#,
        ),
        (
            "b",
            "2",
            "{ \"a\" : 1 ,\n \"c\":[ ] }",
            "{ \"a\" : 1 ,\n \"c\":[ ] ,\"b\":2}",
        ),
        ("a", "2", "{ \"\\u0061\" : 1.50 }", "{ \"\\u0061\" : 2 }"),
        ("é\"", "2", "{}", "{\"é\\\"\":2}"),
        ("a", "2", "[]", "[]"),
        ("a", "2", r#"{"a":1"#, r#"{"a":1"#),
        ("a", "2", r#"{"a":1} x"#, r#"{"a":1} x"#),
        ("a.99999999", "9", "{}", "{}"),
        (
            "a.99999999999999999999999",
            "9",
            r#"{"a":[]}"#,
            r#"{"a":[]}"#,
        ),
        ("a.1.1000000.b", "9", "{}", "{}"),
    ] {
        assert_eq!(set_in(before, at, value), after, "{at} in {before}");
    }
}

#[test]
fn padding_has_a_bound() {
    let far = set("{}", &path("a.1024"), "9").unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&far).unwrap()["a"]
            .as_array()
            .unwrap()
            .len(),
        1025
    );
    assert_eq!(set("{}", &path("a.1025"), "9"), None);
    let long = format!("[{}]", vec!["0"; 5000].join(","));
    assert!(set(&long, &path("5001"), "9").is_some());
    assert_eq!(set(&long, &path("6025"), "9"), None);
}

#[test]
fn growth_has_a_bound() {
    let many = format!("[{}]", vec!["0"; 40_000].join(","));
    let value = format!("\"{}\"", "x".repeat(1000));
    assert_eq!(set(&many, &path("#(==0)#"), &value), None);
    assert!(set(&many, &path("#(==0)#"), "\"short\"").is_some());
}

#[test]
fn values_are_deleted() {
    for (at, before, after) in [
        ("a.1", r#"{"a":[1,2,3]}"#, r#"{"a":[1,3]}"#),
        ("a.0", r#"{"a":[1,2,3]}"#, r#"{"a":[2,3]}"#),
        ("a.2", r#"{"a":[1,2,3]}"#, r#"{"a":[1,2]}"#),
        ("a.3", r#"{"a":[1,2,3]}"#, r#"{"a":[1,2,3]}"#),
        ("a.-1", r#"{"a":[1,2,3]}"#, r#"{"a":[1,2]}"#),
        ("a.-1", r#"{"a":[]}"#, r#"{"a":[]}"#),
        ("a.-1", r#"{"a":{"-1":0}}"#, r#"{"a":{}}"#),
        (
            "a.-1.b",
            r#"{"a":[{"b":1},{"b":2,"c":3}]}"#,
            r#"{"a":[{"b":1},{"c":3}]}"#,
        ),
        (
            "a.-1.b",
            r#"{"a":[{"b":1},{"c":3}]}"#,
            r#"{"a":[{"b":1},{"c":3}]}"#,
        ),
        ("a", "{ \"a\" : 1 , \"b\":2 }", "{ \"b\":2 }"),
        ("b", "{ \"a\" : 1 , \"b\":2 }", "{ \"a\" : 1 }"),
        ("b.c", r#"{"b":{"c":1}}"#, r#"{"b":{}}"#),
        ("b", r#"{"b":1,"b":2}"#, "{}"),
        ("b", r#"{"b":1,"a":0,"b":2}"#, r#"{"a":0}"#),
        ("b", r#"{"b":1,"b":2,"a":0}"#, r#"{"a":0}"#),
        ("b", r#"{"a":0,"b":1,"\u0062":2}"#, r#"{"a":0}"#),
        (
            "b.c",
            r#"{"b":{"c":1},"b":7,"b":{"d":2,"c":1,"c":3}}"#,
            r#"{"b":{},"b":7,"b":{"d":2}}"#,
        ),
        ("b.-1", r#"{"b":[1],"b":[2,3]}"#, r#"{"b":[],"b":[2]}"#),
        (r"a\.b", r#"{"a.b":1,"a":{"b":2}}"#, r#"{"a":{"b":2}}"#),
        ("x.y", r#"{"b":1}"#, r#"{"b":1}"#),
        ("a*", r#"{"ab":1}"#, r#"{"ab":1}"#),
        ("a.#(x==1)", r#"{"a":[{"x":1}]}"#, r#"{"a":[{"x":1}]}"#),
    ] {
        assert_eq!(delete_in(before, at), after, "{at} in {before}");
    }
}

/// Of equal members some readers take the first, others the last.
#[test]
fn equal_members_are_all_found() {
    let body = r#"{"a":{"b":1},"a":[],"a":{"c":2},"ab":3,"a":{"c":4},"l":[{"x":1,"x":2},{"x":2,"x":2},{"x":2}]}"#;
    for (at, found) in [
        ("a.b", Some("1")),
        ("a.c", Some("4")),
        ("a.d", None),
        ("a?", Some("3")),
        ("a*.c", Some("4")),
        ("l.#.x", Some("[1,2,2]")),
        ("l.#(x==1).x", Some("1")),
        ("l.#(x==2)#.x", Some("[2,2]")),
    ] {
        assert_eq!(get(body, &path(at)).as_deref(), found, "{at}");
        assert_eq!(exists(body, &path(at)), found.is_some(), "{at}");
    }
    for (at, changed) in [
        (
            "a*.c",
            r#"{"a":{"b":1},"a":[],"a":{"c":0},"ab":3,"a":{"c":0},"l":[{"x":1,"x":2},{"x":2,"x":2},{"x":2}]}"#,
        ),
        (
            "l.#.x",
            r#"{"a":{"b":1},"a":[],"a":{"c":2},"ab":3,"a":{"c":4},"l":[{"x":0,"x":0},{"x":0,"x":0},{"x":0}]}"#,
        ),
        // One reader means the first element, the other the second.
        (
            "l.#(x==2).x",
            r#"{"a":{"b":1},"a":[],"a":{"c":2},"ab":3,"a":{"c":4},"l":[{"x":0,"x":0},{"x":0,"x":0},{"x":2}]}"#,
        ),
    ] {
        assert_eq!(set_in(body, at, "0"), changed, "{at}");
    }
}

#[test]
fn no_number_of_repeats_leaves_a_value_out() {
    let value = format!("\"{}\"", "x".repeat(30_000));
    for (at, one, expected) in [
        (
            "a.b",
            r#""a":{"b":1}"#,
            format!(r#"{{"z":0,"a":{{"b":{value}}}}}"#),
        ),
        (
            "a.b",
            r#""a":1"#,
            format!(r#"{{"z":0,"a":{{"b":{value}}}}}"#),
        ),
        (
            "a.1",
            r#""a":[]"#,
            format!(r#"{{"z":0,"a":[null,{value}]}}"#),
        ),
        ("a.b", r#""a":[]"#, String::new()),
        ("a*", r#""ab":1"#, format!(r#"{{"z":0,"ab":{value}}}"#)),
        (
            "*.b",
            r#""z":{"b":1}"#,
            format!(r#"{{"z":0,"z":{{"b":{value}}}}}"#),
        ),
    ] {
        let body = format!("{{\"z\":0,{}}}", vec![one; 2_000].join(","));
        let changed = set(&body, &path(at), &value);
        match at {
            // The first `z` is no object, so nothing can be there.
            "*.b" => assert_eq!(changed.as_deref(), Some(r#"{"z":0}"#)),
            _ => assert_eq!(changed.unwrap_or_default(), expected, "{at}"),
        }
    }
}

#[test]
fn values_are_found() {
    let body = r#"{"a":[{"x":1,"y":"b"},{"x":2,"s":"two"},3],"n":null,"o":{"-1":1,"0":2,"k.k":{"z":[[1],[2]]}},"t":true}"#;
    for (at, found) in [
        ("n", Some("null")),
        ("missing", None),
        ("a.-1", None),
        ("o.-1", Some("1")),
        ("o.0", Some("2")),
        ("o.:0", Some("2")),
        ("a.2", Some("3")),
        ("a.3", None),
        ("a.x", None),
        ("a.#", Some("3")),
        ("a.#.x", Some("[1,2]")),
        ("a.#.none", Some("[]")),
        ("o.#", None),
        ("n.#", None),
        ("a.#(x==2).s", Some(r#""two""#)),
        ("a.#(x==2).y", None),
        ("a.#(x>1).s", Some(r#""two""#)),
        ("a.#(x>=1)#.x", Some("[1,2]")),
        ("a.#(x<2).x", Some("1")),
        ("a.#(x<=0).x", None),
        ("a.#(x!=1).x", Some("2")),
        ("a.#(s).x", Some("2")),
        ("a.#(s=\"two\").x", Some("2")),
        ("a.#(s==two).x", Some("2")),
        ("a.#(s%\"t*\").x", Some("2")),
        ("a.#(y!%\"t*\").x", Some("1")),
        ("a.#(s==\"a)b\").x", None),
        ("a.#(==3)", Some("3")),
        ("a.#(x==9)", None),
        ("a.#(x==9)#", None),
        ("a.#(@x==1)", None),
        ("a*.0.x", Some("1")),
        ("?", Some(r#"[{"x":1,"y":"b"},{"x":2,"s":"two"},3]"#)),
        (r"o.k\.k.z.1.0", Some("2")),
        (r"o.k?k.z.#.0", Some("[1,2]")),
        ("*.#(x==1).y", Some(r#""b""#)),
        ("a|b", None),
        ("@this", None),
        ("t.x", None),
    ] {
        assert_eq!(get(body, &path(at)).as_deref(), found, "{at}");
        assert_eq!(exists(body, &path(at)), found.is_some(), "{at}");
    }
    let nested = r#"{"a":[{"l":[{"k":"x"}],"v":1},{"l":[{"k":"y"}],"v":2}]}"#;
    assert_eq!(
        get(nested, &path(r#"a.#(l.#(k=="y").k=="y").v"#)).as_deref(),
        Some("2")
    );
    assert_eq!(
        get(r#"{"a":[false,true]}"#, &path("a.#(==true)")).as_deref(),
        Some("true")
    );
}

#[test]
fn some_texts_are_no_paths() {
    for (text, why) in [
        ("", NotAPath::Empty),
        ("  ", NotAPath::Empty),
        (".", NotAPath::EmptySegment),
        (".a", NotAPath::EmptySegment),
        ("a.", NotAPath::EmptySegment),
        ("a..b", NotAPath::EmptySegment),
        (":", NotAPath::EmptySegment),
        ("a.#(x", NotAPath::Query),
        ("a.#()", NotAPath::Query),
        ("a.#(x==\"y)", NotAPath::Query),
        ("a.#(x==1)y", NotAPath::Query),
        ("a.#(x..y==1)", NotAPath::EmptySegment),
    ] {
        assert_eq!(Path::parse(text), Err(why), "{text}");
    }
    assert!(Path::parse(&vec!["a"; 64].join(".")).is_ok());
    assert_eq!(
        Path::parse(&vec!["a"; 65].join(".")),
        Err(NotAPath::TooDeep)
    );
    let nested = |depth: usize| format!("{}a{}", "#(".repeat(depth), ")".repeat(depth));
    assert!(Path::parse(&nested(63)).is_ok());
    assert_eq!(Path::parse(&nested(64)), Err(NotAPath::TooDeep));
    assert_eq!(Path::parse(&nested(100_000)), Err(NotAPath::TooDeep));
}

/// Deep bodies and long arrays are passed over without going down into them.
#[test]
fn hostile_bodies_are_only_long() {
    let deep = format!(
        r#"{{"a":{}{},"b":1}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    assert_eq!(set(&deep, &path("b"), "2").unwrap().len(), deep.len());
    assert_eq!(get(&deep, &path("a.0.0.0.x")), None);
    let nested = "#(".repeat(30) + "a" + &")".repeat(30);
    assert_eq!(get(&deep, &path(&format!("a.{nested}"))), None);
}
