//! How a site's widget looks, speaks and behaves. A site without a row has the defaults.

use async_graphql::{Enum, InputObject, SimpleObject};
use sea_orm::{FromJsonQueryResult, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::ids::SiteId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "widget_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: SiteId,
    #[sea_orm(column_type = "JsonBinary")]
    pub look: Look,
    #[sea_orm(column_type = "JsonBinary")]
    pub translations: Translations,
    #[sea_orm(column_type = "JsonBinary")]
    pub features: Features,
    #[sea_orm(column_type = "JsonBinary")]
    pub pre_chat: PreChat,
    #[sea_orm(column_type = "JsonBinary")]
    pub proactive: Proactive,
    /// Loads nothing: it was checked when it was written.
    #[sea_orm(column_type = "Text", nullable)]
    pub custom_css: Option<String>,
    /// Grows by one with each change.
    pub version: i32,
    pub updated_at: DateTimeUtc,
}

/// How the widget looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject)]
#[graphql(name = "WidgetLook")]
pub struct Look {
    /// The colour of the launcher and of what the visitor says, as `#RRGGBB`.
    pub primary_color: String,
    /// The colour of what stands out beside it, as `#RRGGBB`.
    pub secondary_color: String,
    /// On which side of the page the launcher is.
    pub side: Side,
    /// How far in front of the page it stands.
    pub z_index: i32,
    /// An image of who answers, by HTTPS.
    pub avatar_url: Option<String>,
}

/// A side of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "WidgetSide")]
pub enum Side {
    /// At the left edge.
    Left,
    /// At the right edge.
    Right,
}

/// Texts by language, each language once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Translations(pub Vec<Translation>);

/// The widget's texts in one language. For those that are left out others stand in: the site's language's, then the
/// built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(name = "WidgetTranslation", input_name = "WidgetTranslationInput")]
pub struct Translation {
    /// The language, like `tr` or `en-GB`.
    pub language: String,
    /// What stands at the top, up to 60 characters.
    pub title: Option<String>,
    /// The first words to a visitor, up to 300 characters.
    pub greeting: Option<String>,
    /// What is shown while nobody is free, up to 300 characters.
    pub busy: Option<String>,
    /// What is shown while the site is closed, up to 300 characters.
    pub offline: Option<String>,
    /// What stands beside the launcher, up to 40 characters.
    pub launcher: Option<String>,
    /// What stands in the empty field for messages, up to 80 characters.
    pub placeholder: Option<String>,
    /// With what visitors are spoken to first, up to 300 characters.
    pub proactive: Option<String>,
}

/// What the widget offers at all; whether it does so at a moment depends on the mode, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject)]
#[graphql(name = "WidgetFeatures")]
pub struct Features {
    /// Conversations with people. Switched off, visitors are given to nobody; agents may still take a conversation.
    pub live_chat: bool,
    /// Waiting for somebody to be free. Switched off, only who is free at once comes.
    pub waiting: bool,
    /// Answers by an assistant. Switched off, what visitors ask is for people.
    pub assistant: bool,
    /// Messages that are left to be answered later: `leaveMessage`.
    pub tickets: bool,
    /// Requests to be called back: `requestCallback`.
    pub callbacks: bool,
    /// Calls at once, while an agent is there to make them; they are asked for like call backs, and offered where those are.
    pub calls: bool,
    /// Files in conversations.
    pub attachments: bool,
    /// A picker for emoji.
    pub emoji: bool,
    /// A sound for new messages.
    pub sounds: bool,
    /// Ratings of closed conversations.
    pub ratings: bool,
}

impl Default for Features {
    /// Everything is on.
    fn default() -> Self {
        Self {
            live_chat: true,
            waiting: true,
            assistant: true,
            tickets: true,
            callbacks: true,
            calls: true,
            attachments: true,
            emoji: true,
            sounds: true,
            ratings: true,
        }
    }
}

/// What visitors are asked before they write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject)]
#[graphql(name = "WidgetPreChatForm")]
pub struct PreChat {
    /// The form is shown.
    pub enabled: bool,
    /// What is asked for, in this order.
    pub fields: Vec<PreChatField>,
    /// Those that must be filled in.
    pub required: Vec<PreChatField>,
}

/// A field of the form before a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PreChatField {
    /// How they are called.
    Name,
    /// Their e-mail address.
    Email,
    /// Their phone number.
    Phone,
}

/// When visitors are spoken to first. Null switches a trigger off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject)]
#[graphql(name = "WidgetProactive")]
pub struct Proactive {
    /// Any trigger counts.
    pub enabled: bool,
    /// After so many seconds on the page.
    pub seconds_on_page: Option<i32>,
    /// Once so many percent of the page were scrolled through.
    pub scroll_percent: Option<i32>,
    /// When the pointer leaves the page at the top.
    pub exit_intent: bool,
    /// After so many seconds without a movement, a key or a touch.
    pub idle_seconds: Option<i32>,
    /// When the visitor comes back to the tab after more than so many seconds.
    pub tab_return_seconds: Option<i32>,
    /// One flag for all triggers: once one of them has fired, none fires again in this visit.
    pub once_per_visit: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
