//! What an introspection query would be answered, measured before it runs. Types refer to each other in circles, so that a
//! query of a line could list everything below everything; and nobody has to sign in for it.

use std::cell::OnceCell;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema as Types,
    ast::{DirectiveDefinition, EnumValueDefinition, FieldDefinition, InputValueDefinition, Type},
    collections::HashMap,
    executable::{Selection, SelectionSet},
    introspection::check_max_depth,
    schema::{ExtendedType, Implementers},
    validation::Valid,
};

use super::lexer::too_deep;
use crate::kernel::error::{Error, ErrorCode, ErrorReason, Result};

/// The longest answer, in bytes. That to the standard query has less than half of it.
const LONGEST_ANSWER: usize = 2 * 1024 * 1024;

/// What a field takes in an answer beside its key and a text: quotes, colon, comma, brackets or a short value.
const AROUND_A_FIELD: usize = 12;

/// So often a list of fields or types may stand within another; the same bound as in graphql-js.
const DEEPEST: usize = 3;

/// Checks every operation of a document.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` with the reason `TOO_DEEP` or `TOO_COMPLEX`.
pub(super) fn check(types: &Types, document: &Valid<ExecutableDocument>) -> Result<()> {
    for operation in document.operations.iter() {
        if check_max_depth(document, operation).is_err() {
            return Err(too_deep(
                "introspection of `fields`, `interfaces`, `possibleTypes` and `inputFields`",
                None,
                DEEPEST - 1,
                "Ask for the inner types by `__type(name:)`.",
            ));
        }
        let mut walk = Walk { types, document, implementers: OnceCell::new(), left: LONGEST_ANSWER };
        walk.thing(&Thing::Root, &operation.selection_set)?;
    }
    Ok(())
}

/// What introspection tells of.
enum Thing<'a> {
    /// A root of operations.
    Root,
    Schema,
    Named(&'a str),
    NonNull(&'a Type),
    List(&'a Type),
    Field(&'a FieldDefinition),
    Argument(&'a InputValueDefinition),
    Value(&'a EnumValueDefinition),
    Directive(&'a DirectiveDefinition),
}

struct Walk<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    implementers: OnceCell<HashMap<Name, Implementers>>,
    /// Bytes that the answer may still have.
    left: usize,
}

impl<'a> Walk<'a> {
    fn thing(&mut self, thing: &Thing<'a>, set: &'a SelectionSet) -> Result<()> {
        for selection in &set.selections {
            match selection {
                Selection::InlineFragment(fragment) => self.thing(thing, &fragment.selection_set)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.thing(thing, &fragment.selection_set)?;
                    }
                }
                Selection::Field(field) => {
                    let text = if field.name == "description" { thing.description(self.types) } else { 0 };
                    self.spend(field.response_key().len() + AROUND_A_FIELD + text)?;
                    if !field.selection_set.selections.is_empty() {
                        let asked = field.specified_argument_by_name("name").and_then(|name| name.as_str());
                        for below in self.below(thing, &field.name, asked) {
                            self.thing(&below, &field.selection_set)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::new(
                ErrorCode::GraphqlValidationFailed,
                "The answer to this introspection query would be too long; ask for fewer lists within lists.",
            )
            .reason(ErrorReason::TooComplex)
        })?;
        Ok(())
    }

    /// What stands below a field. Fields of another kind than introspection have nothing to measure.
    fn below(&self, thing: &Thing<'a>, field: &str, asked: Option<&'a str>) -> Vec<Thing<'a>> {
        let types = self.types;
        let named = |name: Option<&'a Name>| name.map(|name| Thing::Named(name)).into_iter().collect();
        let root = &types.schema_definition;
        match (thing, field) {
            (Thing::Root, "__schema") => vec![Thing::Schema],
            // Without a literal name, the longest type that there is would have to be searched for.
            (Thing::Root, "__type") => vec![Thing::Named(asked.unwrap_or("Mutation"))],
            (Thing::Schema, "types") => types.types.keys().map(|name| Thing::Named(name)).collect(),
            (Thing::Schema, "queryType") => named(root.query.as_deref()),
            (Thing::Schema, "mutationType") => named(root.mutation.as_deref()),
            (Thing::Schema, "subscriptionType") => named(root.subscription.as_deref()),
            (Thing::Schema, "directives") => {
                types.directive_definitions.values().map(|it| Thing::Directive(it)).collect()
            }
            (Thing::Named(name), _) => types.types.get(*name).map_or_else(Vec::new, |ty| self.below_type(ty, field)),
            (Thing::NonNull(Type::NonNullNamed(name)), "ofType") => vec![Thing::Named(name)],
            (Thing::NonNull(Type::NonNullList(item)), "ofType") => vec![Thing::List(item)],
            (Thing::List(item), "ofType") => vec![Thing::of(item)],
            (Thing::Field(field), "type") => vec![Thing::of(&field.ty)],
            (Thing::Field(field), "args") => arguments(&field.arguments),
            (Thing::Argument(argument), "type") => vec![Thing::of(&argument.ty)],
            (Thing::Directive(directive), "args") => arguments(&directive.arguments),
            _ => Vec::new(),
        }
    }

    fn below_type(&self, ty: &'a ExtendedType, field: &str) -> Vec<Thing<'a>> {
        match (ty, field) {
            (ExtendedType::Object(object), "fields") => object.fields.values().map(|it| Thing::Field(it)).collect(),
            (ExtendedType::Interface(it), "fields") => it.fields.values().map(|it| Thing::Field(it)).collect(),
            (ExtendedType::Object(object), "interfaces") => {
                object.implements_interfaces.iter().map(|it| Thing::Named(&it.name)).collect()
            }
            (ExtendedType::Union(union), "possibleTypes") => {
                union.members.iter().map(|it| Thing::Named(&it.name)).collect()
            }
            (ExtendedType::Interface(interface), "possibleTypes") => {
                let implementers = self.implementers.get_or_init(|| self.types.implementers_map());
                let names = implementers.get(&interface.name).into_iter().flat_map(|it| it.objects.iter());
                names.filter_map(|name| Some(Thing::Named(self.types.types.get_key_value(name)?.0))).collect()
            }
            (ExtendedType::Enum(it), "enumValues") => it.values.values().map(|it| Thing::Value(it)).collect(),
            (ExtendedType::InputObject(it), "inputFields") => {
                it.fields.values().map(|it| Thing::Argument(it)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn arguments(arguments: &[Node<InputValueDefinition>]) -> Vec<Thing<'_>> {
    arguments.iter().map(|it| Thing::Argument(it)).collect()
}

impl<'a> Thing<'a> {
    fn of(ty: &'a Type) -> Self {
        match ty {
            Type::Named(name) => Self::Named(name),
            Type::List(item) => Self::List(item),
            Type::NonNullNamed(_) | Type::NonNullList(_) => Self::NonNull(ty),
        }
    }

    /// The length of its description.
    fn description(&self, types: &Types) -> usize {
        let text = match self {
            Self::Root | Self::Schema | Self::NonNull(_) | Self::List(_) => None,
            Self::Named(name) => types.types.get(*name).and_then(|ty| ty.description()),
            Self::Field(field) => field.description.as_ref(),
            Self::Argument(argument) => argument.description.as_ref(),
            Self::Value(value) => value.description.as_ref(),
            Self::Directive(directive) => directive.description.as_ref(),
        };
        text.map_or(0, |text| text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, schema::Api};

    fn reason(query: &str) -> Option<ErrorReason> {
        let types = Api::build(&Config::default()).types().clone();
        let document = ExecutableDocument::parse_and_validate(&types, query, "query").unwrap();
        check(&types, &document).err().and_then(|error| error.reason)
    }

    #[test]
    fn lists_within_lists_are_bounded() {
        assert_eq!(reason("{ __schema { types { name fields { name args { name type { name } } } } } }"), None);
        assert_eq!(reason("{ __type(name: \"User\") { fields { type { fields { name } } } } }"), None);
        let three = "{ __type(name: \"User\") { fields { type { fields { type { fields { name } } } } } } }";
        assert_eq!(reason(three), Some(ErrorReason::TooDeep));
        let descriptions: String = (0..20).map(|number| format!("d{number}: description ")).collect();
        let wide = format!(
            "{{ __schema {{ types {{ fields {{ type {{ ...T ofType {{ ...T }} }} }} }} }} }} fragment T on __Type {{ fields {{ {descriptions} }} }}"
        );
        assert_eq!(reason(&wide), Some(ErrorReason::TooComplex));
    }

    #[test]
    fn the_standard_query_takes_less_than_half() {
        let query = include_str!("../../tests/fixtures/introspection.graphql");
        let types = Api::build(&Config::default()).types().clone();
        let document = ExecutableDocument::parse_and_validate(&types, query, "query").unwrap();
        let mut walk =
            Walk { types: &types, document: &document, implementers: OnceCell::new(), left: LONGEST_ANSWER / 2 };
        for operation in document.operations.iter() {
            walk.thing(&Thing::Root, &operation.selection_set).unwrap();
        }
    }
}
