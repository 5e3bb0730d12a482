//! The rules of canned responses, without IO: shortcuts, and texts with variables.

use exact_index::text::fold;

use crate::kernel::{Error, ErrorReason, Result, text};

/// Most characters of a shortcut, without its slash.
const SHORTCUT_MAX: usize = 32;
/// Most characters of a title.
pub(super) const TITLE_MAX: usize = 100;
/// Most characters of a text, before its variables are filled.
pub(super) const TEXT_MAX: usize = 5_000;
/// Most characters of a search.
pub(super) const SEARCH_MAX: usize = 100;

const OPENS: &str = "{{";
const CLOSES: &str = "}}";

/// What a text can be filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Variable {
    VisitorName,
    VisitorEmail,
    VisitorPhone,
    AgentName,
    AssistantName,
    SiteName,
    ConversationId,
}

impl Variable {
    const ALL: [Self; 7] = [
        Self::VisitorName,
        Self::VisitorEmail,
        Self::VisitorPhone,
        Self::AgentName,
        Self::AssistantName,
        Self::SiteName,
        Self::ConversationId,
    ];

    /// How it is written between the braces.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::VisitorName => "visitor.name",
            Self::VisitorEmail => "visitor.email",
            Self::VisitorPhone => "visitor.phone",
            Self::AgentName => "agent.name",
            Self::AssistantName => "assistant.name",
            Self::SiteName => "site.name",
            Self::ConversationId => "conversation.id",
        }
    }
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Stands there as it is.
    Literal(String),
    /// Is filled, or with what is given for the case that there is nothing.
    Variable(Variable, Option<String>),
}

/// A text with its variables filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// Variables for which there was nothing, neither a value nor a default; each once.
    pub(super) missing: Vec<Variable>,
}

/// Reads a text with variables: `{{visitor.name}}`, or `{{visitor.name|dear customer}}` with a default.
///
/// # Errors
/// `BAD_USER_INPUT` with `UNKNOWN_VARIABLE`, which names those that there are, or with `INVALID_FORMAT` where braces are
/// not closed.
pub(super) fn parse(field: &'static str, text: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPENS) {
        let Some((inside, after)) = after.split_once(CLOSES) else {
            let message = format!("`{field}` has a `{OPENS}` without its `{CLOSES}`; write `{{{{visitor.name}}}}`.");
            return Err(Error::bad_input(field, ErrorReason::InvalidFormat, message));
        };
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let (name, default) = match inside.split_once('|') {
            Some((name, default)) => (name.trim(), Some(default.trim())),
            None => (inside.trim(), None),
        };
        let known = Variable::ALL.into_iter().find(|variable| variable.name() == name);
        let variable = known.ok_or_else(|| unknown(field, name))?;
        parts.push(Part::Variable(variable, default.filter(|default| !default.is_empty()).map(str::to_owned)));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn unknown(field: &'static str, name: &str) -> Error {
    let known = Variable::ALL.map(|variable| format!("`{{{{{}}}}}`", variable.name())).join(", ");
    let name = text::first(name, 50);
    let message = format!("`{field}` has the variable `{name}`, which there is not; there are {known}.");
    Error::bad_input(field, ErrorReason::UnknownVariable, message)
}

/// The variables of a text, in the order in which they stand there first.
pub(super) fn variables(parts: &[Part]) -> Vec<Variable> {
    let mut found = Vec::new();
    for part in parts {
        if let Part::Variable(variable, _) = part
            && !found.contains(variable)
        {
            found.push(*variable);
        }
    }
    found
}

/// Fills the variables. What they are filled with is taken as it is: braces in it are no variables.
pub(super) fn fill(parts: &[Part], value: impl Fn(Variable) -> Option<String>) -> Filled {
    let mut filled = Filled::default();
    for part in parts {
        match part {
            Part::Literal(literal) => filled.text.push_str(literal),
            Part::Variable(variable, default) => {
                match value(*variable).filter(|value| !value.trim().is_empty()).or_else(|| default.clone()) {
                    Some(value) => filled.text.push_str(&value),
                    None if filled.missing.contains(variable) => {}
                    None => filled.missing.push(*variable),
                }
            }
        }
    }
    filled
}

/// Checks a shortcut: a slash, then letters, digits, `-` and `_`.
pub(super) fn shortcut(field: &'static str, value: &str) -> Result<String> {
    let value = value.trim();
    let fits = |name: &str| {
        (1..=SHORTCUT_MAX).contains(&name.chars().count())
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    if value.strip_prefix('/').is_some_and(fits) {
        return Ok(value.to_owned());
    }
    let message =
        format!("`{field}` must be a slash and 1 to {SHORTCUT_MAX} letters, digits, `-` or `_`, for example `/iade`.");
    let error = Error::bad_input(field, ErrorReason::InvalidFormat, message);
    Err(if fits(value) { error.suggest(format!("/{value}")) } else { error })
}

/// What a shortcut is compared by: folded, without its slash.
pub(super) fn key(shortcut: &str) -> String {
    fold(shortcut.strip_prefix('/').unwrap_or(shortcut))
}

/// What is looked for, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Shortcuts that begin so; typed with a slash.
    Shortcut(String),
    /// Shortcuts that begin so, and what has all of these words.
    Words { begins: String, words: Vec<String> },
}

impl Search {
    /// Reads what was typed; `None` for nothing.
    pub(super) fn read(typed: Option<&str>) -> Result<Option<Self>> {
        let Some(typed) = text::maybe_line("search", typed, SEARCH_MAX)? else { return Ok(None) };
        if let Some(begins) = typed.strip_prefix('/') {
            return Ok((!begins.is_empty()).then(|| Self::Shortcut(fold(begins))));
        }
        let begins = fold(&typed);
        let words = begins.split_whitespace().map(str::to_owned).collect();
        Ok(Some(Self::Words { begins, words }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variable: Variable) -> Option<String> {
        let values = [(Variable::VisitorName, "{{agent.name}}"), (Variable::SiteName, "  ")];
        values.into_iter().find(|(known, _)| *known == variable).map(|(_, value)| value.to_owned())
    }

    fn filled(text: &str) -> Filled {
        fill(&parse("text", text).unwrap(), of)
    }

    #[test]
    fn variables_are_filled_once_with_a_value_or_their_default() {
        assert_eq!(filled("Hi {{ visitor.name | you }}!").text, "Hi {{agent.name}}!", "what fills is not read again");
        assert_eq!(filled("{{agent.name|wir}} {{site.name|hier}}}}").text, "wir hier}}");
        let gaps = filled("a{{agent.name}}b{{agent.name|}}c{{site.name}}");
        assert_eq!((gaps.text.as_str(), gaps.missing), ("abc", vec![Variable::AgentName, Variable::SiteName]));
        assert_eq!(filled("{ no }").text, "{ no }");
    }

    #[test]
    fn a_text_with_what_is_no_variable_is_refused_and_told_what_there_is() {
        for text in ["{{visitor.age}}", "{{}}", "{{ {{visitor.name}}"] {
            let error = parse("input.text", text).unwrap_err();
            assert_eq!(error.reason, Some(ErrorReason::UnknownVariable), "{text}");
            assert!(Variable::ALL.iter().all(|variable| error.message.contains(variable.name())));
        }
        assert_eq!(parse("input.text", "{{visitor.name").unwrap_err().reason, Some(ErrorReason::InvalidFormat));
        let parts = parse("text", "{{site.name}} {{visitor.name}} {{site.name|x}}").unwrap();
        assert_eq!(variables(&parts), [Variable::SiteName, Variable::VisitorName]);
    }

    #[test]
    fn shortcuts_begin_with_a_slash_and_are_compared_folded() {
        for good in ["/iade", "/İade-2", "/kargo_ücreti", "/1"] {
            assert_eq!(shortcut("s", &format!(" {good} ")).unwrap(), good);
        }
        for bad in ["", "/", "/a b", "//a", "/a/b", "/ğ.", &format!("/{}", "x".repeat(33))] {
            assert!(shortcut("s", bad).is_err(), "{bad}");
        }
        assert_eq!(shortcut("s", "iade").unwrap_err().suggestion.as_deref(), Some("/iade"));
        assert_eq!(key("/İADE"), key("/iade"));
    }

    #[test]
    fn a_slash_looks_for_shortcuts_only() {
        assert_eq!(Search::read(Some(" /İad ")).unwrap(), Some(Search::Shortcut("iad".into())));
        assert_eq!(Search::read(Some("/")).unwrap(), None);
        let words = Search::Words { begins: "kargo ucreti".into(), words: vec!["kargo".into(), "ucreti".into()] };
        assert_eq!(Search::read(Some("Kargo ÜCRETİ")).unwrap(), Some(words));
        assert_eq!(Search::read(Some("  ")).unwrap(), None);
    }
}
