//! From the validated document to the form that the schema runs.

use apollo_compiler::{
    Node, ast,
    executable::{Field, Operation},
};
use async_graphql::{
    Name, Pos, Positioned, Value as ConstValue,
    parser::types::{
        self as parsed, InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, TypeCondition,
        VariableDefinition,
    },
};
use async_graphql_value::Value;

use super::Positions;
use crate::kernel::error::{Error, ErrorCode, Result};

/// Writes the parts of a document that the client sent, each with its position there.
pub(super) struct Emit {
    pub(super) positions: Positions,
}

impl Emit {
    /// Where a name stands in the client's document.
    pub(super) fn pos(&self, name: &apollo_compiler::Name) -> Pos {
        name.location().map(|span| self.positions.at(span.offset())).unwrap_or_default()
    }

    fn node_pos<T: ?Sized>(&self, node: &Node<T>) -> Pos {
        node.location().map(|span| self.positions.at(span.offset())).unwrap_or_default()
    }

    fn name(&self, name: &apollo_compiler::Name) -> Positioned<Name> {
        Positioned::new(Name::new(name), self.pos(name))
    }

    /// A field under its response key.
    pub(super) fn field(&self, field: &Field, below: Vec<Positioned<Selection>>) -> Result<Positioned<Selection>> {
        let pos = self.pos(field.response_key());
        let arguments = field
            .arguments
            .iter()
            .map(|argument| {
                let value = Positioned::new(value(&argument.value)?, self.node_pos(&argument.value));
                Ok((self.name(&argument.name), value))
            })
            .collect::<Result<_>>()?;
        let field = parsed::Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments,
            directives: Vec::new(),
            selection_set: selections(below, pos),
        };
        Ok(Positioned::new(Selection::Field(Positioned::new(field, pos)), pos))
    }

    /// The whole operation.
    pub(super) fn operation(
        &self,
        operation: &Operation,
        items: Vec<Positioned<Selection>>,
    ) -> Result<OperationDefinition> {
        let ty = match operation.operation_type {
            ast::OperationType::Query => OperationType::Query,
            ast::OperationType::Mutation => OperationType::Mutation,
            ast::OperationType::Subscription => OperationType::Subscription,
        };
        let variable_definitions =
            operation.variables.iter().map(|variable| self.variable(variable)).collect::<Result<_>>()?;
        let selection_set = selections(items, Pos::default());
        Ok(OperationDefinition { ty, variable_definitions, directives: Vec::new(), selection_set })
    }

    fn variable(&self, variable: &Node<ast::VariableDefinition>) -> Result<Positioned<VariableDefinition>> {
        let pos = self.node_pos(variable);
        let default = variable.default_value.as_ref().map(|default| -> Result<_> {
            let constant = value(default)?.into_const().unwrap_or(ConstValue::Null);
            Ok(Positioned::new(constant, self.node_pos(default)))
        });
        let definition = VariableDefinition {
            name: self.name(&variable.name),
            var_type: Positioned::new(ty(&variable.ty), pos),
            directives: Vec::new(),
            default_value: default.transpose()?,
        };
        Ok(Positioned::new(definition, pos))
    }
}

/// Asks for the type of an object.
pub(super) fn type_name(key: &str) -> Positioned<Selection> {
    let name = |text: &str| Positioned::new(Name::new(text), Pos::default());
    let field = parsed::Field {
        alias: (key != TYPE_NAME).then(|| name(key)),
        name: name(TYPE_NAME),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    };
    Positioned::new(Selection::Field(Positioned::new(field, Pos::default())), Pos::default())
}

/// The meta-field of every type.
pub(super) const TYPE_NAME: &str = "__typename";

/// Asks something of the objects of one type.
pub(super) fn of_type(ty: &str, items: Vec<Positioned<Selection>>) -> Positioned<Selection> {
    let here = Pos::default();
    let condition = TypeCondition { on: Positioned::new(Name::new(ty), here) };
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(condition, here)),
        directives: Vec::new(),
        selection_set: selections(items, here),
    };
    Positioned::new(Selection::InlineFragment(Positioned::new(fragment, here)), here)
}

fn selections(items: Vec<Positioned<Selection>>, pos: Pos) -> Positioned<SelectionSet> {
    Positioned::new(SelectionSet { items }, pos)
}

fn ty(ty: &ast::Type) -> parsed::Type {
    let base = match ty {
        ast::Type::Named(name) | ast::Type::NonNullNamed(name) => parsed::BaseType::Named(Name::new(name)),
        ast::Type::List(item) | ast::Type::NonNullList(item) => parsed::BaseType::List(Box::new(self::ty(item))),
    };
    parsed::Type { base, nullable: !ty.is_non_null() }
}

fn value(value: &ast::Value) -> Result<Value> {
    Ok(match value {
        ast::Value::Null => Value::Null,
        ast::Value::Enum(name) => Value::Enum(Name::new(name)),
        ast::Value::Variable(name) => Value::Variable(Name::new(name)),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Float(number) => Value::Number(self::number(number.as_str())?),
        ast::Value::Int(number) => Value::Number(self::number(number.as_str())?),
        ast::Value::Boolean(truth) => Value::Boolean(*truth),
        ast::Value::List(items) => Value::List(items.iter().map(|item| self::value(item)).collect::<Result<_>>()?),
        ast::Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, field)| Ok((Name::new(name), self::value(field)?))).collect::<Result<_>>()?,
        ),
    })
}

fn number(text: &str) -> Result<serde_json::Number> {
    // JSON's reader makes a fraction of it, and it is whole.
    let text = if text == "-0" { "0" } else { text };
    text.parse().map_err(|_| {
        Error::new(ErrorCode::GraphqlValidationFailed, "A number in the document is too large: write a smaller one.")
    })
}
