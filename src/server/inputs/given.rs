//! A value, wherever it comes from: a literal in a document, or the value of a variable.

use apollo_compiler::{Node, ast::Value};
use async_graphql::Value as Constant;

/// A value.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    Literal(&'a Node<Value>),
    Constant(&'a Constant),
}

/// What it is.
pub(super) enum View<'a> {
    Null,
    Boolean,
    /// A whole number, and whether 32 bits hold it.
    Int(bool),
    /// Another number, and whether it is finite.
    Float(bool),
    String(&'a str),
    /// A bare word of a document.
    Word(&'a str),
    Variable(&'a str),
    List(Items<'a>),
    Object(Fields<'a>),
}

/// The items of a list.
#[derive(Clone, Copy)]
pub(super) enum Items<'a> {
    Literal(&'a [Node<Value>]),
    Constant(&'a [Constant]),
}

/// The fields of an object.
#[derive(Clone, Copy)]
pub(super) enum Fields<'a> {
    Literal(&'a [(apollo_compiler::Name, Node<Value>)]),
    Constant(&'a async_graphql::indexmap::IndexMap<async_graphql::Name, Constant>),
}

impl<'a> Given<'a> {
    pub(super) fn view(self) -> View<'a> {
        match self {
            Self::Literal(value) => match &**value {
                Value::Null => View::Null,
                Value::Boolean(_) => View::Boolean,
                Value::Int(number) => View::Int(number.try_to_i32().is_ok()),
                Value::Float(number) => View::Float(number.try_to_f64().is_ok()),
                Value::String(text) => View::String(text),
                Value::Enum(name) => View::Word(name),
                Value::Variable(name) => View::Variable(name),
                Value::List(items) => View::List(Items::Literal(items)),
                Value::Object(fields) => View::Object(Fields::Literal(fields)),
            },
            Self::Constant(value) => match value {
                Constant::Null => View::Null,
                Constant::Boolean(_) => View::Boolean,
                Constant::Number(number) if number.is_f64() => View::Float(number.as_f64().is_some_and(f64::is_finite)),
                Constant::Number(number) => {
                    View::Int(number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()))
                }
                Constant::String(text) => View::String(text),
                Constant::Enum(name) => View::Word(name),
                Constant::Binary(_) => View::String(""),
                Constant::List(items) => View::List(Items::Constant(items)),
                Constant::Object(fields) => View::Object(Fields::Constant(fields)),
            },
        }
    }

    /// As the scalars of the schema read it; `None` where a variable stands in it.
    pub(super) fn constant(self) -> Option<Constant> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Literal(value) => constant_of(value),
        }
    }
}

impl<'a> Items<'a> {
    pub(super) fn iter(self) -> impl Iterator<Item = Given<'a>> {
        let (literals, constants): (&[_], &[_]) = match self {
            Self::Literal(items) => (items, &[]),
            Self::Constant(items) => (&[], items),
        };
        literals.iter().map(Given::Literal).chain(constants.iter().map(Given::Constant))
    }
}

impl<'a> Fields<'a> {
    pub(super) fn get(self, name: &str) -> Option<Given<'a>> {
        match self {
            Self::Literal(fields) => {
                fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, value)| Given::Literal(value))
            }
            Self::Constant(fields) => fields.get(name).map(Given::Constant),
        }
    }

    pub(super) fn names(self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::Literal(fields) => Box::new(fields.iter().map(|(name, _)| name.as_str())),
            Self::Constant(fields) => Box::new(fields.keys().map(async_graphql::Name::as_str)),
        }
    }
}

fn constant_of(value: &Value) -> Option<Constant> {
    Some(match value {
        Value::Null => Constant::Null,
        Value::Boolean(value) => Constant::Boolean(*value),
        Value::String(text) => Constant::String(text.clone()),
        Value::Enum(name) => Constant::Enum(async_graphql::Name::new(name)),
        Value::Int(number) => Constant::Number(number.as_str().parse().ok()?),
        Value::Float(number) => Constant::Number(number.as_str().parse().ok()?),
        Value::Variable(_) => return None,
        Value::List(items) => Constant::List(items.iter().map(|item| constant_of(item)).collect::<Option<_>>()?),
        Value::Object(fields) => Constant::Object(
            fields
                .iter()
                .map(|(name, value)| Some((async_graphql::Name::new(name), constant_of(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}
