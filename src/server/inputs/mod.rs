//! Values against the types they are given for: literals in a document, and the values of its variables. One walk for
//! both, by the input coercion rules of the specification, so that whatever cannot be read is refused before anything
//! runs. Here are also the rules about variables and values that the validator leaves out: a variable inside an object
//! or a list must fit its place, no field of an object stands twice, `@oneOf` takes exactly one.

mod given;
mod ids;

use std::{collections::HashMap, fmt::Write};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema as Types,
    ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition},
    collections::HashSet,
    executable::{Operation, Selection, SelectionSet},
    parser::SourceSpan,
    schema::{EnumType, ExtendedType, InputObjectType},
};
use async_graphql::Variables;

use self::given::{Fields, Given, View};
pub(super) use self::ids::Ids;
use crate::{kernel::error::ErrorReason, schema::scalar};

/// More problems than this help nobody.
pub(super) const MAX_PROBLEMS: usize = 20;

/// So many values of an enum are named in an error.
const NAMED_VALUES: usize = 12;

/// Why a value cannot be read.
#[derive(Debug)]
pub(super) struct Problem {
    /// Which value: `input.rules[0].strategy`, of a variable `variables.input.rules[0].strategy`.
    pub(super) path: String,
    /// What was expected there.
    pub(super) message: String,
    /// The same without names that only the schema tells.
    pub(super) plain: &'static str,
    /// The exact reason, where there is one.
    pub(super) reason: Option<ErrorReason>,
    /// Where it stands in the document.
    pub(super) at: Option<SourceSpan>,
}

/// Checks all literals of a document, and each place of a variable.
pub(super) fn check_literals(types: &Types, document: &ExecutableDocument) -> (Vec<Problem>, Ids) {
    let (mut problems, mut ids) = (Vec::new(), Ids::default());
    for operation in document.operations.iter() {
        let variables = operation.variables.iter().map(|variable| (variable.name.as_str(), variable)).collect();
        let mut literals = Literals {
            types,
            document,
            values: Values { types, files: 0, variables, path: Vec::new(), argument: None, at: None, problems, ids },
        };
        for variable in &operation.variables {
            literals.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                literals.values.check(&variable.name, &variable.ty, default, false);
            }
        }
        literals.directives(&operation.directives);
        literals.selection(&operation.selection_set, &mut HashSet::default());
        (problems, ids) = (literals.values.problems, literals.values.ids);
    }
    (problems, ids)
}

/// Checks the values that were given for an operation's variables, with so many files. Those that it does not have are
/// ignored.
pub(super) fn check_variables(
    types: &Types,
    operation: &Operation,
    given: &Variables,
    files: usize,
) -> (Vec<Problem>, Ids) {
    let mut values = Values {
        types,
        files,
        variables: HashMap::new(),
        path: Vec::new(),
        argument: None,
        at: None,
        problems: Vec::new(),
        ids: Ids::default(),
    };
    for variable in &operation.variables {
        values.at = variable.location();
        values.path = vec![Step::Field("variables"), Step::Field(&variable.name)];
        match given.get(variable.name.as_str()) {
            Some(value) => values.value(&variable.ty, Given::Constant(value), false),
            None if variable.ty.is_non_null() && variable.default_value.is_none() => values.refuse(
                format!("The variable `${}` is required: give it a value of type `{}`.", variable.name, variable.ty),
                "A required variable is missing.",
                Some(ErrorReason::InvalidCombination),
            ),
            None => {}
        }
    }
    (values.problems, values.ids)
}

struct Literals<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    values: Values<'a>,
}

impl<'a> Literals<'a> {
    fn selection(&mut self, set: &'a SelectionSet, seen: &mut HashSet<&'a str>) {
        for selection in &set.selections {
            if self.values.is_full() {
                return;
            }
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selection(&field.selection_set, seen);
                }
                Selection::InlineFragment(fragment) => self.selection(&fragment.selection_set, seen),
                Selection::FragmentSpread(spread) => {
                    if seen.insert(spread.fragment_name.as_str())
                        && let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives);
                        self.selection(&fragment.selection_set, seen);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a DirectiveList) {
        for directive in directives.iter() {
            if let Some(definition) = self.types.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    /// What is missing or not known, the validator says.
    fn arguments(&mut self, given: &'a [Node<Argument>], definitions: &'a [Node<InputValueDefinition>]) {
        for argument in given {
            if let Some(definition) = definitions.iter().find(|definition| definition.name == argument.name) {
                let has_default = definition.default_value.is_some();
                self.values.check(&argument.name, &definition.ty, &argument.value, has_default);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// The walk through one value after the other.
struct Values<'a> {
    types: &'a Types,
    /// Files that came with the request.
    files: usize,
    variables: HashMap<&'a str, &'a Node<VariableDefinition>>,
    path: Vec<Step<'a>>,
    /// Where the value begins that all this is part of.
    argument: Option<usize>,
    /// The innermost literal on the way that has a place in the document.
    at: Option<SourceSpan>,
    problems: Vec<Problem>,
    ids: Ids,
}

impl<'a> Values<'a> {
    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    fn check(&mut self, name: &'a str, ty: &'a Type, value: &'a Node<Value>, has_default: bool) {
        self.path = vec![Step::Field(name)];
        self.argument = value.location().map(|span| span.offset());
        self.value(ty, Given::Literal(value), has_default);
    }

    /// Reads a value as a type; `has_default`: its place has a value of its own where none is given.
    fn value(&mut self, ty: &'a Type, given: Given<'a>, has_default: bool) {
        if self.is_full() {
            return;
        }
        let outside = self.at;
        if let Given::Literal(value) = given {
            self.at = value.location().or(outside);
        }
        match (given.view(), ty) {
            (View::Variable(name), _) => self.variable(name, ty, has_default),
            (View::Null, _) => {
                if ty.is_non_null() {
                    self.refuse(
                        format!("{} must not be null.", self.subject()),
                        "A value here must not be null.",
                        Some(ErrorReason::InvalidCombination),
                    );
                }
            }
            (View::List(items), Type::List(item) | Type::NonNullList(item)) => {
                for (index, value) in items.iter().enumerate() {
                    self.below(Step::Item(index), item, value, false);
                }
            }
            // One value stands for a list of one.
            (_, Type::List(item) | Type::NonNullList(item)) => self.value(item, given, false),
            (view, Type::Named(name) | Type::NonNullNamed(name)) => {
                let types = self.types;
                match types.types.get(name) {
                    Some(ExtendedType::Scalar(_)) => self.scalar(name, &view, given),
                    Some(ExtendedType::Enum(ty)) => self.enumeration(ty, &view, given),
                    Some(ExtendedType::InputObject(ty)) => self.object(ty, &view),
                    // Not an input type: the validator says so where the variable is declared.
                    Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)) | None => {}
                }
            }
        }
        self.at = outside;
    }

    fn below(&mut self, step: Step<'a>, ty: &'a Type, given: Given<'a>, has_default: bool) {
        self.path.push(step);
        self.value(ty, given, has_default);
        self.path.pop();
    }

    fn scalar(&mut self, name: &str, view: &View<'_>, given: Given<'_>) {
        let (fits, expected) = match name {
            "Int" => (matches!(view, View::Int(true)), "a whole number from -2147483648 to 2147483647"),
            "Float" => (matches!(view, View::Int(_) | View::Float(true)), "a number"),
            "String" => (matches!(view, View::String(_)), "a string"),
            "Boolean" => (matches!(view, View::Boolean), "true or false"),
            "ID" => (matches!(view, View::String(_) | View::Int(_)), "an id, which is a string"),
            _ => {
                if let Given::Literal(value) = given
                    && let Some(name) = twice(value)
                {
                    let subject = self.subject();
                    return self.refuse(
                        format!("{subject} has the field `{name}` twice."),
                        "A field is given twice.",
                        None,
                    );
                }
                let Some(scalar) = scalar(name) else { return };
                let is_file = name == "Upload" && self.is_file(view);
                // None of them is made of parts, in which a variable could stand.
                if !is_file && !given.constant().is_some_and(|value| (scalar.reads)(value)) {
                    self.expected(scalar.form, view, Some(scalar.reason));
                }
                return;
            }
        };
        if !fits {
            self.expected(expected, view, None);
        } else if let ("ID", View::String(id)) = (name, view) {
            self.ids.note(path_of(&self.path), id, self.argument);
        }
    }

    /// The library's note of a file that came with the request; anybody can write one, also without a file.
    fn is_file(&self, view: &View<'_>) -> bool {
        let View::String(text) = view else { return false };
        text.strip_prefix("#__graphql_file__:")
            .and_then(|number| number.parse::<usize>().ok())
            .is_some_and(|number| number < self.files)
    }

    fn enumeration(&mut self, ty: &EnumType, view: &View<'_>, given: Given<'_>) {
        let name = match (view, given) {
            (View::Word(name), _) => name,
            // JSON has no words.
            (View::String(name), Given::Constant(_)) => name,
            _ => return self.expected(&values_of(ty), view, None),
        };
        if !ty.values.contains_key(*name) {
            let (subject, values) = (self.subject(), values_of(ty));
            self.refuse(format!("{subject} must be {values}, not `{name}`."), "The enum has no such value.", None);
        }
    }

    fn object(&mut self, ty: &'a InputObjectType, view: &View<'a>) {
        let View::Object(fields) = view else {
            return self.expected(&format!("an object of the type `{}`", ty.name), view, None);
        };
        let mut seen = HashSet::default();
        for name in fields.names() {
            if !seen.insert(name) {
                self.refuse(
                    format!("{} has the field `{name}` twice.", self.subject()),
                    "A field is given twice.",
                    None,
                );
            }
            if !ty.fields.contains_key(name) {
                self.refuse(
                    format!("{} has the field `{name}`, which `{}` does not have.", self.subject(), ty.name),
                    "The input has no such field.",
                    None,
                );
            }
        }
        for (name, definition) in &ty.fields {
            let has_default = definition.default_value.is_some();
            match fields.get(name) {
                Some(value) => self.below(Step::Field(name), &definition.ty, value, has_default),
                None if definition.ty.is_non_null() && !has_default => {
                    self.path.push(Step::Field(name));
                    self.refuse(
                        format!("{} is required: give it a value of type `{}`.", self.subject(), definition.ty),
                        "A required field of the input is missing.",
                        Some(ErrorReason::InvalidCombination),
                    );
                    self.path.pop();
                }
                None => {}
            }
        }
        if ty.directives.has("oneOf") {
            self.one_of(ty, *fields);
        }
    }

    fn one_of(&mut self, ty: &InputObjectType, fields: Fields<'a>) {
        let mut names = fields.names();
        let only = names.next().filter(|_| names.next().is_none()).and_then(|name| fields.get(name));
        let is_value = only.is_some_and(|value| match value.view() {
            View::Null => false,
            View::Variable(name) => self.variables.get(name).is_none_or(|variable| variable.ty.is_non_null()),
            View::Boolean
            | View::Int(_)
            | View::Float(_)
            | View::String(_)
            | View::Word(_)
            | View::List(_)
            | View::Object(_) => true,
        });
        if !is_value {
            let names: Vec<&str> = ty.fields.keys().map(|name| name.as_str()).collect();
            self.refuse(
                format!("{} must have exactly one of {}, not null.", self.subject(), list_of(&names)),
                "Exactly one field of the input must be given, and not null.",
                Some(ErrorReason::InvalidCombination),
            );
        }
    }

    /// "All Variable Usages Are Allowed". One that is not declared the validator names.
    fn variable(&mut self, name: &str, ty: &Type, has_default: bool) {
        let Some(variable) = self.variables.get(name).copied() else { return };
        self.ids.note_use(name, self.argument);
        let non_null_default = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
        let fits = if ty.is_non_null() && !variable.ty.is_non_null() && (non_null_default || has_default) {
            variable.ty.is_assignable_to(&ty.clone().nullable())
        } else {
            variable.ty.is_assignable_to(ty)
        };
        if !fits {
            let subject = self.subject();
            self.refuse(
                format!("{subject} has the type `{ty}`, which the variable `${name}` of type `{}` does not fit. Declare it as `${name}: {ty}`.", variable.ty),
                "The variable does not have the type that is needed here.",
                None,
            );
        }
    }

    fn expected(&mut self, what: &str, found: &View<'_>, reason: Option<ErrorReason>) {
        let found = match found {
            View::Null => "null",
            View::Boolean => "true or false",
            View::Int(false) | View::Float(false) => "a number that is too large or too small",
            View::Int(true) | View::Float(true) => "this number",
            View::String(_) if reason.is_some() => "this string",
            View::String(_) => "a string",
            View::Word(_) => "a bare word",
            View::Variable(_) => "a variable",
            View::List(_) => "a list",
            View::Object(_) => "an object",
        };
        self.refuse(
            format!("{} must be {what}, not {found}.", self.subject()),
            "The value does not have the type that is needed here.",
            reason,
        );
    }

    fn refuse(&mut self, message: String, plain: &'static str, reason: Option<ErrorReason>) {
        if !self.is_full() {
            self.problems.push(Problem { path: self.path(), message, plain, reason, at: self.at });
        }
    }

    fn path(&self) -> String {
        path_of(&self.path)
    }

    /// What a sentence about the value begins with.
    fn subject(&self) -> String {
        let path = self.path();
        match path.strip_prefix("variables.") {
            Some(variable) => format!("The variable `${variable}`"),
            None => format!("`{path}`"),
        }
    }
}

fn path_of(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(name) if path.is_empty() => path.push_str(name),
            Step::Field(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Item(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    path
}

/// A field that stands twice in an object, at any depth.
fn twice(value: &Value) -> Option<&Name> {
    match value {
        Value::List(items) => items.iter().find_map(|item| twice(item)),
        Value::Object(fields) => {
            let mut seen = HashSet::default();
            fields.iter().find_map(|(name, value)| if seen.insert(name) { twice(value) } else { Some(name) })
        }
        Value::Null
        | Value::Enum(_)
        | Value::Variable(_)
        | Value::String(_)
        | Value::Float(_)
        | Value::Int(_)
        | Value::Boolean(_) => None,
    }
}

fn values_of(ty: &EnumType) -> String {
    let names: Vec<&str> = ty.values.keys().map(|name| name.as_str()).collect();
    if names.len() > NAMED_VALUES { format!("a value of the enum `{}`", ty.name) } else { list_of(&names) }
}

/// "`A`, `B` or `C`".
fn list_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
