//! What is counted in a parsed document before it is validated: fields after fragments are expanded, depth, aliases,
//! directives. Each fragment is counted once and remembered, so that fragments that double each other cost nothing.
//!
//! Introspection counts as fields but not as depth: the standard query nests 13 levels and must pass.

use std::collections::HashMap;

use async_graphql::{
    Positioned,
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
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
    /// Fields below each other, introspection left out.
    depth: usize,
    /// Selection sets below each other, of every kind.
    height: usize,
}

/// Checks a document against the limits of the settings.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` with the reason `TOO_DEEP` or `DOCUMENT_TOO_LARGE`, or without a reason for fragments
/// that contain themselves.
pub(super) fn check(document: &ExecutableDocument, config: &Config) -> Result<Findings> {
    let mut walk = Walk {
        document,
        config,
        known: HashMap::new(),
        open: Vec::new(),
        aliases: 0,
        directives: 0,
        introspects: false,
    };
    let mut in_operations = 0_usize;
    for (_, operation) in document.operations.iter() {
        walk.directives(&operation.node.directives)?;
        for variable in &operation.node.variable_definitions {
            walk.directives(&variable.node.directives)?;
        }
        let size = walk.selection(&operation.node.selection_set.node)?;
        if size.depth > config.max_depth {
            return Err(too_deep("selection", config.max_depth));
        }
        in_operations = in_operations.saturating_add(size.fields);
    }
    let mut in_fragments = 0_usize;
    for name in document.fragments.keys() {
        in_fragments = in_fragments.saturating_add(walk.fragment(name)?.fields);
    }
    if in_operations > config.max_fields || in_fragments > config.max_fields.saturating_mul(FRAGMENTS_FACTOR) {
        return Err(too_large(format!("The document selects more than {} fields.", config.max_fields)));
    }
    Ok(Findings { introspects: walk.introspects })
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    config: &'a Config,
    known: HashMap<&'a str, Size>,
    /// The fragments being counted, outermost first.
    open: Vec<&'a str>,
    aliases: usize,
    directives: usize,
    introspects: bool,
}

impl<'a> Walk<'a> {
    fn selection(&mut self, set: &'a SelectionSet) -> Result<Size> {
        let mut size = Size::default();
        for selection in &set.items {
            self.directives(selection.node.directives())?;
            let below = match &selection.node {
                Selection::Field(field) => {
                    let introspects = matches!(field.node.name.node.as_str(), "__schema" | "__type");
                    self.introspects |= introspects;
                    if field.node.alias.is_some() {
                        self.alias()?;
                    }
                    let below = self.selection(&field.node.selection_set.node)?;
                    let depth = if introspects { 0 } else { below.depth + 1 };
                    Size { fields: below.fields.saturating_add(1), depth, height: below.height + 1 }
                }
                Selection::InlineFragment(fragment) => {
                    let below = self.selection(&fragment.node.selection_set.node)?;
                    Size { height: below.height + 1, ..below }
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            size.fields = size.fields.saturating_add(below.fields);
            size.depth = size.depth.max(below.depth);
            size.height = size.height.max(below.height);
        }
        if size.height > self.config.max_nesting {
            return Err(too_deep("selection", self.config.max_nesting));
        }
        Ok(size)
    }

    /// A fragment that does not exist has no size: the validator names it.
    fn fragment(&mut self, name: &'a str) -> Result<Size> {
        if let Some(size) = self.known.get(name) {
            return Ok(*size);
        }
        if self.open.contains(&name) {
            return Err(Error::new(ErrorCode::GraphqlValidationFailed, "A fragment contains itself."));
        }
        if self.open.len() >= MAX_FRAGMENT_CHAIN {
            return Err(too_deep("chain of fragments", MAX_FRAGMENT_CHAIN));
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.open.push(name);
        self.directives(&fragment.node.directives)?;
        let below = self.selection(&fragment.node.selection_set.node)?;
        self.open.pop();
        let size = Size { height: below.height + 1, ..below };
        self.known.insert(name, size);
        Ok(size)
    }

    fn alias(&mut self) -> Result<()> {
        self.aliases += 1;
        if self.aliases > self.config.max_aliases {
            return Err(too_large(format!("The document has more than {} aliases.", self.config.max_aliases)));
        }
        Ok(())
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Result<()> {
        self.directives += directives.len();
        if self.directives > self.config.max_directives {
            return Err(too_large(format!("The document has more than {} directives.", self.config.max_directives)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use async_graphql::parser::parse_query;

    use super::*;
    use crate::kernel::error::ErrorReason;

    fn reason(text: &str) -> Option<ErrorReason> {
        check(&parse_query(text).unwrap(), &Config::default()).unwrap_err().reason
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
        assert!(check(&parse_query(doubling(5)).unwrap(), &Config::default()).is_ok());
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
        let found = check(&parse_query(text).unwrap(), &Config::default()).unwrap();
        assert!(found.introspects);
    }
}
