//! The rules of `payload`.

use super::page::{Page, quoted};
use crate::payload::{self, Condition, Edit, Glob, Row, Rule, Rules, Section};

pub fn payload(page: &mut Page<'_>, rules: &Rules) {
    page.block("payload", |page| {
        for section in Section::ALL {
            let of_section = |rule: &&Rule| rule.section == section;
            let rules: Vec<&Rule> = rules.iter().filter(of_section).collect();
            if rules.is_empty() {
                continue;
            }
            let key = section.name();
            let place = |rule: &&Rule, _| format!("payload.{key}[{}]", rule.number - 1);
            page.list(key, &rules, place, |page, rule| self::rule(page, rule));
        }
    });
}

fn rule(page: &mut Page<'_>, rule: &Rule) {
    let Rule {
        section,
        number: _,
        rows,
        edits,
    } = rule;
    let rows: Vec<String> = rows.iter().map(row).collect();
    page.plain("models", format!("[{}]", rows.join(", ")));
    if *section == Section::Filter {
        return page.texts("params", rule.paths());
    }
    let param = |edit: &Edit| {
        let value = match section.is_raw() {
            true => quoted(&edit.value),
            false => edit.value.to_string(),
        };
        format!("{}: {value}", quoted(edit.path.source()))
    };
    let params: Vec<String> = edits.iter().map(param).collect();
    page.plain("params", format!("{{{}}}", params.join(", ")));
}

/// A row of a rule's models, in one line.
fn row(row: &Row) -> String {
    let Row {
        name,
        protocol,
        from,
        headers,
        conditions,
    } = row;
    let mut parts = vec![format!("name: {}", quoted(&name.to_string()))];
    parts.extend(protocol.map(|it| format!("protocol: {}", it.name())));
    parts.extend(from.map(|it| format!("from-protocol: {}", it.name())));
    if !headers.is_empty() {
        let pair = |(name, value): &(String, Glob)| {
            format!("{}: {}", quoted(name), quoted(&value.to_string()))
        };
        let pairs: Vec<String> = headers.iter().map(pair).collect();
        parts.push(format!("headers: {{{}}}", pairs.join(", ")));
    }
    let mut lists: [(&str, Vec<String>); 4] = Default::default();
    for condition in conditions {
        let (at, key, item) = match condition {
            Condition::Is(path, value) => (0, "match", pair(path, value)),
            Condition::IsNot(path, value) => (1, "not-match", pair(path, value)),
            Condition::Exists(path) => (2, "exist", quoted(path.source())),
            Condition::Lacks(path) => (3, "not-exist", quoted(path.source())),
        };
        if let Some(list) = lists.get_mut(at) {
            list.0 = key;
            list.1.push(item);
        }
    }
    for (key, items) in lists {
        if !items.is_empty() {
            parts.push(format!("{key}: [{}]", items.join(", ")));
        }
    }
    format!("{{{}}}", parts.join(", "))
}

fn pair(path: &payload::Path, value: &str) -> String {
    format!("{{{}: {value}}}", quoted(path.source()))
}
