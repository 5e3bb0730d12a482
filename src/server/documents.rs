//! From the text of a document to what may run: counted, parsed, checked against the limits, validated, planned. Valid
//! documents are kept for the next request with the same text; what was refused is not.

use std::{collections::HashMap, mem::size_of, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema as Types,
    ast::Document as Ast,
    diagnostic::Diagnostic,
    executable::Operation,
    validation::{DiagnosticData, DiagnosticList, Valid},
};
use async_graphql::{Pos, ServerError, Value, Variables};
use moka::sync::Cache;

use super::{
    answer::server_error,
    lexer, limits,
    plan::{self, Plan},
};
use crate::{
    config::Config,
    kernel::error::{Error, ErrorCode, Result as OurResult},
};

/// What all kept documents may weigh, in bytes of memory.
const KEPT: u64 = 32 * 1024 * 1024;

/// What a document weighs at most to be kept: one may not push out all others.
const MOST_OF_ONE: u32 = 1024 * 1024;

/// A valid document that is within the limits.
pub(super) struct Document {
    /// Each field with its definition in the schema.
    pub(super) valid: Valid<ExecutableDocument>,
    /// The plans of its operations, but of those in which variables decide what is selected.
    plans: HashMap<Option<Name>, Arc<Plan>>,
    /// Memory that it holds, in bytes.
    weight: u32,
}

/// Where documents come from.
pub(super) struct Documents {
    types: Arc<Valid<Types>>,
    kept: Cache<String, Arc<Document>>,
}

impl Documents {
    /// Documents of a schema.
    pub(super) fn new(types: Arc<Valid<Types>>) -> Self {
        let weigher = |text: &String, document: &Arc<Document>| {
            document.weight.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX))
        };
        Self { types, kept: Cache::builder().weigher(weigher).max_capacity(KEPT).build() }
    }

    /// The document of a text, made now or before.
    ///
    /// # Errors
    /// `GRAPHQL_PARSE_FAILED` or `GRAPHQL_VALIDATION_FAILED`; there may be several of the latter.
    pub(super) fn get(&self, text: &str, config: &Config) -> Result<Arc<Document>, Vec<ServerError>> {
        if let Some(known) = self.kept.get(text) {
            return Ok(known);
        }
        let document = Arc::new(self.make(text, config)?);
        if document.weight <= MOST_OF_ONE {
            self.kept.insert(text.to_owned(), document.clone());
        }
        Ok(document)
    }

    fn make(&self, text: &str, config: &Config) -> Result<Document, Vec<ServerError>> {
        let ours = |error: Error| vec![server_error(error)];
        let tokens = lexer::check_document(text, config).map_err(ours)?;
        let ast = Ast::parse(text, "document").map_err(|invalid| syntax_error(&invalid.errors))?;
        let findings = limits::check(&ast, config).map_err(ours)?;
        if findings.introspects && !config.introspection {
            return Err(ours(Error::new(
                ErrorCode::GraphqlValidationFailed,
                "Introspection is switched off on this server.",
            )));
        }
        let valid = ast
            .to_executable_validate(&self.types)
            .map_err(|invalid| problems(&invalid.errors, config.introspection))?;
        let mut plans = HashMap::new();
        for operation in valid.operations.iter() {
            let plan = plan::fixed_plan(&self.types, &valid, operation, most_selections(config)).map_err(ours)?;
            plans.extend(plan.map(|plan| (operation.name.clone(), Arc::new(plan))));
        }
        let planned = plans.values().map(|plan| plan.size).sum();
        Ok(Document { valid, plans, weight: weight(text, tokens, planned) })
    }

    /// The plan of one of a document's operations, with variables that fit it.
    ///
    /// # Errors
    /// As [`plan::plan`].
    pub(super) fn plan(
        &self,
        document: &Document,
        operation: &Node<Operation>,
        variables: &Variables,
        config: &Config,
    ) -> OurResult<Arc<Plan>> {
        if let Some(known) = document.plans.get(&operation.name) {
            return Ok(known.clone());
        }
        let default = |name: &str| {
            let definition = operation.variables.iter().find(|variable| variable.name == name)?;
            definition.default_value.as_ref()?.to_bool()
        };
        let truth = |name: &str| match variables.get(name) {
            Some(Value::Boolean(truth)) => Some(*truth),
            Some(_) => None,
            None => default(name),
        };
        plan::plan(&self.types, &document.valid, operation, &truth, most_selections(config)).map(Arc::new)
    }
}

/// Fields of interfaces and unions are planned for each type.
fn most_selections(config: &Config) -> usize {
    config.max_fields.saturating_mul(plan::FACTOR)
}

/// What a document holds in memory, with so many fields in its plans.
fn weight(text: &str, tokens: usize, planned: usize) -> u32 {
    u32::try_from(size_of::<Document>() + text.len() + tokens * 400 + planned * 800).unwrap_or(u32::MAX)
}

/// More problems than this help nobody.
const MAX_PROBLEMS: usize = 20;

/// The first thing that is not GraphQL; what follows mostly follows from it.
fn syntax_error(errors: &DiagnosticList) -> Vec<ServerError> {
    let (what, at) = errors.iter().next().map_or_else(Default::default, |first| {
        let text = first.error.to_string();
        (text.strip_prefix("syntax error: ").unwrap_or(&text).to_owned(), position(&first))
    });
    let place = at.map_or_else(String::new, |Pos { line, column }| format!(" (line {line}, column {column})"));
    let ours = Error::new(ErrorCode::GraphqlParseFailed, format!("Syntax error: {what}{place}."));
    vec![located(ours, at)]
}

/// What does not fit the schema. Where introspection is off, names that the document does not contain are not told.
fn problems(errors: &DiagnosticList, tell: bool) -> Vec<ServerError> {
    errors
        .iter()
        .take(MAX_PROBLEMS)
        .map(|problem| {
            let text = if tell { message(problem.error) } else { place_only(problem.error).to_owned() };
            located(Error::new(ErrorCode::GraphqlValidationFailed, text), position(&problem))
        })
        .collect()
}

fn message(problem: &DiagnosticData) -> String {
    problem.unstable_compat_message().unwrap_or_else(|| problem.to_string())
}

/// What is wrong, without any name.
fn place_only(problem: &DiagnosticData) -> &'static str {
    match problem.unstable_error_name().unwrap_or_default() {
        "UndefinedField" => "There is no such field here.",
        "UndefinedArgument" => "There is no such argument here.",
        "RequiredArgument" => "A required argument is missing here.",
        "RequiredField" => "A required field of the input is missing here.",
        "MissingSubselection" => "This field needs a selection of fields.",
        "SubselectionOnScalarType" | "SubselectionOnEnumType" => "This field takes no selection of fields.",
        "UnsupportedValueType" | "IntCoercionError" | "FloatCoercionError" | "UndefinedEnumValue" => {
            "This value does not have the type that is needed here."
        }
        _ => "The document does not fit the schema here.",
    }
}

fn position(problem: &Diagnostic<'_, DiagnosticData>) -> Option<Pos> {
    problem.line_column_range().map(|range| Pos { line: range.start.line, column: range.start.column })
}

fn located(error: Error, at: Option<Pos>) -> ServerError {
    ServerError { locations: at.into_iter().collect(), ..server_error(error) }
}
