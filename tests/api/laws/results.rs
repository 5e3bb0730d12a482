//! The server gives what the reference implementation gives: random documents over this schema are answered by both,
//! the reference executes them over a full answer of the server. Data must be the same to the letter: which keys, in
//! which order, which nulls.

use std::{collections::BTreeMap, fmt::Write as _};

use apollo_compiler::{
    Name, Schema,
    schema::{ExtendedType, FieldDefinition},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    graphql_js::GraphqlJs,
};

/// So many documents are compared.
const DOCUMENTS: usize = 400;

/// Objects within objects, in the full answer and in the documents.
const DEPTH: usize = 4;

/// What is asked of the root, with its arguments, in which `$c` is a conversation, `$s` a site, `$a` an article and `$x`
/// nothing at all.
const ROOTS: &[(&str, &str)] = &[
    ("me", ""),
    ("site", "(siteId: $s)"),
    ("conversation", "(conversationId: $c)"),
    ("conversations", "(siteId: $s, first: 2)"),
    ("article", "(articleId: $a)"),
    ("articles", "(siteId: $s, first: 2)"),
    ("assistants", "(siteId: $s, first: 2)"),
    ("siteMembers", "(siteId: $s, first: 2)"),
    ("currentVisitor", ""),
    ("node", "(id: $c)"),
    ("nodes", "(ids: [$c, $x, $s, $a])"),
    ("routingDecision", "(conversationId: $c)"),
    ("errorCatalogue", ""),
];

/// What is another thing the next time it is asked for.
const MOVING: &[&str] = &["lastSeenAt", "lastLoginAt", "viewers", "views", "indexedVersion"];

/// A page that no connection gives.
const TOO_MANY: &str = "(first: 1000)";

fn is_root(ty: &str, field: &str) -> Option<&'static str> {
    if ty != "Query" {
        return None;
    }
    ROOTS.iter().find(|(name, _)| *name == field).map(|(_, arguments)| *arguments)
}

/// The fields of a type that can be asked for, with their arguments.
fn fields<'s>(types: &'s Schema, ty: &str) -> Vec<(&'s Name, &'s FieldDefinition, &'static str)> {
    let fields = match types.types.get(ty) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        _ => return Vec::new(),
    };
    fields
        .iter()
        .filter(|(name, _)| !MOVING.contains(&name.as_str()))
        .filter_map(|(name, field)| {
            let arguments = if ty == "Query" {
                is_root(ty, name)?
            } else if field.arguments.iter().any(|argument| argument.name == "first") {
                "(first: 2)"
            } else if field.arguments.iter().any(|argument| argument.is_required()) {
                return None;
            } else {
                ""
            };
            Some((name, &***field, arguments))
        })
        .collect()
}

fn is_composite(types: &Schema, ty: &str) -> bool {
    matches!(types.types.get(ty), Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)))
}

fn possible(types: &Schema, ty: &str) -> Vec<Name> {
    let objects = types.types.iter().filter(|(_, kind)| matches!(kind, ExtendedType::Object(_)));
    objects.map(|(name, _)| name).filter(|name| *name == ty || types.is_subtype(ty, name)).cloned().collect()
}

/// Asks for everything, `DEPTH` objects deep.
fn everything(types: &Schema, ty: &str, depth: usize, out: &mut String) {
    out.push_str("{ __typename ");
    let members = match types.types.get(ty) {
        Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => possible(types, ty),
        _ => vec![Name::new_unchecked(ty)],
    };
    for member in &members {
        if members.len() > 1 {
            write!(out, "... on {member} {{ __typename ").unwrap();
        }
        for (name, field, arguments) in fields(types, member) {
            let inner = field.ty.inner_named_type();
            // The same name can have other types in other members.
            let alias = if members.len() > 1 { format!("{member}_{name}: ") } else { String::new() };
            if !is_composite(types, inner) {
                write!(out, "{alias}{name}{arguments} ").unwrap();
            } else if depth > 0 {
                write!(out, "{alias}{name}{arguments} ").unwrap();
                everything(types, inner, depth - 1, out);
            }
        }
        if members.len() > 1 {
            out.push_str("} ");
        }
    }
    out.push_str("} ");
}

/// A random document.
struct Writer<'a> {
    types: &'a Schema,
    random: StdRng,
    /// The texts of fragments, by what they are about.
    fragments: BTreeMap<String, String>,
    uses_conditions: bool,
}

impl Writer<'_> {
    fn document(&mut self) -> String {
        let mut body = String::new();
        self.selection("Query", DEPTH, &mut body);
        let mut text = String::from("query(");
        for (variable, ty) in
            [("c", "ID!"), ("s", "ID!"), ("a", "ID!"), ("x", "ID!"), ("y", "Boolean!"), ("n", "Boolean! = false")]
        {
            let fragments = self.fragments.values();
            if std::iter::once(&body).chain(fragments).any(|part| part.contains(&format!("${variable}"))) {
                write!(text, "${variable}: {ty} ").unwrap();
            }
        }
        text.push(')');
        let text = text.replace("query()", "query");
        let fragments: Vec<_> = self.fragments.values().cloned().collect();
        format!("{text} {body} {}", fragments.join(" "))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.random.random_range(0..of.len())].clone()) }
    }

    fn condition(&mut self) -> &'static str {
        if self.chance(80) {
            return "";
        }
        self.uses_conditions = true;
        let all = [
            "@skip(if: true) ",
            "@skip(if: false) ",
            "@include(if: true) ",
            "@include(if: false) ",
            "@include(if: $y) ",
            "@skip(if: $y) ",
            "@include(if: $n) ",
            "@skip(if: $n) @include(if: $y) ",
        ];
        self.one_of(&all).unwrap_or_default()
    }

    fn selection(&mut self, ty: &str, depth: usize, out: &mut String) {
        out.push_str("{ ");
        let mut is_empty = true;
        for _ in 0..self.random.random_range(1..6) {
            is_empty &= !self.part(ty, depth, out);
        }
        if is_empty {
            write!(out, "__typename {}", self.condition()).unwrap();
        }
        out.push_str("} ");
    }

    /// Writes one part of a selection, if it finds one.
    fn part(&mut self, ty: &str, depth: usize, out: &mut String) -> bool {
        match self.random.random_range(0..10) {
            0 => {
                let alias = if self.chance(30) { "kind: " } else { "" };
                write!(out, "{alias}__typename {}", self.condition()).unwrap();
                true
            }
            1 | 2 => self.fragment(ty, depth, out),
            _ => self.field(ty, depth, out),
        }
    }

    fn field(&mut self, ty: &str, depth: usize, out: &mut String) -> bool {
        let all = fields(self.types, ty);
        let Some((name, field, arguments)) = self.one_of(&all) else { return false };
        let inner = field.ty.inner_named_type().clone();
        let is_composite = is_composite(self.types, &inner);
        if is_composite && depth == 0 {
            return false;
        }
        if ty != "Query" && arguments == "(first: 2)" && self.chance(15) {
            write!(out, "failing_{name}: {name}{TOO_MANY} ").unwrap();
        } else if self.chance(20) {
            write!(out, "other_{name}: {name}{arguments} ").unwrap();
        } else {
            write!(out, "{name}{arguments} ").unwrap();
        }
        out.push_str(self.condition());
        if is_composite {
            self.selection(&inner, depth - 1, out);
        }
        true
    }

    fn fragment(&mut self, ty: &str, depth: usize, out: &mut String) -> bool {
        let mut about = possible(self.types, ty);
        let interfaces = self.types.types.iter().filter(|(_, kind)| matches!(kind, ExtendedType::Interface(_)));
        let objects = about.clone();
        about.extend(
            interfaces
                .map(|(name, _)| name.clone())
                .filter(|name| objects.iter().any(|object| self.types.is_subtype(name, object))),
        );
        about.push(Name::new_unchecked(ty));
        let Some(condition) = self.one_of(&about) else { return false };
        if self.chance(50) {
            let name = format!("f{depth}{condition}");
            if !self.fragments.contains_key(&name) {
                let mut text = format!("fragment {name} on {condition} ");
                // While it is being written, nothing below spreads it: that is one level deeper, or another type.
                self.fragments.insert(name.clone(), String::new());
                self.plain(&condition, depth, &mut text);
                self.fragments.insert(name.clone(), text);
            }
            write!(out, "...{name} {}", self.condition()).unwrap();
        } else {
            let condition_text =
                if self.chance(20) && condition == ty { String::new() } else { format!("on {condition} ") };
            write!(out, "... {condition_text}{}", self.condition()).unwrap();
            self.plain(&condition, depth, out);
        }
        true
    }

    /// A selection without fragments at its first level, so that none contains itself.
    fn plain(&mut self, ty: &str, depth: usize, out: &mut String) {
        out.push_str("{ ");
        let mut is_empty = true;
        for _ in 0..self.random.random_range(1..4) {
            is_empty &= !self.field(ty, depth, out);
        }
        if is_empty {
            out.push_str("__typename ");
        }
        out.push_str("} ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_implementation_gives_the_same() {
    let configure = |config: &mut yanit::config::Config| {
        config.max_complexity = 1_000_000;
        config.max_fields = 1_000_000;
        config.max_tokens = 1_000_000;
        config.max_aliases = 10_000;
        config.max_directives = 10_000;
    };
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    app.assistant(&site, json!({ "enabled": false })).await;
    let article = app.article(&site, "İade", "İade süresi 30 gündür.").await;
    let conversation = app.conversation(&visitor).await;
    app.say(&visitor.token, &conversation, "İade süresi kaç gün?").await;
    app.say(&site.admin.token, &conversation, "30 gün.").await;
    let nothing = format!("conv_{}", "0".repeat(32));
    let variables = json!({ "c": conversation, "s": site.id, "a": article, "x": nothing, "y": true });

    let types = app.app.api.types().clone();
    let mut all = "query($c: ID! $s: ID! $a: ID! $x: ID!) ".to_owned();
    everything(&types, "Query", DEPTH, &mut all);
    let token = Some(site.admin.token.as_str());
    let full = app.post(token, &all, variables.clone()).await;
    let failing: Vec<_> = full["errors"].as_array().into_iter().flatten().map(|error| &error["path"]).collect();
    assert_eq!(failing, [&json!(["currentVisitor"])], "{full:#}");

    let mut reference = GraphqlJs::start();
    reference.ask(&json!({ "root": { "data": full["data"], "failing": "currentVisitor" } }));
    let (mut compared, mut failed, mut empty, mut conditional) = (0, 0, 0, 0);
    for seed in 0..u64::MAX {
        let random = StdRng::seed_from_u64(seed);
        let mut writer = Writer { types: &types, random, fragments: BTreeMap::new(), uses_conditions: false };
        let document = writer.document();
        let answer = app
            .http
            .post(app.url())
            .bearer_auth(&site.admin.token)
            .json(&json!({ "query": document, "variables": variables }))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let asked = json!({ "document": document, "variables": variables, "answer": answer });
        let found = reference.ask(&json!({ "execute": asked }));
        if found.get("problems").is_some() {
            assert!(!answer.starts_with("{\"data\":"), "the reference refuses it: {}\n{document}", found["problems"]);
            continue;
        }
        assert_eq!(found["actual"], found["expected"], "{document}\n{answer}");
        let ours: Value = serde_json::from_str(&answer).unwrap();
        let places: Vec<_> = ours["errors"].as_array().into_iter().flatten().map(|error| &error["path"]).collect();
        for place in found["errors"].as_array().unwrap() {
            // The reference gives up what it has no need of any more.
            assert!(places.contains(&place) || places.len() == 50, "no error at {place}\n{document}\n{answer}");
        }
        compared += 1;
        failed += usize::from(!places.is_empty());
        empty += usize::from(answer.contains("{}"));
        conditional += usize::from(writer.uses_conditions);
        if compared == DOCUMENTS {
            break;
        }
        assert!(seed < 20 * DOCUMENTS as u64, "too few documents are valid: {compared}");
    }
    assert!(
        failed > DOCUMENTS / 20 && empty > DOCUMENTS / 20 && conditional > DOCUMENTS / 4,
        "{failed} {empty} {conditional}"
    );
}
