//! Widgets: what visitors see of a site before they write, and what they are offered.
//!
//! What always holds:
//! - The mode is computed by the server from emergency, calendar and the agents who get new conversations ([`mode`]); it is
//!   stored nowhere.
//! - It is computed once for a change and a node, however many watch, and an answer is never older than the question
//!   ([`live`]).
//! - Visitors get counts and a median, never who the agents are.
//! - An emergency ends at its moment on every node, and open conversations go on in it.
//! - Custom CSS loads nothing.
//!
//! Whoever knows a site's public key may see its widget, from a page that the site allows; members see the settings, admins
//! change them.

mod asked;
mod bootstrap;
mod emergency;
mod facts;
mod figures;
mod graphql;
mod live;
mod mode;
mod settings;
mod store;
mod texts;

pub(crate) use self::emergency::current_emergency;
pub use self::{
    emergency::EndEmergency,
    facts::WidgetFact,
    graphql::{
        EmergencyMutation, EmergencyQuery, WidgetSettingsMutation, WidgetSettingsQuery, WidgetSubscription,
        WidgetsQuery,
    },
};
