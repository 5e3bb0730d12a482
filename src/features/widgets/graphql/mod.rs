//! Widgets in the API.

mod bootstrap;
mod emergency;
mod mode;
mod settings;

pub use self::{
    bootstrap::WidgetsQuery,
    emergency::{EmergencyMutation, EmergencyQuery},
    mode::WidgetSubscription,
    settings::{WidgetSettingsMutation, WidgetSettingsQuery},
};
