//! What visitors are told when somebody else attends their conversation, in the languages of this product. Others get
//! English.

use ::entity::{
    conversation::{self, QueueOutcome},
    ids::UserId,
};

use super::super::state::{Event, Release, State};
use crate::{
    features::{assistants, visitors},
    kernel::{Result, Tx},
};

/// It goes to a person.
pub(crate) fn announcement(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Sizi bir temsilciye bağlıyorum. Müsait olan ilk kişi buradan yazacak.",
        "de" => "Ich verbinde Sie mit einer Person. Wer zuerst frei ist, schreibt Ihnen hier.",
        _ => "I'm connecting you with a person. The first one who is free will write to you here.",
    }
}

/// They would like a person while nobody is there; when somebody is follows by itself.
pub(crate) fn noted(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Bir temsilciyle görüşmek istediğinizi not ettim.",
        "de" => "Ich habe notiert, dass Sie mit einer Person sprechen möchten.",
        _ => "I have noted that you would like to talk to a person.",
    }
}

/// A person has it now.
fn joined(language: &str, name: &str) -> String {
    match base(language) {
        "tr" => format!("{name} görüşmeye katıldı."),
        "de" => format!("{name} ist jetzt für Sie da."),
        _ => format!("{name} has joined the conversation."),
    }
}

/// It goes from one person to the next.
fn handed_over(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Görüşmeniz ekibimizden başka birine aktarılıyor. Müsait olan ilk kişi buradan yazacak.",
        "de" => "Ihr Gespräch geht an jemand anderen aus unserem Team. Wer zuerst frei ist, schreibt Ihnen hier.",
        _ => {
            "Your conversation is being passed to somebody else on our team. The first one who is free will write here."
        }
    }
}

/// The person who had it is gone.
fn agent_gone(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Görüştüğünüz kişinin bağlantısı koptu. Müsait olan ilk kişi buradan devam edecek.",
        "de" => "Die Verbindung zu Ihrer Ansprechperson ist abgebrochen. Wer zuerst frei ist, macht hier weiter.",
        _ => "The person you were talking to lost their connection. The first one who is free will go on here.",
    }
}

/// The assistant goes on.
fn assistant_goes_on(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Buradan asistanımız devam ediyor.",
        "de" => "Ab hier antwortet unser Assistent.",
        _ => "Our assistant goes on from here.",
    }
}

fn base(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default()
}

/// What a visitor is told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// This person has it now.
    Joined(UserId),
    AgentGone,
    HandedOver,
    Announced,
    AssistantGoesOn,
}

impl Told {
    /// The words. `name` is that of the person who has it now.
    pub(crate) fn words(self, language: &str, name: &str) -> String {
        match self {
            Self::Joined(_) => joined(language, name),
            Self::AgentGone => agent_gone(language).to_owned(),
            Self::HandedOver => handed_over(language).to_owned(),
            Self::Announced => announcement(language).to_owned(),
            Self::AssistantGoesOn => assistant_goes_on(language).to_owned(),
        }
    }
}

/// What a visitor is told of a change that they do not see by a message of the person or the assistant, and have not made
/// themselves.
pub(crate) fn told(before: &State, event: Event, after: &State) -> Option<Told> {
    if before == after {
        return None;
    }
    match (event, before, after) {
        (Event::Given(_) | Event::Reopened { by_staff: Some(_) }, _, State::Person { agent, .. }) => {
            Some(Told::Joined(*agent))
        }
        (Event::Released(Release::AgentGone | Release::AgentNotThere), State::Person { .. }, _) => {
            Some(Told::AgentGone)
        }
        (Event::Released(_), State::Person { .. }, _) => Some(Told::HandedOver),
        (Event::Released(_), State::Assistant { .. }, _) => Some(Told::Announced),
        // Whoever ends other waits says why.
        (Event::Resumed(QueueOutcome::Assistant | QueueOutcome::Left), _, _) => Some(Told::AssistantGoesOn),
        (
            Event::Given(_)
            | Event::Released(_)
            | Event::Resumed(_)
            | Event::Requested { .. }
            | Event::Replied(_)
            | Event::Closed(_)
            | Event::Reopened { .. }
            | Event::Offered,
            _,
            _,
        ) => None,
    }
}

/// The language in which the server itself speaks to whoever asks in a conversation: a tag; English where nothing is known.
pub(crate) async fn language(tx: &Tx, conversation: &conversation::Model) -> Result<String> {
    if let Some(id) = conversation.visitor_id
        && let Some(locale) = visitors::lookup(&tx.db(), id).await?.and_then(|visitor| visitor.locale)
    {
        return Ok(locale);
    }
    let assistant = match conversation.assistant_id {
        Some(id) => assistants::find_any(&tx.db(), id).await?,
        None => None,
    };
    Ok(assistant.map_or_else(|| "en".to_owned(), |found| found.language))
}
