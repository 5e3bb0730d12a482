//! Random documents over the schema: mostly valid ones, and such that break one rule or another.

use std::fmt::Write;

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, InputValueDefinition, Type},
    schema::ExtendedType,
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// A document that can be taken apart and broken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fragments: Vec<Fragment>,
    /// What stands behind them.
    pub(crate) rest: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) kind: &'static str,
    pub(crate) name: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) selection: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) default: Option<Value>,
    pub(crate) directives: Vec<Directive>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) name: String,
    pub(crate) on: String,
    pub(crate) directives: Vec<Directive>,
    pub(crate) selection: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) arguments: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Selection {
    Field(Field),
    Inline { on: Option<String>, directives: Vec<Directive>, selection: Vec<Selection> },
    Spread { name: String, directives: Vec<Directive> },
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) alias: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<(String, Value)>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) selection: Vec<Selection>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Plain(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Makes documents.
pub(crate) struct Generator<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) rng: &'a mut StdRng,
    /// Fields that are not selected.
    pub(crate) without: &'a [&'a str],
    variables: Vec<Variable>,
    fragments: Vec<Fragment>,
    budget: usize,
}

const WORDS: &[&str] = &["\"x\"", "\"\"", "\"ğ \\\"q\\\" \\u00e7\"", "\"\"\"block \"quoted\" text\"\"\""];

impl<'a> Generator<'a> {
    pub(crate) fn new(schema: &'a Schema, rng: &'a mut StdRng, without: &'a [&'a str]) -> Self {
        Self { schema, rng, without, variables: Vec::new(), fragments: Vec::new(), budget: 0 }
    }

    /// A document with one or two operations.
    pub(crate) fn document(&mut self) -> Document {
        self.fragments.clear();
        let mut document = Document::default();
        let several = self.rng.random_bool(0.15);
        for number in 0..if several { 2 } else { 1 } {
            let kind = *["query", "query", "mutation", "subscription"].choose(self.rng).expect("kinds");
            let root = match kind {
                "query" => "Query",
                "mutation" => "Mutation",
                _ => "Subscription",
            };
            self.variables.clear();
            self.budget = self.rng.random_range(3..30);
            let selection = if kind == "subscription" { vec![self.field(root, 0)] } else { self.selection(root, 0) };
            let name = (several || self.rng.random_bool(0.7)).then(|| format!("Op{number}"));
            document.operations.push(Operation {
                kind,
                name,
                variables: std::mem::take(&mut self.variables),
                directives: Vec::new(),
                selection,
            });
        }
        document.fragments = std::mem::take(&mut self.fragments);
        document
    }

    fn selection(&mut self, ty: &str, depth: usize) -> Vec<Selection> {
        let mut made = Vec::new();
        let count = self.rng.random_range(1..4);
        for _ in 0..count {
            let roll = self.rng.random_range(0..10);
            let abstract_type = self.schema.types.get(ty).is_some_and(|ty| ty.is_union() || ty.is_interface());
            let selection = if depth > 0 && (roll < 2 || (abstract_type && roll < 7)) {
                self.fragment(ty, depth)
            } else {
                self.field(ty, depth)
            };
            made.push(selection);
        }
        made
    }

    fn fragment(&mut self, ty: &str, depth: usize) -> Selection {
        let on = self.narrowed(ty);
        let directives = self.directives();
        let selection = self.selection(&on, depth + 1);
        match self.rng.random_range(0..3) {
            0 => {
                let name = format!("F{}", self.fragments.len());
                // Its variables belong to whichever operation uses it; so do those of a second use.
                self.fragments.push(Fragment { name: name.clone(), on, directives: Vec::new(), selection });
                Selection::Spread { name, directives }
            }
            1 if on == ty => Selection::Inline { on: None, directives, selection },
            _ => Selection::Inline { on: Some(on), directives, selection },
        }
    }

    /// A type that values of this one may have.
    fn narrowed(&mut self, ty: &str) -> String {
        let definition = &self.schema.types[ty];
        let possible: Vec<String> = if let Some(union) = definition.as_union() {
            union.members.iter().map(|member| member.name.to_string()).collect()
        } else if let Some(interface) = definition.as_interface() {
            let objects = self.schema.types.values().filter_map(ExtendedType::as_object);
            objects
                .filter(|object| object.implements_interfaces.iter().any(|it| it.name == interface.name))
                .map(|object| object.name.to_string())
                .collect()
        } else {
            Vec::new()
        };
        match possible.choose(self.rng) {
            Some(name) if self.rng.random_bool(0.85) => name.clone(),
            _ => ty.to_owned(),
        }
    }

    fn field(&mut self, ty: &str, depth: usize) -> Selection {
        let parent = &self.schema.types[ty];
        let objects = parent.as_object().map(|object| object.fields.values());
        let interfaces = parent.as_interface().map(|interface| interface.fields.values());
        let fields = objects.into_iter().chain(interfaces).flatten();
        let deep = depth > 5 || self.budget == 0;
        let schema = self.schema;
        let is_leaf = |field: &FieldDefinition| {
            let ty = &schema.types[field.ty.inner_named_type()];
            ty.is_scalar() || ty.is_enum()
        };
        let fields: Vec<&FieldDefinition> = fields
            .map(|field| &***field)
            .filter(|field| !self.without.contains(&field.name.as_str()) && (!deep || is_leaf(field)))
            .collect();
        let chosen = fields.choose(self.rng).copied();
        let Some(definition) = chosen.filter(|_| ty == "Subscription" || self.rng.random_bool(0.95)) else {
            let alias = self.alias();
            let (name, arguments, selection) = ("__typename".into(), Vec::new(), Vec::new());
            return Selection::Field(Field { alias, name, arguments, directives: Vec::new(), selection });
        };
        self.budget = self.budget.saturating_sub(1);
        let arguments = self.arguments(&definition.arguments, depth);
        let inner = definition.ty.inner_named_type();
        let selection = if is_leaf(definition) { Vec::new() } else { self.selection(inner, depth + 1) };
        let directives = if ty == "Subscription" { Vec::new() } else { self.directives() };
        Selection::Field(Field {
            alias: self.alias(),
            name: definition.name.to_string(),
            arguments,
            directives,
            selection,
        })
    }

    fn alias(&mut self) -> Option<String> {
        self.rng.random_bool(0.15).then(|| (*["a", "b", "id", "name"].choose(self.rng).expect("names")).to_owned())
    }

    fn directives(&mut self) -> Vec<Directive> {
        if self.rng.random_bool(0.9) {
            return Vec::new();
        }
        let name = (*["skip", "include"].choose(self.rng).expect("names")).to_owned();
        let value = if self.rng.random_bool(0.5) {
            Value::Plain(self.rng.random_bool(0.5).to_string())
        } else {
            self.variable("Boolean!")
        };
        vec![Directive { name, arguments: vec![("if".into(), value)] }]
    }

    fn arguments(
        &mut self,
        definitions: &[apollo_compiler::Node<InputValueDefinition>],
        depth: usize,
    ) -> Vec<(String, Value)> {
        let mut arguments = Vec::new();
        for definition in definitions {
            if definition.is_required() || self.rng.random_bool(0.3) {
                arguments.push((definition.name.to_string(), self.value(&definition.ty, depth, true)));
            }
        }
        arguments
    }

    /// A value that a type takes, sometimes a variable of it.
    fn value(&mut self, ty: &Type, depth: usize, variables: bool) -> Value {
        if variables && self.rng.random_bool(0.25) {
            return self.variable(&ty.to_string());
        }
        if !ty.is_non_null() && self.rng.random_bool(0.1) {
            return Value::Plain("null".into());
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) => {
                if self.rng.random_bool(0.2) && !item.is_list() {
                    let single = self.value(item, depth + 1, false);
                    if !matches!(&single, Value::Plain(text) if text == "null") {
                        return single;
                    }
                }
                let count = self.rng.random_range(0..3);
                Value::List((0..count).map(|_| self.value(item, depth + 1, variables)).collect())
            }
            Type::Named(name) | Type::NonNullNamed(name) => match &self.schema.types[name] {
                ExtendedType::Scalar(_) => self.scalar(name),
                ExtendedType::Enum(ty) => {
                    let names: Vec<_> = ty.values.keys().collect();
                    Value::Plain(names.choose(self.rng).expect("values").to_string())
                }
                ExtendedType::InputObject(object) => {
                    let one_of = object.directives.has("oneOf");
                    let only = self.rng.random_range(0..object.fields.len());
                    let mut fields = Vec::new();
                    for (index, (name, field)) in object.fields.iter().enumerate() {
                        let ty = (*field.ty).clone();
                        if one_of && index == only {
                            fields.push((name.to_string(), self.value(&ty.non_null(), depth + 1, variables)));
                        } else if !one_of && (field.is_required() || (depth < 4 && self.rng.random_bool(0.3))) {
                            fields.push((name.to_string(), self.value(&ty, depth + 1, variables)));
                        }
                    }
                    Value::Object(fields)
                }
                ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_) => {
                    panic!("{name} is no input type")
                }
            },
        }
    }

    fn scalar(&mut self, name: &str) -> Value {
        let words: &[&str] = match name {
            "Int" => &["0", "1", "-5", "2147483647", "-2147483648"],
            "Float" => &["1", "0.5", "-1e3", "2.5E-2"],
            "Boolean" => &["true", "false"],
            "ID" => &["\"conv_01920000000070008000000000000001\"", "7", "\"\""],
            "DateTime" => &["\"2026-10-29T09:00:00Z\""],
            "NaiveDate" => &["\"2026-10-29\""],
            "UUID" => &["\"5e0cf5a1-0d5c-4d44-9f65-0e0f3c1d2b11\""],
            "EventCursor" => &["\"beginning\"", "\"j12\""],
            "RunCursor" => &["\"r1.1.2.3\""],
            "JSON" => &["{}", "{ a: [1, { b: true }] }", "\"x\"", "1"],
            "Upload" => return self.variable("Upload!"),
            _ => WORDS,
        };
        Value::Plain((*words.choose(self.rng).expect("words")).to_owned())
    }

    /// A variable that fits a type: its own, or a new one.
    pub(crate) fn variable(&mut self, ty: &str) -> Value {
        let fitting: Vec<String> = self
            .variables
            .iter()
            .filter(|variable| variable.ty == ty || variable.ty.strip_suffix('!') == Some(ty))
            .map(|variable| variable.name.clone())
            .collect();
        if let Some(name) = fitting.choose(self.rng).filter(|_| self.rng.random_bool(0.3)) {
            return Value::Plain(format!("${name}"));
        }
        let name = format!("v{}", self.variables.len());
        let stricter = !ty.ends_with('!') && self.rng.random_bool(0.3);
        let ty = if stricter { format!("{ty}!") } else { ty.to_owned() };
        self.variables.push(Variable { name: name.clone(), ty, default: None, directives: Vec::new() });
        Value::Plain(format!("${name}"))
    }
}

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for operation in &self.operations {
            operation.write(&mut text);
        }
        for fragment in &self.fragments {
            let _ = write!(text, "fragment {} on {}", fragment.name, fragment.on);
            write_directives(&fragment.directives, &mut text);
            write_selection(&fragment.selection, &mut text);
        }
        write!(f, "{text}{}", self.rest)
    }
}

impl Operation {
    fn write(&self, text: &mut String) {
        text.push_str(self.kind);
        if let Some(name) = &self.name {
            let _ = write!(text, " {name}");
        }
        if !self.variables.is_empty() {
            text.push('(');
            for variable in &self.variables {
                let _ = write!(text, "${}: {}", variable.name, variable.ty);
                if let Some(default) = &variable.default {
                    text.push_str(" = ");
                    write_value(default, text);
                }
                write_directives(&variable.directives, text);
                text.push(' ');
            }
            text.push(')');
        }
        write_directives(&self.directives, text);
        write_selection(&self.selection, text);
    }
}

fn write_selection(selection: &[Selection], text: &mut String) {
    if selection.is_empty() {
        return;
    }
    text.push_str(" { ");
    for selection in selection {
        match selection {
            Selection::Field(field) => {
                if let Some(alias) = &field.alias {
                    let _ = write!(text, "{alias}: ");
                }
                text.push_str(&field.name);
                write_arguments(&field.arguments, text);
                write_directives(&field.directives, text);
                write_selection(&field.selection, text);
            }
            Selection::Inline { on, directives, selection } => {
                text.push_str("...");
                if let Some(on) = on {
                    let _ = write!(text, " on {on}");
                }
                write_directives(directives, text);
                write_selection(selection, text);
            }
            Selection::Spread { name, directives } => {
                let _ = write!(text, "...{name}");
                write_directives(directives, text);
            }
        }
        text.push(' ');
    }
    text.push_str("}\n");
}

fn write_directives(directives: &[Directive], text: &mut String) {
    for directive in directives {
        let _ = write!(text, " @{}", directive.name);
        write_arguments(&directive.arguments, text);
    }
}

fn write_arguments(arguments: &[(String, Value)], text: &mut String) {
    if arguments.is_empty() {
        return;
    }
    text.push('(');
    for (name, value) in arguments {
        let _ = write!(text, "{name}: ");
        write_value(value, text);
        text.push(' ');
    }
    text.push(')');
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Plain(plain) => text.push_str(plain),
        Value::List(items) => {
            text.push('[');
            for item in items {
                write_value(item, text);
                text.push(' ');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (name, value) in fields {
                let _ = write!(text, "{name}: ");
                write_value(value, text);
                text.push(' ');
            }
            text.push('}');
        }
    }
}
