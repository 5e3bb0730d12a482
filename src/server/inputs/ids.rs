//! Where in a request ids stand. Of what kind an id must be only its resolver knows, so one that does not fit is refused
//! there, where nobody knows any more which value it was.

use std::collections::HashSet;

use ::entity::ids::AnyId;
use async_graphql::{Pos, ServerError, Value};

/// What an error holds of the id that it is about, until its place is found.
const GIVEN: &str = "given";

/// More are not remembered: nobody asks for as many things by hand.
const MOST: usize = 100;

/// The ids of a request: where each stands, and what it is.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Ids {
    found: Vec<GivenId>,
    uses: Vec<VariableUse>,
}

/// An id that was given.
#[derive(Clone, Debug)]
struct GivenId {
    path: String,
    id: String,
    /// In which argument it stands; of variables, in whatever they are used for.
    argument: Option<ArgumentPlace>,
}

/// A variable within an argument.
#[derive(Clone, Debug)]
struct VariableUse {
    variable: String,
    argument: Option<ArgumentPlace>,
}

/// Where an argument's value begins.
#[derive(Clone, Copy, Debug)]
enum ArgumentPlace {
    Byte(usize),
    Position(Pos),
}

impl Ids {
    /// Notes an id, and where the argument begins that it belongs to.
    pub(super) fn note(&mut self, path: String, id: &str, argument: Option<usize>) {
        if self.found.len() < MOST {
            self.found.push(GivenId { path, id: id.to_owned(), argument: argument.map(ArgumentPlace::Byte) });
        }
    }

    /// Notes a variable within an argument.
    pub(super) fn note_use(&mut self, variable: &str, argument: Option<usize>) {
        if self.uses.len() < MOST {
            self.uses.push(VariableUse { variable: variable.to_owned(), argument: argument.map(ArgumentPlace::Byte) });
        }
    }

    /// True where the request has none.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.uses.is_empty()
    }

    /// Says where all these are as errors say it.
    pub(in crate::server) fn place(&mut self, position: impl Fn(usize) -> Pos) {
        let found = self.found.iter_mut().filter_map(|found| found.argument.as_mut());
        for argument in found.chain(self.uses.iter_mut().filter_map(|used| used.argument.as_mut())) {
            if let ArgumentPlace::Byte(at) = *argument {
                *argument = ArgumentPlace::Position(position(at));
            }
        }
    }

    /// Takes in what stands elsewhere in the same request.
    pub(in crate::server) fn extend(&mut self, others: &Self) {
        self.found.extend_from_slice(&others.found);
        self.uses.extend_from_slice(&others.uses);
    }

    /// Gives errors about ids the `field` in which these stand.
    pub(in crate::server) fn name(&self, errors: &mut [ServerError]) {
        for error in errors {
            let Some(extensions) = error.extensions.as_mut() else { continue };
            let Some(Value::String(given)) = extensions.get(GIVEN).cloned() else { continue };
            extensions.unset(GIVEN);
            if let Some(found) = self.find(&given, error.locations.first().copied()) {
                extensions.set("field", found.path.as_str());
            }
        }
    }

    /// Which of the places of an id an error is about: one in the argument that could not be read, where an id of this kind
    /// does not belong.
    fn find(&self, given: &str, argument: Option<Pos>) -> Option<&GivenId> {
        let is_there =
            |place: &Option<ArgumentPlace>| matches!(place, Some(ArgumentPlace::Position(at)) if Some(*at) == argument);
        let used = self.uses.iter().filter(|used| is_there(&used.argument));
        let used: HashSet<&str> = used.map(|used| used.variable.as_str()).collect();
        let all = || self.found.iter().filter(|found| found.id == given);
        let within = || {
            all().filter(|found| match found.path.strip_prefix("variables.") {
                Some(path) => used.contains(path.split(['.', '[']).next().unwrap_or_default()),
                None => is_there(&found.argument),
            })
        };
        let kind = kind_of(given);
        let belongs = |found: &&GivenId| kind.as_deref().is_some_and(|kind| name_of(&found.path) == kind);
        within().find(|found| !belongs(found)).or_else(|| within().next()).or_else(|| all().next())
    }
}

/// What ids of this kind are mostly called: `visitorid`.
fn kind_of(id: &str) -> Option<String> {
    let id: AnyId = id.parse().ok()?;
    Some(format!("{id:?}").split('(').next().unwrap_or_default().to_ascii_lowercase())
}

/// The name of the field at the end of a path, of one of several the same as of one alone.
fn name_of(path: &str) -> String {
    let path = path.split_once('[').map_or(path, |_| path.trim_end_matches(|c: char| c == ']' || c.is_ascii_digit()));
    let name = path.trim_end_matches('[').rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    name.strip_suffix("ids").map_or(name.clone(), |one| format!("{one}id"))
}
