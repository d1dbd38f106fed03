//! Names with two spellings: Google's parsers read `generationConfig` as they do `generation_config` (protobuf.dev,
//! "ProtoJSON Format"). A rule that names one means the other as well.

use super::path::Path;
use super::read;

/// Names of a path that are spelt both ways; a longer path is taken as it is.
const NAMES: usize = 5;

/// The path in every spelling, its own first. Those with wildcards and queries have one.
pub fn spellings(path: &Path) -> Vec<Path> {
    let mut all = vec![path.clone()];
    let Some(names) = path.names() else {
        return all;
    };
    let both = names
        .iter()
        .map(|name| [camel(&name.key), snake(&name.key)]);
    let both: Vec<_> = both.enumerate().filter(|(_, [a, b])| a != b).collect();
    if both.len() > NAMES {
        return all;
    }
    for (at, keys) in both {
        for index in 0..all.len() {
            let Some(known) = all.get(index) else { break };
            let respelt = keys.iter().find_map(|key| known.respelt(at, key));
            all.extend(respelt);
        }
    }
    all
}

/// The spelling in which a member is to be made: the one of which most is there.
pub fn to_make<'p>(body: &str, spellings: &'p [Path]) -> Option<&'p Path> {
    let depth = |path: &Path| {
        let parents = (1..path.segments.len()).rev();
        let mut parents = parents.map(|length| path.beginning(length));
        parents
            .position(|parent| read::exists(body, &parent))
            .map_or(0, |missing| path.segments.len() - missing)
    };
    spellings.iter().rev().max_by_key(|path| depth(path))
}

fn camel(key: &str) -> String {
    let mut is_after = false;
    let mut camel = String::with_capacity(key.len());
    for c in key.chars() {
        match c {
            '_' if !camel.is_empty() => is_after = true,
            c if std::mem::take(&mut is_after) => camel.push(c.to_ascii_uppercase()),
            c => camel.push(c),
        }
    }
    camel
}

fn snake(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let paths = spellings(&Path::parse(text).unwrap());
        let names = |path: &Path| {
            let names = path.names().unwrap_or_default();
            let keys: Vec<&str> = names.iter().map(|name| &*name.key).collect();
            keys.join(".")
        };
        paths.iter().map(names).collect()
    }

    #[test]
    fn both_ways_of_every_name() {
        for (path, expected) in [
            ("temperature", &["temperature"][..]),
            ("topK", &["topK", "top_k"]),
            ("top_k", &["top_k", "topK"]),
            (
                "generationConfig.thinking_config.x",
                &[
                    "generationConfig.thinking_config.x",
                    "generation_config.thinking_config.x",
                    "generationConfig.thinkingConfig.x",
                    "generation_config.thinkingConfig.x",
                ],
            ),
            (
                "safetySettings.0",
                &["safetySettings.0", "safety_settings.0"],
            ),
            ("aB.cD.eF.gH.iJ.kL", &["aB.cD.eF.gH.iJ.kL"]),
            ("_x", &["_x"]),
        ] {
            assert_eq!(keys(path), expected, "{path}");
        }
        assert_eq!(spellings(&Path::parse("aB.*").unwrap()).len(), 1);
    }
}
