//! Where in a request ids stand. Of what kind an id must be only its resolver knows, so one that does not fit is refused
//! there, where nobody knows any more which value it was.

use async_graphql::{ServerError, Value};

/// What an error holds of the id that it is about, until its place is found.
const GIVEN: &str = "given";

/// More are not remembered: nobody asks for as many things by hand.
const MOST: usize = 100;

/// The ids of a request: where each stands, and what it is.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Ids(Vec<(String, String)>);

impl Ids {
    pub(super) fn note(&mut self, path: String, id: &str) {
        if self.0.len() < MOST {
            self.0.push((path, id.to_owned()));
        }
    }

    /// Takes in what stands elsewhere in the same request.
    pub(in crate::server) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// Gives errors about ids the `field` in which these stand.
    pub(in crate::server) fn name(&self, errors: &mut [ServerError]) {
        for extensions in errors.iter_mut().filter_map(|error| error.extensions.as_mut()) {
            let Some(Value::String(given)) = extensions.get(GIVEN).cloned() else { continue };
            extensions.unset(GIVEN);
            if let Some((path, _)) = self.0.iter().find(|(_, id)| *id == given) {
                extensions.set("field", path.as_str());
            }
        }
    }
}
