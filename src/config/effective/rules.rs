//! The rules of `payload`.

use super::page::Page;
use crate::config::show::{plain, quoted};
use crate::payload::{self, Condition, Edit, Glob, Row, Rule, Rules, Section};

/// The rules of one section.
pub fn section(page: &mut Page<'_>, name: &str, rules: &Rules) {
    let of_section = |rule: &&Rule| rule.section.name() == name;
    let rules: Vec<&Rule> = rules.iter().filter(of_section).collect();
    if !rules.is_empty() {
        let place = |rule: &&Rule, _| format!("payload.{name}[{}]", rule.number - 1);
        page.list(name, &rules, place, |page, rule| self::rule(page, rule));
    }
}

fn rule(page: &mut Page<'_>, rule: &Rule) {
    let Rule {
        section,
        number: _,
        rows,
        edits,
    } = rule;
    let rows: Vec<String> = rows.iter().map(row).collect();
    page.shown("models", plain(format!("[{}]", rows.join(", "))));
    if *section == Section::Filter {
        let paths: Vec<String> = rule.paths().map(str::to_owned).collect();
        return page.value("params", &paths[..]);
    }
    let param = |edit: &Edit| {
        let value = match section.is_raw() {
            true => quoted(&edit.value),
            false => edit.value.to_string(),
        };
        format!("{}: {value}", quoted(edit.path.source()))
    };
    let params: Vec<String> = edits.iter().map(param).collect();
    page.shown("params", plain(format!("{{{}}}", params.join(", "))));
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
