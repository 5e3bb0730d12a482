//! How long the answer to an operation may become, estimated once for each document: long ones take turns ([`super::turns`]).

use apollo_compiler::{
    ExecutableDocument,
    executable::{Field, Selection, SelectionSet},
};

/// From here on an operation is long: a page of twenty entries with fifteen fields.
const LONG: usize = 300;

/// Fields whose texts may have thousands of characters, and how much each counts.
const TEXTS: &[&str] = &["body", "text"];
const TEXT: usize = 10;

/// Entries of a page where nothing is said, and the most that there can be.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// Entries of a list without pages.
const LIST: usize = 10;

/// True for an operation with this selection whose answer may be long.
pub(super) fn is_long(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    selection(document, set) >= LONG
}

/// Fragments are in place of their spreads; how many fields that may make was checked before.
fn selection(document: &ExecutableDocument, set: &SelectionSet) -> usize {
    let parts = set.selections.iter().map(|part| match part {
        Selection::Field(field) => weight(document, field),
        Selection::InlineFragment(fragment) => selection(document, &fragment.selection_set),
        Selection::FragmentSpread(spread) => {
            document.fragments.get(&spread.fragment_name).map_or(0, |it| selection(document, &it.selection_set))
        }
    });
    parts.fold(0, usize::saturating_add)
}

fn weight(document: &ExecutableDocument, field: &Field) -> usize {
    if TEXTS.contains(&field.name.as_str()) && field.selection_set.is_empty() {
        return TEXT;
    }
    entries(field).saturating_mul(1 + selection(document, &field.selection_set))
}

/// How often what stands below a field is told.
fn entries(field: &Field) -> usize {
    if field.definition.argument_by_name("first").is_some() {
        let said = ["first", "last"].iter().find_map(|name| field.specified_argument_by_name(name));
        // Of a variable only the request knows the value.
        return said.map_or(PAGE, |size| size.to_i32().map_or(LARGEST_PAGE, page));
    }
    // The entries of a page were counted with the page.
    let is_page = field.name == "nodes" || field.name == "edges";
    if field.definition.ty.is_list() && !is_page { LIST } else { 1 }
}

fn page(size: i32) -> usize {
    usize::try_from(size).unwrap_or_default().clamp(1, LARGEST_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, schema::Api};

    fn long(text: &str) -> bool {
        let types = Api::build(&Config::default()).types().clone();
        let document = ExecutableDocument::parse_and_validate(&types, text, "document").unwrap();
        document.operations.iter().any(|operation| is_long(&document, &operation.selection_set))
    }

    #[test]
    fn pages_of_texts_are_long_and_what_is_done_all_day_is_not() {
        let messages = |page: &str, fields: &str| {
            format!(
                "query($c: ID!) {{ conversation(conversationId: $c) {{ messages{page} {{ nodes {{ {fields} }} }} }} }}"
            )
        };
        assert!(!long(&messages("", "id seq body")));
        assert!(long(&messages("(first: 100)", "body")));
        assert!(long(&messages("", "a: body b: body")));
        let by_variable = messages("(first: $n)", "body").replace("$c: ID!", "$c: ID! $n: Int");
        assert!(long(&by_variable));
        assert!(!long("mutation($i: SendMessageInput!) { sendMessage(input: $i) { message { id seq body } } }"));
        let twice = "fragment F on MessageConnection { nodes { body } }";
        let text = messages("", "id").replace("nodes { id }", "...F ... { ...F }");
        assert!(long(&format!("{text} {twice}")));
    }
}
