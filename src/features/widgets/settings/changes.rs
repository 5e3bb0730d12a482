//! Changes to a widget's settings, and the limits of each.

use ::entity::widget_settings::{
    Features, Look, Model, PreChat, PreChatField, Proactive, Side, Translation, Translations,
};
use async_graphql::{InputObject, MaybeUndefined};

use super::css;
use crate::kernel::{Error, ErrorReason, Result, entries, text};

/// Languages with texts of their own.
const LANGUAGES: usize = 20;
/// Bytes of an address.
const ADDRESS: usize = 2_000;
const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;

/// What to change; what is left out stays.
#[derive(Debug, Default)]
pub(in super::super) struct Changes {
    pub(in super::super) look: LookChanges,
    /// In place of all earlier ones.
    pub(in super::super) translations: Option<Vec<Translation>>,
    pub(in super::super) features: FeatureChanges,
    pub(in super::super) pre_chat: PreChatChanges,
    pub(in super::super) proactive: ProactiveChanges,
    pub(in super::super) custom_css: MaybeUndefined<String>,
}

/// How the widget is to look. What is left out stays.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "WidgetLookInput")]
pub(in super::super) struct LookChanges {
    /// The colour of the launcher and of what the visitor says, as `#RGB` or `#RRGGBB`.
    primary_color: Option<String>,
    /// The colour of what stands out beside it, as `#RGB` or `#RRGGBB`.
    secondary_color: Option<String>,
    /// On which side of the page the launcher is.
    side: Option<Side>,
    /// How far in front of the page it stands, from 0 to 2,147,483,647.
    z_index: Option<i32>,
    /// An image of who answers: an `https://` address of up to 2,000 characters. Null for none.
    avatar_url: MaybeUndefined<String>,
}

/// What the widget offers at all. What is left out stays.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "WidgetFeaturesInput")]
pub(in super::super) struct FeatureChanges {
    /// Conversations with people. Switched off, visitors are given to nobody; agents may still take a conversation.
    live_chat: Option<bool>,
    /// Waiting for somebody to be free. Switched off, only who is free at once comes.
    waiting: Option<bool>,
    /// Answers by an assistant. Switched off, what visitors ask is for people.
    assistant: Option<bool>,
    /// Messages that are left to be answered later: `leaveMessage`.
    tickets: Option<bool>,
    /// Requests to be called back: `requestCallback`.
    callbacks: Option<bool>,
    /// Calls from the widget.
    calls: Option<bool>,
    /// Files in conversations.
    attachments: Option<bool>,
    /// A picker for emoji.
    emoji: Option<bool>,
    /// A sound for new messages.
    sounds: Option<bool>,
    /// Ratings of closed conversations.
    ratings: Option<bool>,
}

/// What visitors are to be asked before they write. What is left out stays.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "WidgetPreChatFormInput")]
pub(in super::super) struct PreChatChanges {
    /// The form is shown.
    enabled: Option<bool>,
    /// What is asked for, in this order, each once. A form that is shown has at least one.
    fields: Option<Vec<PreChatField>>,
    /// Those of the fields that must be filled in, each once.
    required: Option<Vec<PreChatField>>,
}

/// When visitors are to be spoken to first. What is left out stays; null switches a trigger off.
#[derive(Debug, Default, InputObject)]
#[graphql(name = "WidgetProactiveInput")]
pub(in super::super) struct ProactiveChanges {
    /// Any trigger counts.
    enabled: Option<bool>,
    /// After so many seconds on the page, from 1 to 3,600.
    seconds_on_page: MaybeUndefined<i32>,
    /// Once so many percent of the page were scrolled through, from 1 to 100.
    scroll_percent: MaybeUndefined<i32>,
    /// When the pointer leaves the page at the top.
    exit_intent: Option<bool>,
    /// After so many seconds without a movement, a key or a touch, from 5 to 3,600.
    idle_seconds: MaybeUndefined<i32>,
    /// When the visitor comes back to the tab after more than so many seconds, from 1 to 86,400.
    tab_return_seconds: MaybeUndefined<i32>,
    /// Once one of the triggers has fired, none fires again in this visit.
    once_per_visit: Option<bool>,
}

/// The settings with their changes, and the names of those that differ.
///
/// # Errors
/// `BAD_USER_INPUT` naming the field and its limit.
pub(super) fn apply(before: Model, changes: Changes) -> Result<(Model, Vec<String>)> {
    let Changes { look, translations, features, pre_chat, proactive, custom_css } = changes;
    let after = Model {
        site_id: before.site_id,
        look: self::look(&before.look, look)?,
        translations: translations.map_or(Ok(before.translations.clone()), self::translations)?,
        features: self::features(before.features, &features),
        pre_chat: self::pre_chat(&before.pre_chat, pre_chat)?,
        proactive: self::proactive(before.proactive, &proactive)?,
        custom_css: match custom_css {
            MaybeUndefined::Undefined => before.custom_css.clone(),
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(css) => {
                css::check(&css)?;
                Some(css).filter(|css| !css.trim().is_empty())
            }
        },
        version: before.version,
        updated_at: before.updated_at,
    };
    let differ = [
        ("look", before.look != after.look),
        ("translations", before.translations != after.translations),
        ("features", before.features != after.features),
        ("preChat", before.pre_chat != after.pre_chat),
        ("proactive", before.proactive != after.proactive),
        ("customCss", before.custom_css != after.custom_css),
    ];
    Ok((after, differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()))
}

fn look(before: &Look, changes: LookChanges) -> Result<Look> {
    let LookChanges { primary_color, secondary_color, side, z_index, avatar_url } = changes;
    let color = |field, given: Option<String>, old: &String| given.map_or(Ok(old.clone()), |it| color(field, &it));
    Ok(Look {
        primary_color: color("input.look.primaryColor", primary_color, &before.primary_color)?,
        secondary_color: color("input.look.secondaryColor", secondary_color, &before.secondary_color)?,
        side: side.unwrap_or(before.side),
        z_index: z_index.map_or(Ok(before.z_index), |it| within("input.look.zIndex", it, 0, i32::MAX))?,
        avatar_url: match avatar_url {
            MaybeUndefined::Undefined => before.avatar_url.clone(),
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(address) => Some(self::address("input.look.avatarUrl", &address)?),
        },
    })
}

fn color(field: &'static str, given: &str) -> Result<String> {
    let given = given.trim();
    let digits = given.strip_prefix('#').unwrap_or_default();
    if matches!(digits.len(), 3 | 6) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(given.to_owned());
    }
    let message = format!("`{field}` must be a colour as `#RGB` or `#RRGGBB`, with hexadecimal digits.");
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message).suggest("#4F46E5"))
}

fn address(field: &'static str, given: &str) -> Result<String> {
    let given = text::line(field, given, ADDRESS)?;
    let is_fine = url::Url::parse(&given).is_ok_and(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    if is_fine {
        return Ok(given);
    }
    let message = format!("`{field}` must be an address that begins with `https://`, without a name and a password.");
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message))
}

fn within(field: &'static str, given: i32, least: i32, most: i32) -> Result<i32> {
    if (least..=most).contains(&given) {
        return Ok(given);
    }
    let message = format!("`{field}` is {given}; give a number from {least} to {most}.");
    Err(Error::bad_input(field, ErrorReason::OutOfRange, message))
}

fn translations(given: Vec<Translation>) -> Result<Translations> {
    let field = "input.translations";
    if given.len() > LANGUAGES {
        let message = format!("`{field}` has {} languages; at most {LANGUAGES} are allowed.", given.len());
        return Err(Error::bad_input(field, ErrorReason::TooLong, message));
    }
    let mut known: Vec<Translation> = Vec::with_capacity(given.len());
    entries(field, given, |texts| {
        let texts = translation(&texts)?;
        if known.iter().any(|other| other.language.eq_ignore_ascii_case(&texts.language)) {
            let message = format!("`{}` is given twice; give all texts of a language together.", texts.language);
            return Err(Error::bad_input("input.translations.language", ErrorReason::InvalidCombination, message));
        }
        known.push(texts);
        Ok(())
    })?;
    Ok(Translations(known))
}

fn translation(texts: &Translation) -> Result<Translation> {
    let line = |field, given: &Option<String>, most| text::maybe_line(field, given.as_deref(), most);
    Ok(Translation {
        language: text::language("input.translations.language", &texts.language)?,
        title: line("input.translations.title", &texts.title, 60)?,
        greeting: line("input.translations.greeting", &texts.greeting, 300)?,
        busy: line("input.translations.busy", &texts.busy, 300)?,
        offline: line("input.translations.offline", &texts.offline, 300)?,
        launcher: line("input.translations.launcher", &texts.launcher, 40)?,
        placeholder: line("input.translations.placeholder", &texts.placeholder, 80)?,
        proactive: line("input.translations.proactive", &texts.proactive, 300)?,
    })
}

fn features(before: Features, changes: &FeatureChanges) -> Features {
    Features {
        live_chat: changes.live_chat.unwrap_or(before.live_chat),
        waiting: changes.waiting.unwrap_or(before.waiting),
        assistant: changes.assistant.unwrap_or(before.assistant),
        tickets: changes.tickets.unwrap_or(before.tickets),
        callbacks: changes.callbacks.unwrap_or(before.callbacks),
        calls: changes.calls.unwrap_or(before.calls),
        attachments: changes.attachments.unwrap_or(before.attachments),
        emoji: changes.emoji.unwrap_or(before.emoji),
        sounds: changes.sounds.unwrap_or(before.sounds),
        ratings: changes.ratings.unwrap_or(before.ratings),
    }
}

fn pre_chat(before: &PreChat, changes: PreChatChanges) -> Result<PreChat> {
    let form = PreChat {
        enabled: changes.enabled.unwrap_or(before.enabled),
        fields: changes.fields.unwrap_or_else(|| before.fields.clone()),
        required: changes.required.unwrap_or_else(|| before.required.clone()),
    };
    let wrong = |field, message: &'static str| Err(Error::bad_input(field, ErrorReason::InvalidCombination, message));
    let twice = |fields: &[PreChatField]| fields.iter().enumerate().any(|(at, field)| fields[..at].contains(field));
    if twice(&form.fields) || twice(&form.required) {
        return wrong("input.preChat.fields", "A field of the form is given twice; give each once.");
    }
    if !form.required.iter().all(|field| form.fields.contains(field)) {
        let message = "`input.preChat.required` has a field that is not among `fields`; add it there, or leave it out.";
        return wrong("input.preChat.required", message);
    }
    if form.enabled && form.fields.is_empty() {
        let message = "A form that is shown needs a field; give one, or `enabled: false`.";
        return wrong("input.preChat.fields", message);
    }
    Ok(form)
}

fn proactive(before: Proactive, changes: &ProactiveChanges) -> Result<Proactive> {
    let number = |field, given: MaybeUndefined<i32>, old, least, most| match given {
        MaybeUndefined::Undefined => Ok(old),
        MaybeUndefined::Null => Ok(None),
        MaybeUndefined::Value(given) => within(field, given, least, most).map(Some),
    };
    let ProactiveChanges { seconds_on_page, scroll_percent, idle_seconds, tab_return_seconds, .. } = changes;
    Ok(Proactive {
        enabled: changes.enabled.unwrap_or(before.enabled),
        seconds_on_page: number("input.proactive.secondsOnPage", *seconds_on_page, before.seconds_on_page, 1, HOUR)?,
        scroll_percent: number("input.proactive.scrollPercent", *scroll_percent, before.scroll_percent, 1, 100)?,
        exit_intent: changes.exit_intent.unwrap_or(before.exit_intent),
        idle_seconds: number("input.proactive.idleSeconds", *idle_seconds, before.idle_seconds, 5, HOUR)?,
        tab_return_seconds: number(
            "input.proactive.tabReturnSeconds",
            *tab_return_seconds,
            before.tab_return_seconds,
            1,
            24 * HOUR,
        )?,
        once_per_visit: changes.once_per_visit.unwrap_or(before.once_per_visit),
    })
}

#[cfg(test)]
mod tests {
    use ::entity::ids::SiteId;
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn usual() -> Model {
        super::super::usual(SiteId(Uuid::nil()), DateTime::UNIX_EPOCH)
    }

    fn complaint(changes: Changes) -> String {
        let error = apply(usual(), changes).unwrap_err();
        error.field.unwrap_or_default().into_owned()
    }

    #[test]
    fn what_is_left_out_stays_and_what_differs_is_named() {
        let (same, changed) = apply(usual(), Changes::default()).unwrap();
        assert_eq!((same, changed.len()), (usual(), 0));
        let look = LookChanges { primary_color: Some(" #abc ".into()), ..LookChanges::default() };
        let features = FeatureChanges { calls: Some(true), ..FeatureChanges::default() };
        let (row, changed) = apply(usual(), Changes { look, features, ..Changes::default() }).unwrap();
        assert_eq!((row.look.primary_color.as_str(), row.look.secondary_color.as_str()), ("#abc", "#10B981"));
        assert_eq!(changed, ["look"], "calls were on before");
        let proactive = ProactiveChanges { idle_seconds: MaybeUndefined::Null, ..ProactiveChanges::default() };
        let (row, _) = apply(usual(), Changes { proactive, ..Changes::default() }).unwrap();
        assert_eq!((row.proactive.idle_seconds, row.proactive.seconds_on_page), (None, Some(30)));
    }

    #[test]
    fn looks_have_limits() {
        for color in ["", "#", "red", "#12", "#1234", "#12345", "#1234567", "#12345g", "4F46E5", "#ÄÄÄ"] {
            let look = LookChanges { primary_color: Some(color.into()), ..LookChanges::default() };
            assert_eq!(complaint(Changes { look, ..Changes::default() }), "input.look.primaryColor", "{color}");
        }
        let look = LookChanges { z_index: Some(-1), ..LookChanges::default() };
        assert_eq!(complaint(Changes { look, ..Changes::default() }), "input.look.zIndex");
        for address in ["http://a.example/x.png", "javascript:alert(1)", "x.png", "https://u:p@a.example/x", "https://"]
        {
            let avatar_url = MaybeUndefined::Value(address.to_owned());
            let look = LookChanges { avatar_url, ..LookChanges::default() };
            assert_eq!(complaint(Changes { look, ..Changes::default() }), "input.look.avatarUrl", "{address}");
        }
    }

    #[test]
    fn forms_ask_each_thing_once_and_require_what_they_ask() {
        use PreChatField::{Email, Name, Phone};
        let form = |enabled, fields: &[_], required: &[_]| {
            let pre_chat = PreChatChanges {
                enabled: Some(enabled),
                fields: Some(fields.to_vec()),
                required: Some(required.to_vec()),
            };
            apply(usual(), Changes { pre_chat, ..Changes::default() }).is_ok()
        };
        assert!(form(true, &[Phone, Name], &[Name]));
        assert!(form(false, &[], &[]));
        assert!(!form(true, &[], &[]));
        assert!(!form(true, &[Name], &[Email]));
        assert!(!form(true, &[Name, Name], &[]));
        assert!(!form(true, &[Name], &[Name, Name]));
    }

    #[test]
    fn triggers_have_limits() {
        let value = MaybeUndefined::Value;
        let wrong = [
            (ProactiveChanges { seconds_on_page: value(0), ..ProactiveChanges::default() }, "secondsOnPage"),
            (ProactiveChanges { scroll_percent: value(101), ..ProactiveChanges::default() }, "scrollPercent"),
            (ProactiveChanges { idle_seconds: value(4), ..ProactiveChanges::default() }, "idleSeconds"),
            (ProactiveChanges { tab_return_seconds: value(86_401), ..ProactiveChanges::default() }, "tabReturnSeconds"),
        ];
        for (proactive, field) in wrong {
            let found = complaint(Changes { proactive, ..Changes::default() });
            assert_eq!(found, format!("input.proactive.{field}"));
        }
    }

    #[test]
    fn a_language_has_its_texts_once() {
        let texts = |language: &str, title: &str| Translation {
            language: language.into(),
            title: Some(title.into()),
            ..Translation::default()
        };
        let of = |given: Vec<Translation>| Changes { translations: Some(given), ..Changes::default() };
        let (row, _) = apply(usual(), of(vec![texts("tr", " Mavi "), texts("en-GB", "")])).unwrap();
        assert_eq!(row.translations.0[0].title.as_deref(), Some("Mavi"));
        assert_eq!(row.translations.0[1].title, None);
        assert_eq!(complaint(of(vec![texts("tr", "a"), texts("TR", "b")])), "input.translations[1].language");
        assert_eq!(complaint(of(vec![texts("türkçe", "a")])), "input.translations[0].language");
        assert_eq!(complaint(of(vec![texts("tr", &"x".repeat(61))])), "input.translations[0].title");
        assert_eq!(complaint(of(vec![texts("tr", "a"); 21])), "input.translations");
    }
}
