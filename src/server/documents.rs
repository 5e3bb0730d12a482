//! From the text of a document to what may run: counted, parsed, checked against the limits, validated, planned. Valid
//! documents are kept for the next request with the same text; what was refused is not.

use std::{borrow::Cow, collections::HashMap, mem::size_of, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema as Types,
    ast::Document as Ast,
    diagnostic::Diagnostic,
    executable::Operation,
    parser::SourceMap,
    validation::{DiagnosticData, DiagnosticList, Valid},
};
use async_graphql::{Pos, ServerError, Value, Variables};
use moka::sync::Cache;

use super::{
    answer::server_error,
    inputs::{self, Problem},
    introspection, lexer, limits, overlap,
    plan::{self, Plan, Positions},
    weight,
};
use crate::{
    config::Config,
    kernel::error::{Error, ErrorCode, ErrorReason, Result as OurResult},
};

/// What all kept documents may weigh, in bytes of memory.
const KEPT: u64 = 32 * 1024 * 1024;

/// What a document weighs at most to be kept: one may not push out all others.
const MOST_OF_ONE: u32 = 2 * 1024 * 1024;

/// What the validator says of a subscription whose one field stands twice, which is fine.
const MANY_ROOTS: &str = "SubscriptionUsesMultipleFields";

/// A valid document that is within the limits.
pub(super) struct Document {
    /// Each field with its definition in the schema.
    pub(super) valid: Valid<ExecutableDocument>,
    /// It asks about the schema.
    pub(super) introspects: bool,
    /// Ids that the document itself has.
    ids: inputs::Ids,
    /// Names of the operations whose answers may be long.
    long: Vec<Option<Name>>,
    /// The plans of its operations, but of those in which variables decide what is selected.
    plans: HashMap<Option<Name>, Arc<Plan>>,
    /// Memory that it holds, in bytes.
    weight: u32,
}

impl Document {
    /// The operation of a name, or the only one.
    ///
    /// # Errors
    /// `GRAPHQL_VALIDATION_FAILED` where there is none, or several and no name.
    pub(super) fn operation(&self, name: Option<&str>) -> OurResult<&Node<Operation>> {
        let operations = &self.valid.operations;
        operations.get(name).map_err(|_| {
            let text = if name.is_none() && operations.len() > 1 {
                "The document has several operations: say in `operationName` which one to run."
            } else {
                "The document has no operation with the name in `operationName`."
            };
            Error::new(ErrorCode::GraphqlValidationFailed, text)
        })
    }
}

impl Document {
    /// True for an operation whose answer may be long.
    pub(super) fn is_long(&self, operation: &Operation) -> bool {
        self.long.contains(&operation.name)
    }
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

    /// Checks the values that were given for the variables of an operation, with so many files. Returns the ids of the
    /// request.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, one for each value that cannot be read.
    pub(super) fn check_variables(
        &self,
        document: &Document,
        operation: &Operation,
        variables: &Variables,
        files: usize,
        config: &Config,
    ) -> Result<inputs::Ids, Vec<ServerError>> {
        let (problems, mut ids) = inputs::check_variables(&self.types, operation, variables, files);
        if problems.is_empty() {
            ids.extend(&document.ids);
            return Ok(ids);
        }
        let refused = |problem: Problem| {
            let problem = Problem { reason: problem.reason.or(Some(ErrorReason::InvalidFormat)), ..problem };
            refused_input(problem, ErrorCode::BadUserInput, &document.valid.sources, config.introspection)
        };
        Err(problems.into_iter().map(refused).collect())
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
        let read = lexer::read_document(text, config).map_err(ours)?;
        let ast = Ast::parse(read.text, "document").map_err(|invalid| syntax_error(&invalid.errors))?;
        let findings = limits::check(&ast, config).map_err(ours)?;
        if findings.introspects && !config.introspection {
            return Err(ours(Error::new(
                ErrorCode::GraphqlValidationFailed,
                "Introspection is switched off on this server.",
            )));
        }
        let unfit = |errors: &DiagnosticList| problems(errors, config.introspection);
        let typed = ast.to_executable(&self.types).map_err(|invalid| unfit(&invalid.errors))?;
        let (mut literals, mut ids) = inputs::check_literals(&self.types, &typed);
        if !ids.is_empty() {
            let place = typed.operations.iter().next().and_then(|operation| operation.location());
            let source = place.and_then(|span| typed.sources.get(&span.file_id()));
            let positions = Positions::of(source.map_or("", |source| source.source_text()));
            ids.place(|byte| positions.at(byte));
        }
        if literals.is_empty() {
            literals.extend(overlap::check(&self.types, &typed).map_err(ours)?);
        }
        if !literals.is_empty() {
            let refused =
                |it| refused_input(it, ErrorCode::GraphqlValidationFailed, &typed.sources, config.introspection);
            return Err(literals.into_iter().map(refused).collect());
        }
        let valid = match typed.validate(&self.types) {
            Ok(valid) => valid,
            Err(invalid) => {
                let document = &invalid.partial;
                let is_one = |it: &Node<Operation>| !it.is_subscription() || overlap::has_one_root(document, it);
                let only = |it: Diagnostic<'_, DiagnosticData>| it.error.unstable_error_name() == Some(MANY_ROOTS);
                if !invalid.errors.iter().all(only) || !document.operations.iter().all(is_one) {
                    return Err(unfit(&invalid.errors));
                }
                Valid::assume_valid(invalid.partial)
            }
        };
        if findings.introspects {
            introspection::check(&self.types, &valid).map_err(ours)?;
        }
        let long = valid.operations.iter().filter(|it| weight::is_long(&valid, &it.selection_set));
        let long = long.map(|it| it.name.clone()).collect();
        let mut plans = HashMap::new();
        for operation in valid.operations.iter() {
            let plan = plan::fixed_plan(&self.types, &valid, operation, most_selections(config)).map_err(ours)?;
            plans.extend(plan.map(|plan| (operation.name.clone(), Arc::new(plan))));
        }
        let planned = plans.values().map(|plan| plan.size).sum();
        let weight = memory(text, read.tokens, planned);
        Ok(Document { valid, introspects: findings.introspects, ids, long, plans, weight })
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

/// What a word or sign of a document holds in memory at most: measured.
const PER_TOKEN: usize = 300;

/// What a field of a plan holds in memory.
const PER_FIELD: usize = 800;

/// What a document holds in memory, with so many fields in its plans.
fn memory(text: &str, tokens: usize, planned: usize) -> u32 {
    let bytes = size_of::<Document>() + text.len() + tokens * PER_TOKEN + planned * PER_FIELD;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

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
        .take(inputs::MAX_PROBLEMS)
        .map(|problem| {
            let text = if tell { message(problem.error) } else { place_only(problem.error).to_owned() };
            located(Error::new(ErrorCode::GraphqlValidationFailed, text), position(&problem))
        })
        .collect()
}

fn message(problem: &DiagnosticData) -> String {
    if let "ConflictingFieldType" | "ConflictingFieldName" | "ConflictingFieldArgument" =
        problem.unstable_error_name().unwrap_or_default()
    {
        return format!("Overlapping fields: {problem}. Give one of them an alias of its own.");
    }
    let text = problem.unstable_compat_message().unwrap_or_else(|| problem.to_string());
    text.split_once(" Did you mean").map_or(text.clone(), |(text, _)| text.to_owned())
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

/// A value that cannot be read.
pub(super) fn refused_input(problem: Problem, code: ErrorCode, sources: &SourceMap, tell: bool) -> ServerError {
    let at = problem.at.and_then(|span| span.line_column(sources));
    let message: Cow<'static, str> = if tell { problem.message.into() } else { problem.plain.into() };
    let field = tell.then(|| problem.path.into());
    let ours = Error { reason: problem.reason, field, ..Error::new(code, message) };
    located(ours, at.map(|at| Pos { line: at.line, column: at.column }))
}

fn position(problem: &Diagnostic<'_, DiagnosticData>) -> Option<Pos> {
    problem.line_column_range().map(|range| Pos { line: range.start.line, column: range.start.column })
}

fn located(error: Error, at: Option<Pos>) -> ServerError {
    ServerError { locations: at.into_iter().collect(), ..server_error(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Api;

    #[test]
    fn valid_documents_alone_are_kept_and_so_many_as_may_be() {
        let config = Config::default();
        let documents = Documents::new(Api::build(&config).types().clone());
        for number in 0..100 {
            assert!(documents.get(&format!("{{ unknown{number} }}"), &config).is_err());
        }
        documents.kept.run_pending_tasks();
        assert_eq!(documents.kept.entry_count(), 0);
        for number in 0..100 {
            let text = format!("{{ a{number}: __typename {} }}", "__typename ".repeat(1_500));
            assert!(documents.get(&text, &config).is_ok());
        }
        documents.kept.run_pending_tasks();
        assert!(documents.kept.weighted_size() <= KEPT && documents.kept.entry_count() > 10);
        let again = documents
            .get("{ __typename }", &config)
            .map(|first| documents.get("{ __typename }", &config).is_ok_and(|second| Arc::ptr_eq(&first, &second)));
        assert!(again.is_ok_and(|is_same| is_same));
    }
}
