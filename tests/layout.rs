//! The layout of the code, as `ARCHITECTURE.md` promises it: rooms import only rooms below them, and the files of one
//! folder do not import each other in a circle.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A test ends at the first thing that is not as it must be"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A module by its path from the root of the crate.
type Module = Vec<String>;
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Lines that a file may have, of code and of tests. Most have fewer than 400.
const LONGEST: (usize, usize) = (540, 620);

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|kind| kind == "rs") => into.push(path),
            false => {}
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn module(path: &Path) -> Module {
    let path = path.strip_prefix(root().join("src")).unwrap();
    let path = path.with_extension("");
    let mut module: Module = path
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module
        .last()
        .is_some_and(|last| matches!(last.as_str(), "mod" | "lib"))
    {
        module.pop();
    }
    module
}

/// Collects the paths that a file names, outside of its tests.
struct Collector<'a> {
    module: &'a Module,
    /// Modules within the file.
    inline: Vec<String>,
    /// Modules that the file declares.
    children: BTreeSet<String>,
    paths: Vec<Module>,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|ident| ident == "test")
    })
}

impl Collector<'_> {
    fn note(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let mut absolute = match first.as_str() {
            "crate" => Vec::new(),
            "super" | "self" => [self.module.clone(), self.inline.clone()].concat(),
            child if self.inline.is_empty() && self.children.contains(child) => self.module.clone(),
            _ => return,
        };
        let rest = path
            .iter()
            .skip_while(|part| match part.as_str() {
                "crate" | "self" => true,
                "super" => absolute.pop().is_some(),
                _ => false,
            })
            .cloned()
            .collect::<Vec<_>>();
        absolute.extend(rest);
        self.paths.push(absolute);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let joined = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&joined(&path.ident), &path.tree),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
            syn::UseTree::Name(name) => self.note(&joined(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&joined(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) || item.content.is_none() {
            return;
        }
        self.inline.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.inline.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if parts.len() > 1 {
            self.note(&parts);
        }
        visit::visit_path(self, path);
    }
}

/// Which modules every module imports.
fn imports() -> Imports {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files.retain(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let is_of_tests = file.iter().any(|part| part == "tests");
        name != "main" && !is_of_tests && !matches!(name, "tests" | "model_test")
    });
    let known: BTreeSet<Module> = files.iter().map(|file| module(file)).collect();
    let mut imports = Imports::new();
    for file in &files {
        let own = module(file);
        let text = fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|why| panic!("{file:?}: {why}"));
        let mut collector = Collector {
            module: &own,
            inline: Vec::new(),
            children: known
                .iter()
                .filter(|other| other.len() == own.len() + 1 && other.starts_with(&own))
                .map(|child| child.last().unwrap().clone())
                .collect(),
            paths: Vec::new(),
        };
        collector.visit_file(&parsed);
        let named = collector.paths.iter().filter_map(|path| {
            (1..=path.len())
                .rev()
                .map(|length| path[..length].to_vec())
                .find(|module| known.contains(module))
        });
        let named = named.filter(|module| *module != own).collect();
        imports.insert(own, named);
    }
    imports
}

/// A circle in a graph, if there is one.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk<'g>(
        node: &'g str,
        graph: &'g BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'g str>,
        done: &mut BTreeSet<&'g str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|passed| *passed == node) {
            return Some(way[start..].iter().map(|&name| name.to_owned()).collect());
        }
        if !done.insert(node) {
            return None;
        }
        way.push(node);
        let found = graph
            .get(node)?
            .iter()
            .find_map(|next| walk(next, graph, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|node| walk(node, graph, &mut Vec::new(), &mut done))
}

/// The rooms in the order of the table in `ARCHITECTURE.md`, the highest first.
fn rooms() -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = text.split("## The rooms").nth(1).expect("a table of rooms");
    let table = table.split("\n## ").next().unwrap();
    table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| {
            let cell = line.split('|').nth(1).unwrap();
            cell.split('`').skip(1).step_by(2)
        })
        .map(|name| {
            name.trim_end_matches('/')
                .trim_end_matches(".rs")
                .to_owned()
        })
        .collect()
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let rooms = rooms();
    let place = |room: &str| {
        let place = rooms.iter().position(|known| known == room);
        place.unwrap_or_else(|| panic!("{room} is not in the table of rooms in ARCHITECTURE.md"))
    };
    let mut wrong = Vec::new();
    for (module, imported) in imports() {
        let Some(room) = module.first() else { continue };
        for other in &imported {
            if let Some(target) = other.first()
                && target != room
                && place(target) < place(room)
            {
                wrong.push(format!(
                    "{} imports {}",
                    module.join("::"),
                    other.join("::")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_table_exists() {
    for room in rooms() {
        let source = root().join("src");
        let is_there = source.join(&room).is_dir() || source.join(format!("{room}.rs")).is_file();
        assert!(is_there, "{room}");
    }
}

#[test]
fn the_files_of_a_folder_import_each_other_in_one_direction() {
    let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (module, imported) in imports() {
        for other in imported {
            let common = module
                .iter()
                .zip(&other)
                .take_while(|(a, b)| a == b)
                .count();
            if let (Some(from), Some(to)) = (module.get(common), other.get(common)) {
                let folder = folders.entry(module[..common].to_vec()).or_default();
                folder.entry(to.clone()).or_default();
                folder.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    let circles: Vec<String> = folders
        .iter()
        .filter_map(|(folder, graph)| {
            let circle = circle(graph)?;
            Some(format!("{}: {}", folder.join("::"), circle.join(" -> ")))
        })
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        sources(&root().join(folder), &mut files);
    }
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            let is_test = file.iter().any(|part| part == "tests") || file.ends_with("tests.rs");
            let most = if is_test { LONGEST.1 } else { LONGEST.0 };
            (lines > most).then(|| format!("{}: {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
