//! What is counted in a parsed document before it is validated: fields and values after fragments are expanded, depth,
//! aliases, directives. Each fragment is counted once and remembered, so that fragments that double each other cost
//! nothing.
//!
//! Introspection counts as fields but not as depth: the standard query nests 13 levels and must pass.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, Document, FragmentDefinition, Selection, Value},
};

use super::lexer::{too_deep, too_large};
use crate::{
    config::Config,
    kernel::error::{Error, ErrorCode, Result},
};

/// Fragments within fragments within fragments: the validator follows them by recursion.
const MAX_FRAGMENT_CHAIN: usize = 30;

/// All fragments, each expanded by itself, may have this many times the fields allowed in an operation.
const FRAGMENTS_FACTOR: usize = 4;

/// What to do about a document that asks for too much.
const APART: &str = "Ask for it in several requests.";

/// What the document turned out to contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// `__schema` or `__type` is selected somewhere.
    pub(super) introspects: bool,
}

/// The size of a selection with all its fragments in place.
#[derive(Clone, Copy, Default)]
struct Size {
    fields: usize,
    /// The parts of arguments: each name, number, text, list and object.
    values: usize,
    /// Fields below each other, introspection left out.
    depth: usize,
    /// Selection sets below each other, of every kind.
    height: usize,
}

impl Size {
    /// Takes in a selection that stands beside this one.
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.values = self.values.saturating_add(other.values);
        self.depth = self.depth.max(other.depth);
        self.height = self.height.max(other.height);
    }
}

/// Checks a document against the limits of the settings.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` with the reason `TOO_DEEP` or `DOCUMENT_TOO_LARGE`, or without a reason for fragments
/// that contain themselves.
pub(super) fn check(document: &Document, config: &Config) -> Result<Findings> {
    let mut fragments = HashMap::new();
    for definition in &document.definitions {
        if let Definition::FragmentDefinition(fragment) = definition {
            fragments.entry(fragment.name.as_str()).or_insert(fragment);
        }
    }
    let names: Vec<&str> = fragments.keys().copied().collect();
    let mut walk = Walk {
        fragments,
        config,
        known: HashMap::new(),
        open: Vec::new(),
        aliases: 0,
        directives: 0,
        introspects: false,
    };
    let mut in_operations = Size::default();
    for operation in document.definitions.iter().filter_map(Definition::as_operation_definition) {
        let of_variables = operation.variables.iter().map(|variable| variable.directives.len()).sum::<usize>();
        walk.directives += operation.directives.len() + of_variables;
        in_operations.add(walk.selection(&operation.selection_set)?);
    }
    let mut in_fragments = Size::default();
    for name in names {
        in_fragments.add(walk.fragment(name)?);
    }
    walk.counted()?;
    if in_operations.depth > config.max_depth {
        return Err(too_deep("selection", Some(in_operations.depth), config.max_depth, APART));
    }
    let height = in_operations.height.max(in_fragments.height);
    if height > config.max_nesting {
        return Err(too_deep("selection", Some(height), config.max_nesting, APART));
    }
    let most = |limit: usize| limit.saturating_mul(FRAGMENTS_FACTOR);
    if in_operations.fields > config.max_fields || in_fragments.fields > most(config.max_fields) {
        return Err(too_large(format!(
            "The document selects {} fields, those of fragments counted wherever they are used; at most {} are allowed. \
             {APART}",
            in_operations.fields.max(in_fragments.fields),
            config.max_fields
        )));
    }
    if in_operations.values > config.max_tokens || in_fragments.values > most(config.max_tokens) {
        return Err(too_large(format!(
            "The document has {} values in its arguments, those of fragments counted wherever they are used; at most {} are \
             allowed. Pass them as variables.",
            in_operations.values.max(in_fragments.values),
            config.max_tokens
        )));
    }
    Ok(Findings { introspects: walk.introspects })
}

struct Walk<'a> {
    fragments: HashMap<&'a str, &'a Node<FragmentDefinition>>,
    config: &'a Config,
    known: HashMap<&'a str, Size>,
    /// The fragments being counted, outermost first.
    open: Vec<&'a str>,
    aliases: usize,
    directives: usize,
    introspects: bool,
}

impl<'a> Walk<'a> {
    fn selection(&mut self, set: &'a [Selection]) -> Result<Size> {
        let mut size = Size::default();
        for selection in set {
            let directives = match selection {
                Selection::Field(field) => &field.directives,
                Selection::FragmentSpread(spread) => &spread.directives,
                Selection::InlineFragment(fragment) => &fragment.directives,
            };
            self.directives += directives.len();
            let mut below = match selection {
                Selection::Field(field) => {
                    let introspects = matches!(field.name.as_str(), "__schema" | "__type");
                    self.introspects |= introspects;
                    self.aliases += usize::from(field.alias.is_some());
                    let below = self.selection(&field.selection_set)?;
                    Size {
                        fields: below.fields.saturating_add(1),
                        values: below.values.saturating_add(arguments(&field.arguments)),
                        depth: if introspects { 0 } else { below.depth + 1 },
                        height: below.height + 1,
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let below = self.selection(&fragment.selection_set)?;
                    Size { height: below.height + 1, ..below }
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name)?,
            };
            for directive in directives.iter() {
                below.values = below.values.saturating_add(arguments(&directive.arguments));
            }
            size.add(below);
        }
        Ok(size)
    }

    /// A fragment that does not exist has no size: the validator names it.
    fn fragment(&mut self, name: &'a str) -> Result<Size> {
        if let Some(size) = self.known.get(name) {
            return Ok(*size);
        }
        if self.open.contains(&name) {
            return Err(Error::new(
                ErrorCode::GraphqlValidationFailed,
                format!("The fragment `{name}` contains itself. Take its spread out of the fragment."),
            ));
        }
        if self.open.len() >= MAX_FRAGMENT_CHAIN {
            return Err(too_deep(
                "chain of fragments",
                None,
                MAX_FRAGMENT_CHAIN,
                "Put some of their fields where they are spread.",
            ));
        }
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        self.open.push(name);
        self.directives += fragment.directives.len();
        let below = self.selection(&fragment.selection_set)?;
        self.open.pop();
        let size = Size { height: below.height + 1, ..below };
        self.known.insert(name, size);
        Ok(size)
    }

    /// Checks what was counted on the way.
    fn counted(&self) -> Result<()> {
        for (what, found, most) in [
            ("aliases", self.aliases, self.config.max_aliases),
            ("directives", self.directives, self.config.max_directives),
        ] {
            if found > most {
                return Err(too_large(format!("The document has {found} {what}; at most {most} are allowed. {APART}")));
            }
        }
        Ok(())
    }
}

fn arguments(arguments: &[Node<Argument>]) -> usize {
    arguments.iter().map(|argument| parts(&argument.value)).sum()
}

fn parts(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(|item| parts(item)).sum::<usize>(),
        Value::Object(fields) => 1 + fields.iter().map(|(_, value)| parts(value)).sum::<usize>(),
        Value::Null
        | Value::Enum(_)
        | Value::Variable(_)
        | Value::String(_)
        | Value::Float(_)
        | Value::Int(_)
        | Value::Boolean(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::kernel::error::ErrorReason;

    fn check_text(text: &str) -> Result<Findings> {
        check(&Document::parse(text, "document").unwrap(), &Config::default())
    }

    fn reason(text: &str) -> Option<ErrorReason> {
        check_text(text).unwrap_err().reason
    }

    fn doubling(levels: usize) -> String {
        let mut text = String::from("{ ...f0 } ");
        for level in 0..levels {
            write!(text, "fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1).unwrap();
        }
        write!(text, "fragment f{levels} on Query {{ a }}").unwrap();
        text
    }

    #[test]
    fn doubling_fragments_are_refused_at_once() {
        assert_eq!(reason(&doubling(25)), Some(ErrorReason::DocumentTooLarge));
        assert!(check_text(&doubling(5)).is_ok());
    }

    #[test]
    fn fragments_that_contain_themselves_are_refused() {
        assert_eq!(reason("{ ...a } fragment a on Query { x { ...b } } fragment b on Query { y { ...a } }"), None);
    }

    #[test]
    fn long_chains_of_fragments_are_refused_even_unused() {
        let mut text = String::from("{ a } ");
        for level in 0..2_000 {
            write!(text, "fragment f{level} on Query {{ ...f{} }} ", level + 1).unwrap();
        }
        assert_eq!(reason(&text), Some(ErrorReason::TooDeep));
    }

    #[test]
    fn aliases_directives_and_depth_are_counted() {
        assert_eq!(reason(&format!("{{ {} }}", "x: a ".repeat(31))), Some(ErrorReason::DocumentTooLarge));
        assert_eq!(reason(&format!("{{ {} }}", "a @skip(if: true) ".repeat(51))), Some(ErrorReason::DocumentTooLarge));
        assert_eq!(
            reason(&format!("{}a{}", "{a".repeat(16), "}".repeat(16)).replace("aa", "a{b}")),
            Some(ErrorReason::TooDeep)
        );
    }

    #[test]
    fn introspection_does_not_count_as_depth() {
        let text = format!("{{ __schema {}{}{} }}", "{ types ".repeat(20), "{ name }", "}".repeat(20));
        let found = check_text(&text).unwrap();
        assert!(found.introspects);
    }

    #[test]
    fn arguments_of_fragments_count_wherever_they_are_used() {
        let mut text = format!("fragment f on Query {{ a(b: [{}]) }} ", "1 ".repeat(300));
        for number in 0..20 {
            write!(text, "query q{number} {{ ...f }} ").unwrap();
        }
        assert_eq!(reason(&text), Some(ErrorReason::DocumentTooLarge));
    }
}
