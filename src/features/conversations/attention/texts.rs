//! What visitors are told when somebody else attends their conversation, in the languages of this product. Others get
//! English.

use ::entity::{
    conversation::{self, HandoffReason, QueueOutcome},
    ids::UserId,
};

use super::super::{
    messages,
    state::{Event, Release, State},
};
use crate::{
    features::{
        assistants,
        knowledge::language::{self, Language},
        visitors,
    },
    kernel::{Result, Tx},
};

/// So many of the visitor's newest messages tell the language of a conversation.
const WORDS: u64 = 5;

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

/// The person who has it is not there.
fn agent_not_there(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Görüştüğünüz kişi şu anda bu görüşmede değil.",
        "de" => "Ihre Ansprechperson ist gerade nicht da.",
        _ => "The person you were talking to isn't here at the moment.",
    }
}

/// They wait no longer, and there is no assistant that goes on.
fn waits_no_longer(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Artık sırada değilsiniz. Buraya yeniden yazdığınızda size bir temsilci bulacağız.",
        "de" => "Sie warten nicht mehr. Sobald Sie hier wieder schreiben, suchen wir jemanden für Sie.",
        _ => "You are no longer waiting. Write here again, and we will find somebody for you.",
    }
}

/// They were gone for so long that they have lost their place.
fn place_lost(language: &str) -> &'static str {
    match base(language) {
        "tr" => {
            "Bağlantınız koptuğu için sıradan çıktınız. Bir temsilciyle görüşmek isterseniz buraya yazmanız yeterli."
        }
        "de" => {
            "Ihre Verbindung war unterbrochen, darum warten Sie nicht mehr. Möchten Sie mit einer Person sprechen, \
             schreiben Sie einfach hier."
        }
        _ => "You were disconnected and lost your place in line. If you'd like to talk to a person, just write here.",
    }
}

/// A member of the site has closed it.
fn closed(language: &str, name: &str) -> String {
    match base(language) {
        "tr" => format!("{name} görüşmeyi sonlandırdı. Başka bir sorunuz olursa buraya yazabilirsiniz."),
        "de" => format!("{name} hat das Gespräch beendet. Wenn Sie noch etwas brauchen, schreiben Sie einfach hier."),
        _ => format!("{name} closed the conversation. If you need anything else, just write here."),
    }
}

/// They have closed it themselves.
fn closed_by_visitor(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Görüşme sonlandırıldı. Başka bir sorunuz olursa buraya yazabilirsiniz.",
        "de" => "Das Gespräch ist beendet. Haben Sie noch eine Frage, schreiben Sie einfach hier.",
        _ => "The conversation has ended. If you have another question, just write here.",
    }
}

/// It was closed because nobody wrote.
fn closed_by_silence(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Görüşme uzun süredir yazılmadığı için sonlandırıldı. Başka bir sorunuz olursa buraya yazabilirsiniz.",
        "de" => {
            "Das Gespräch wurde beendet, weil länger niemand geschrieben hat. Wenn Sie noch etwas brauchen, schreiben \
             Sie einfach hier."
        }
        _ => {
            "The conversation was closed because nobody had written for a while. If you need anything else, just write \
             here."
        }
    }
}

/// A member of the site has opened it again.
fn reopened(language: &str, name: &str) -> String {
    match base(language) {
        "tr" => format!("{name} görüşmeyi yeniden açtı."),
        "de" => format!("{name} hat das Gespräch wieder geöffnet."),
        _ => format!("{name} reopened the conversation."),
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

/// The assistant answers from their next message on.
fn ask_again(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Yanıt beklediğiniz bir şey varsa lütfen yeniden yazın.",
        "de" => "Ist noch etwas offen, schreiben Sie es bitte noch einmal.",
        _ => "If you are still waiting for an answer, please ask again.",
    }
}

/// The assistant answers while they wait.
fn assistant_helps(language: &str) -> &'static str {
    match base(language) {
        "tr" => "Bu arada asistanımız size burada yardımcı oluyor; sıradaki yeriniz duruyor.",
        "de" => "In der Zwischenzeit antwortet unser Assistent; Ihr Platz in der Warteschlange bleibt Ihnen.",
        _ => "In the meantime, our assistant answers here; you keep your place in line.",
    }
}

fn base(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default()
}

/// Who brings a change about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Who asks in the conversation.
    Visitor,
    /// A member of the site.
    Staff(UserId),
    /// The server, an assistant, or time.
    Nobody,
}

impl By {
    pub(crate) fn is_staff(self) -> bool {
        matches!(self, Self::Staff(_))
    }
}

/// What a visitor is told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// This person has it now.
    Joined(UserId),
    AgentGone,
    AgentNotThere,
    HandedOver,
    Announced,
    AssistantGoesOn,
    AssistantHelps,
    /// What they said last is not answered.
    AskAgain,
    WaitsNoLonger,
    PlaceLost,
    /// This member of the site has closed it.
    Closed(UserId),
    ClosedBySilence,
    /// They have closed it themselves, which the agent reads, too.
    ClosedByVisitor,
    /// This member of the site has opened it again.
    Reopened(UserId),
}

impl Told {
    /// Whom it names.
    pub(crate) fn names(self) -> Option<UserId> {
        match self {
            Self::Joined(user) | Self::Closed(user) | Self::Reopened(user) => Some(user),
            Self::AgentGone
            | Self::AgentNotThere
            | Self::HandedOver
            | Self::Announced
            | Self::AssistantGoesOn
            | Self::AssistantHelps
            | Self::AskAgain
            | Self::WaitsNoLonger
            | Self::PlaceLost
            | Self::ClosedBySilence
            | Self::ClosedByVisitor => None,
        }
    }

    /// The words. `name` is that of whom it names.
    pub(crate) fn words(self, language: &str, name: &str) -> String {
        match self {
            Self::Joined(_) => joined(language, name),
            Self::AgentGone => agent_gone(language).to_owned(),
            Self::AgentNotThere => agent_not_there(language).to_owned(),
            Self::HandedOver => handed_over(language).to_owned(),
            Self::Announced => announcement(language).to_owned(),
            Self::AssistantGoesOn => assistant_goes_on(language).to_owned(),
            Self::AskAgain => ask_again(language).to_owned(),
            Self::AssistantHelps => assistant_helps(language).to_owned(),
            Self::WaitsNoLonger => waits_no_longer(language).to_owned(),
            Self::PlaceLost => place_lost(language).to_owned(),
            Self::Closed(_) => closed(language, name),
            Self::ClosedBySilence => closed_by_silence(language).to_owned(),
            Self::ClosedByVisitor => closed_by_visitor(language).to_owned(),
            Self::Reopened(_) => reopened(language, name),
        }
    }
}

/// What a visitor is told of a change that they do not see by a message of the person or the assistant, and have not made
/// themselves: sentences of one message. `has_assistant` says whether one goes on where nobody else has it.
pub(crate) fn told(before: &State, event: Event, after: &State, by: By, has_assistant: bool) -> Vec<Told> {
    if before == after {
        return vec![];
    }
    match (event, before, after) {
        (Event::Given(_), _, State::Person { agent, .. }) => vec![Told::Joined(*agent)],
        (Event::Released(Release::AgentGone), State::Person { .. }, _) => vec![Told::AgentGone],
        (Event::Released(Release::AgentNotThere), State::Person { .. }, _) => vec![Told::AgentNotThere],
        (Event::Released(_), State::Person { .. }, _) => vec![Told::HandedOver],
        (Event::Released(release), State::Assistant { .. }, _) if !is_unannounced(release.reason()) => {
            vec![Told::Announced]
        }
        // Whoever ends other waits says why.
        (Event::Resumed(QueueOutcome::Assistant | QueueOutcome::Left), _, _) if has_assistant => {
            vec![Told::AssistantGoesOn]
        }
        (Event::Resumed(QueueOutcome::Assistant | QueueOutcome::Left), _, _) => vec![Told::WaitsNoLonger],
        (Event::Resumed(QueueOutcome::Abandoned), _, _) => vec![Told::PlaceLost],
        (Event::Helped(true), _, _) => vec![Told::AssistantHelps],
        (Event::Helped(false), _, _) => vec![Told::Announced],
        (Event::Closed(_), _, _) => match by {
            By::Visitor => vec![Told::ClosedByVisitor],
            By::Staff(user) => vec![Told::Closed(user)],
            By::Nobody => vec![Told::ClosedBySilence],
        },
        (Event::Reopened { by_staff: Some(_) }, _, _) => {
            let by = if let By::Staff(user) = by { Some(user) } else { None };
            let then = match after {
                State::Person { agent, .. } => (by != Some(*agent)).then_some(Told::Joined(*agent)),
                State::Waiting { .. } => Some(Told::Announced),
                State::Assistant { .. } | State::Closed { .. } => None,
            };
            by.map(Told::Reopened).into_iter().chain(then).collect()
        }
        // A wait that the visitor or their site wishes for is announced as it begins in the queue: while the site is
        // closed they are told that instead. An assistant announces it in its own words.
        (Event::Requested { .. } | Event::Reopened { by_staff: None }, _, _) => vec![],
        (Event::Given(_) | Event::Released(_) | Event::Resumed(_) | Event::Replied(_) | Event::Offered, _, _) => vec![],
    }
}

/// True for a wait that nobody has announced when it begins in the queue.
pub(crate) fn is_unannounced(reason: HandoffReason) -> bool {
    match reason {
        HandoffReason::Visitor | HandoffReason::Site => true,
        // By the assistant's own words, and by the change itself.
        HandoffReason::Assistant | HandoffReason::Agent | HandoffReason::AgentGone => false,
    }
}

/// The language in which the server itself speaks in a conversation, a tag: that of the visitor's words, else the one
/// they and their assistant are set to.
pub(crate) async fn language(tx: &Tx, conversation: &conversation::Model) -> Result<String> {
    let set = locale(tx, conversation).await?;
    // Of other languages than these three nobody tells the words.
    if Language::of_tag(&set).is_none() {
        return Ok(set);
    }
    let words = messages::asked(&tx.db(), conversation.id, WORDS).await?;
    let written = words.iter().find_map(|words| language::detect(words));
    Ok(written.map_or(set, |language| language.tag().to_owned()))
}

/// The language that whoever asks in a conversation is set to, else their assistant: a tag; English where nothing is known.
pub(crate) async fn locale(tx: &Tx, conversation: &conversation::Model) -> Result<String> {
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

#[cfg(test)]
mod tests;
