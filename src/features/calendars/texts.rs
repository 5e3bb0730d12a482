//! What visitors are told about business hours, in the languages of this product. Others get English.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use super::working_time::{Calendar, State, Status};

struct Words {
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
    today: &'static str,
    open: &'static str,
    always: &'static str,
    on_break: &'static str,
    closed: &'static str,
    closed_day: &'static str,
    closes: &'static str,
    back: &'static str,
    opens: &'static str,
}

const TURKISH: Words = Words {
    weekdays: ["Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"],
    months: [
        "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "Kasım", "Aralık",
    ],
    today: "bugün",
    open: "Şu anda açığız.",
    always: "Her zaman açığız.",
    on_break: "Şu anda moladayız.",
    closed: "Şu anda kapalıyız.",
    closed_day: "Kapalıyız.",
    closes: "Kapanış",
    back: "Dönüş",
    opens: "Açılış",
};

const GERMAN: Words = Words {
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    today: "heute",
    open: "Wir haben geöffnet.",
    always: "Wir haben immer geöffnet.",
    on_break: "Wir machen gerade Pause.",
    closed: "Wir haben gerade geschlossen.",
    closed_day: "Wir haben geschlossen.",
    closes: "Ende",
    back: "Zurück",
    opens: "Wieder offen",
};

const ENGLISH: Words = Words {
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    today: "today",
    open: "We are open.",
    always: "We are always open.",
    on_break: "We are on a break.",
    closed: "We are closed at the moment.",
    closed_day: "We are closed.",
    closes: "Closing",
    back: "Back",
    opens: "Opening",
};

/// A day as it is spoken of: `29 Ekim Perşembe`, `Thursday 29 October`; with its year where that is another one.
fn day(words: &Words, language: &str, date: NaiveDate, today: NaiveDate) -> String {
    let weekday = words.weekdays[date.weekday().num_days_from_monday() as usize];
    let month = words.months[date.month0() as usize];
    let year = if date.year() == today.year() { String::new() } else { format!(" {}", date.year()) };
    match language {
        "tr" => format!("{} {month}{year} {weekday}", date.day()),
        "de" => format!("{weekday}, {}. {month}{year}", date.day()),
        _ => format!("{weekday} {} {month}{year}", date.day()),
    }
}

/// A sentence or two about a moment for visitors. `language` is a BCP 47 tag.
pub fn about(calendar: &Calendar, at: DateTime<Utc>, status: &Status<'_>, language: &str) -> String {
    let language = language.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let words = match language.as_str() {
        "tr" => &TURKISH,
        "de" => &GERMAN,
        _ => &ENGLISH,
    };
    let today = at.with_timezone(&calendar.zone()).date_naive();
    let when = |label: &str, at: Option<DateTime<Utc>>| {
        at.map_or_else(String::new, |at| {
            let local = at.with_timezone(&calendar.zone());
            let date = local.date_naive();
            let date = if date == today { words.today.to_owned() } else { day(words, &language, date, today) };
            format!(" {label}: {date} {:02}:{:02}.", local.hour(), local.minute())
        })
    };
    match (status.state, status.special) {
        (State::Open, _) if status.next_change.is_none() => words.always.to_owned(),
        (State::Open, _) => format!("{}{}", words.open, when(words.closes, status.next_change)),
        (State::Break, _) => format!("{}{}", words.on_break, when(words.back, status.next_open)),
        (State::Closed | State::Holiday, None) => format!("{}{}", words.closed, when(words.opens, status.next_open)),
        (State::Closed | State::Holiday, Some(special)) => {
            let said = special.message.as_deref().unwrap_or(words.closed_day);
            let date = day(words, &language, today, today);
            format!("{date}, {}: {said}{}", special.name, when(words.opens, status.next_open))
        }
    }
}
