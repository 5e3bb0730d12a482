//! Who may use whom: `server → features → kernel → ports`, and features only earlier ones, never their `store`.
//!
//! Reads the paths that begin with `crate::`, `super::` or `self::` in `src/`, so that an arrow cannot hide.

use std::path::Path;

use super::{here, read};

/// The features, in the order in which one may call another.
const FEATURES: &[&str] = &[
    "accounts",
    "sites",
    "spending",
    "visitors",
    "knowledge",
    "assistants",
    "conversations",
    "agents",
    "calendars",
    "widgets",
    "contact_requests",
    "canned_responses",
    "routing",
    "answers",
    "questions",
    "evaluation",
    "desk",
    "upkeep",
    "nodes",
];

/// The parts of conversations, in the order in which one may use another; each is its folder but for its `graphql`.
const CONVERSATIONS: &[&str] = &[
    "model",
    "state",
    "facts",
    "answer",
    "store",
    "live",
    "messages",
    "attention",
    "closing",
    "mentions",
    "reading",
    "posting",
    "handoff",
    "starting",
    "details",
    "idle",
    "feedback",
    "satisfaction",
    "graphql",
];

/// What of the kernel the ports may use; the kernel's context in turn carries the ports.
const KERNEL_FOR_PORTS: &[&str] = &["error", "clock", "task", "Error", "ErrorReason", "Result"];

/// For each part of the crate, the parts it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("config", &["config"]),
    ("ports", &["ports", "kernel", "config"]),
    ("kernel", &["kernel", "ports", "config"]),
    ("features", &["features", "kernel", "ports", "config"]),
    ("schema", &["schema", "features", "config", "kernel"]),
    ("app", &["app", "features", "kernel", "ports", "config", "schema"]),
    ("evaluate", &["evaluate", "app", "features", "kernel", "ports", "config"]),
    ("seed", &["seed", "app", "features", "kernel", "ports", "config", "schema"]),
    ("server", &["server", "features", "kernel", "ports", "config", "schema", "seed"]),
];

/// The module of a file: `features/answers/job.rs` is `features::answers::job`.
fn module_of(file: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    parts
}

/// The paths that a source uses, from the root of the crate, with the line they stand in.
fn paths_of(module: &[&str], source: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let code: String = source.lines().map(|line| without_words(line) + "\n").collect();
    for (start, root) in roots_of(&code) {
        let line = code[..start].matches('\n').count() + 1;
        let mut base: Vec<String> = match root {
            "crate" => vec![],
            _ => module.iter().map(|part| (*part).to_owned()).collect(),
        };
        let mut rest = &code[start + root.len()..];
        if root == "super" {
            base.pop();
            while let Some(after) = rest.strip_prefix("::super") {
                base.pop();
                rest = after;
            }
        }
        if let Some(tree) = rest.strip_prefix("::") {
            found.extend(leaves(tree).into_iter().map(|leaf| (line, base.iter().cloned().chain(leaf).collect())));
        }
    }
    found
}

/// A line without its comment and without what stands in quotes.
fn without_words(line: &str) -> String {
    let code = line.split("//").next().unwrap_or_default();
    code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// Where paths begin, and with which word.
fn roots_of(code: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for root in ["crate", "super", "self"] {
        for (at, _) in code.match_indices(&format!("{root}::")) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && before != '_' && before != ':' {
                found.push((at, root));
            }
        }
    }
    found
}

/// The single paths of `a::{b, c::d}`.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let word: String = tree.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let rest = &tree[word.len()..];
    if word.is_empty() && rest.starts_with('{') {
        return branches(&rest[1..]).into_iter().flat_map(|branch| leaves(branch.trim())).collect();
    }
    match rest.strip_prefix("::") {
        Some(deeper) => {
            let deeper = leaves(deeper);
            if deeper.is_empty() {
                return vec![vec![word]];
            }
            deeper.into_iter().map(|leaf| [vec![word.clone()], leaf].concat()).collect()
        }
        None if word.is_empty() => vec![],
        None => vec![vec![word]],
    }
}

/// What stands between the commas up to the closing brace.
fn branches(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, sign) in text.char_indices() {
        match sign {
            '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            '}' if depth == 0 => {
                found.push(&text[start..at]);
                return found;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// Why a module may not use a path, if it may not.
fn complaint(module: &[&str], used: &[String]) -> Option<String> {
    let (from, to) = (*module.first()?, used.first()?.as_str());
    let Some((_, allowed)) = ARROWS.iter().find(|(part, _)| *part == from) else {
        // `main` and `lib` wire the rest.
        return None;
    };
    if !ARROWS.iter().any(|(part, _)| *part == to) {
        return Some(format!("{to} is no part of the crate that the law knows"));
    }
    if !allowed.contains(&to) {
        return Some(format!("{from} must not use {to}"));
    }
    let second = used.get(1).map(String::as_str).unwrap_or_default();
    if from == "ports" && to == "kernel" && !KERNEL_FOR_PORTS.contains(&second) {
        return Some(format!("ports may use of the kernel only {}", KERNEL_FOR_PORTS.join(", ")));
    }
    if to != "features" || second.is_empty() {
        return None;
    }
    let own = if from == "features" { module.get(1).copied().unwrap_or_default() } else { "" };
    if own == second {
        return if own == "conversations" { backwards(module, used) } else { None };
    }
    if used.get(2).is_some_and(|part| part == "store") {
        return Some(format!("the store of {second} is its own"));
    }
    let place = |feature: &str| FEATURES.iter().position(|known| *known == feature);
    match (place(second), place(own)) {
        (None, _) => Some(format!("{second} has no place in the order of features")),
        (Some(_), None) if from == "features" => Some(format!("{own} has no place in the order of features")),
        (Some(used), Some(user)) if used > user => Some(format!("{own} comes before {second} and must not know it")),
        (Some(_), _) => None,
    }
}

/// Why a part of conversations may not use another one.
fn backwards(module: &[&str], used: &[String]) -> Option<String> {
    fn part<'a>(mut path: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let first = path.next()?;
        if path.any(|inner| inner == "graphql") { Some("graphql") } else { Some(first) }
    }
    let from = part(module.iter().copied().skip(2))?;
    let to = part(used.iter().map(String::as_str).skip(2))?;
    let place = |part: &str| CONVERSATIONS.iter().position(|known| *known == part);
    match (place(from), place(to)) {
        (None, _) => Some(format!("{from} has no place in the order of the parts of conversations")),
        (Some(own), Some(used)) if used > own => Some(format!("{from} comes before {to} and must not know it")),
        // What the feature gives is none of its parts.
        (Some(_), _) => None,
    }
}

/// What is wrong in a file.
fn complaints(file: &str, source: &str) -> Vec<String> {
    let module = module_of(file);
    let wrong = |(line, used): (usize, Vec<String>)| {
        complaint(&module, &used).map(|why| format!("src/{file}:{line}: crate::{}: {why}", used.join("::")))
    };
    paths_of(&module, source).into_iter().filter_map(wrong).collect()
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn everything_uses_only_what_it_may_use() {
    let root = here("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found");
    let mut wrong = Vec::new();
    for file in files {
        let short = file.strip_prefix(&root).expect("it is in there").to_string_lossy().replace('\\', "/");
        wrong.extend(complaints(&short, &read(&file)));
    }
    assert!(wrong.is_empty(), "{} arrows point the wrong way:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn every_feature_has_its_place_in_the_order() {
    let mut there: Vec<String> = std::fs::read_dir(here("src/features"))
        .expect("the features can be read")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .filter(|name| name != "mod")
        .collect();
    there.sort();
    let mut known = FEATURES.to_vec();
    known.sort_unstable();
    assert_eq!(there, known);
}

#[test]
fn wrong_arrows_are_found_however_they_are_written() {
    let wrong = [
        ("kernel/page.rs", "use crate::features::sites;", "kernel must not use features"),
        ("kernel/page.rs", "fn f() { crate::server::listen() }", "kernel must not use server"),
        ("app.rs", "use crate::{\n    config::Config,\n    server,\n};", "app must not use server"),
        ("features/sites/mod.rs", "use crate::schema::Api;", "features must not use schema"),
        (
            "features/sites/actions.rs",
            "use crate::{kernel::Ctx, features::{accounts, answers::Run}};",
            "sites comes before answers",
        ),
        ("features/sites/actions.rs", "use super::super::visitors;", "sites comes before visitors"),
        ("features/nodes.rs", "use super::answers::store;", "the store of answers is its own"),
        ("features/visitors/mod.rs", "use crate::features::sites::store::find;", "the store of sites is its own"),
        ("seed/demo.rs", "use crate::features::sites::{self, store};", "the store of sites is its own"),
        ("features/sites/mod.rs", "use crate::features::rockets;", "rockets has no place"),
        ("ports/db.rs", "use crate::kernel::{error::Error, Ctx};", "ports may use of the kernel only"),
        ("ports/db.rs", "use crate::rockets;", "rockets is no part"),
        ("features/conversations/state/mod.rs", "use super::store;", "state comes before store"),
        (
            "features/conversations/mentions/mod.rs",
            "use super::graphql::types::Message;",
            "mentions comes before graphql",
        ),
        (
            "features/conversations/closing/mod.rs",
            "use super::mentions::graphql::Mention;",
            "closing comes before graphql",
        ),
        ("features/conversations/rockets.rs", "use super::store;", "rockets has no place"),
    ];
    for (file, source, why) in wrong {
        let found = complaints(file, source);
        assert!(found.len() == 1 && found[0].contains(why), "{file}: {source}: {found:?}");
    }
}

#[test]
fn right_arrows_and_mere_words_are_left_alone() {
    let right = [
        (
            "features/answers/job.rs",
            "use crate::{features::{conversations::{self, live}, sites}, kernel::Ctx, ports::ai::Turn};",
        ),
        ("features/answers/graphql/types.rs", "use super::super::store;\nuse crate::features::answers::store as own;"),
        ("ports/bus/redis.rs", "use crate::kernel::{error::{Error, Result}, clock::Clock, task::Tasks};"),
        ("kernel/tx.rs", "//! As crate::server does.\nfn f() { say(\"crate::server::x\") } // crate::features::sites"),
        ("main.rs", "use crate::server;"),
        ("server/ws.rs", "use self::frame::{Frame};\nuse super::conn;\nuse sub_crate::features;"),
    ];
    for (file, source) in right {
        assert_eq!(complaints(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}
