//! Checked texts: within limits, and of characters that are text; errors name the field, the limit and the fix.
//!
//! What always holds:
//! - Control characters but white space, and code points that Unicode keeps from being characters at all, are no text: they
//!   are refused where somebody gives them, and left out of what files hold and models write. A text of one line has no
//!   control characters whatever.
//! - Characters are counted as readers count them, in grapheme clusters: a family emoji is one. One cluster may consist of
//!   many code points, of which there are at most [`POINTS`] times as many as characters are allowed.
//! - A text without anything that stands by itself is empty: blanks, marks without the letter they belong to, half a flag.
//! - No character has more than [`MARKS`] marks above and below it.
//! - Of names everything goes that only changes the direction of writing, or that nobody sees.

use std::borrow::Cow;

use chrono_tz::Tz;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::error::{Error, ErrorReason, Result};

/// A required one-line text of 1 to `max` characters. Returns it trimmed, and without what only changes the direction of
/// writing or is not seen: in a name or the name of a file it makes the text read as another one
/// (`invoice\u{202e}fdp.exe`), or be another one than it reads as.
pub fn line(field: &'static str, value: &str, max: usize) -> Result<String> {
    let value = value.replace(|char| is_directional(char) || is_hiding(char), "");
    let value = value.trim();
    if !has_visible(value) {
        return Err(Error::bad_input(field, ErrorReason::TooShort, format!("`{field}` must not be empty.")));
    }
    of_text(field, value)?;
    if value.chars().any(char::is_control) {
        return Err(Error::bad_input(
            field,
            ErrorReason::InvalidFormat,
            format!("`{field}` must be a single line; take the line breaks and tabs out."),
        ));
    }
    within(field, value, max)?;
    Ok(value.to_owned())
}

/// An optional one-line text; an empty one counts as absent.
pub fn maybe_line(field: &'static str, value: Option<&str>, max: usize) -> Result<Option<String>> {
    value.filter(|value| has_visible(value)).map(|value| line(field, value, max)).transpose()
}

/// The formatting characters of Unicode's bidirectional algorithm: they embed, override, isolate and mark (UAX #9,
/// table 2).
fn is_directional(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Characters of no text's own that show nothing: soft hyphens, blanks and joiners without width, marks for programs. What
/// joins or varies the characters beside it stays; emoji and some scripts are written with it.
fn is_hiding(char: char) -> bool {
    matches!(
        u32::from(char),
        0xad | 0x34f | 0x180e | 0x200b | 0x2060..=0x2065 | 0x206a..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
    )
}

/// True where a reader sees nothing.
pub fn is_blank(value: &str) -> bool {
    !has_visible(value)
}

/// True where a reader sees something that can stand by itself.
fn has_visible(value: &str) -> bool {
    let is_shown = |char: &char| !char.is_whitespace() && !char.is_control() && !is_invisible(*char);
    value.graphemes(true).any(|cluster| {
        let mut shown = cluster.chars().filter(|char| is_shown(char) && !is_combining_mark(*char));
        match (shown.next(), shown.next()) {
            (None, _) => false,
            // Half a flag, and a color of skin without anybody who has it.
            (Some(char), None) => !is_half_a_flag(char) && !is_skin(char),
            (Some(_), Some(_)) => true,
        }
    })
}

fn is_half_a_flag(char: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&char)
}

fn is_skin(char: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&char)
}

/// Characters that take part in how others look and show nothing by themselves: Unicode's default ignorable ones
/// (`DerivedCoreProperties.txt`), the annotation marks, and the blank of Braille.
fn is_invisible(char: char) -> bool {
    matches!(
        u32::from(char),
        0xad | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x2800
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// A required text of several lines and 1 to `max` characters, kept as written.
pub fn body(field: &'static str, value: &str, max: usize) -> Result<String> {
    if !has_visible(value) {
        return Err(Error::bad_input(field, ErrorReason::TooShort, format!("`{field}` must not be empty.")));
    }
    longer(field, value, max)
}

/// A text of several lines that may be empty.
pub fn longer(field: &'static str, value: &str, max: usize) -> Result<String> {
    of_text(field, value)?;
    within(field, value, max)?;
    Ok(value.to_owned())
}

/// True for what is no part of any text: control characters but white space, and noncharacters (Unicode, 23.7).
fn is_no_text(char: char) -> bool {
    char.is_control() && !char.is_whitespace()
        || matches!(u32::from(char), 0xfdd0..=0xfdef)
        || u32::from(char) & 0xfffe == 0xfffe
}

/// # Errors
/// `BAD_USER_INPUT` when something stands in the text that is none.
pub fn of_text(field: &'static str, value: &str) -> Result<()> {
    let Some((place, char)) = value.chars().enumerate().find(|(_, char)| is_no_text(*char)) else { return Ok(()) };
    let what = if char.is_control() { "the control character" } else { "the code point" };
    let message = format!(
        "`{field}` has {what} U+{:04X} at place {}, which is no text; take it out.",
        u32::from(char),
        place + 1
    );
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message))
}

/// What is text of something that a file holds or a model wrote.
pub fn kept(value: &str) -> Cow<'_, str> {
    if value.contains(is_no_text) { value.replace(is_no_text, "").into() } else { value.into() }
}

/// Code points that a text may have for each character that is allowed.
const POINTS: usize = 4;

/// The characters of a text as a reader counts them.
pub fn length(value: &str) -> usize {
    value.graphemes(true).count()
}

/// Marks that a character may have, one upon the other: no language needs so many.
const MARKS: usize = 10;

/// # Errors
/// `BAD_USER_INPUT` when marks are heaped upon a character, over whatever stands around it.
fn unheaped(field: &'static str, value: &str) -> Result<()> {
    if value.is_ascii() {
        return Ok(());
    }
    let (mut marks, mut most) = (0_usize, 0_usize);
    for char in value.chars() {
        // What is not seen between them does not part them.
        if is_combining_mark(char) {
            marks += 1;
        } else if !is_invisible(char) {
            marks = 0;
        }
        most = most.max(marks);
    }
    if most <= MARKS {
        return Ok(());
    }
    let message =
        format!("`{field}` has {most} marks upon one character; at most {MARKS} are allowed. Take the others away.");
    Err(Error::bad_input(field, ErrorReason::TooLong, message))
}

fn within(field: &'static str, value: &str, max: usize) -> Result<()> {
    unheaped(field, value)?;
    let points = value.chars().count();
    // There are never more characters than code points.
    if points <= max {
        return Ok(());
    }
    let count = length(value);
    let refuse = |message| Err(Error::bad_input(field, ErrorReason::TooLong, message));
    match max.saturating_mul(POINTS) {
        _ if count > max => refuse(format!("`{field}` has {count} characters; at most {max} are allowed.")),
        most if points > most => refuse(format!(
            "`{field}` has {points} code points in its {count} characters; at most {most} are allowed. Use characters that \
             are made of fewer."
        )),
        _ => Ok(()),
    }
}

/// An e-mail address as it is compared: in small letters, the Turkish `İ` as an `i`, and without what cannot be seen.
pub fn address(value: &str) -> String {
    value.trim().replace(is_invisible, "").replace('İ', "i").to_lowercase()
}

/// An e-mail address, lower-cased. The check is the useful part of RFC 5321 and 6531: one `@`, before it what needs no
/// quotation marks, after it a dotted domain.
pub fn email(field: &'static str, value: &str) -> Result<String> {
    let value = address(&line(field, value, 255)?);
    if value.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain)) {
        return Ok(value);
    }
    let message = format!("`{field}` must be an e-mail address like name@example.com.");
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message))
}

/// The part of an address before the `@`: atoms between dots.
fn is_local(local: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || is_combining_mark(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(fits))
}

/// A domain of two labels or more, the last of which is no number.
fn is_domain(domain: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || is_combining_mark(c) || c == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(fits)
    };
    domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, last)| last.contains(|c: char| !c.is_ascii_digit()))
}

/// A phone number as people write it, up to 40 characters.
pub fn phone(field: &'static str, value: &str) -> Result<String> {
    let value: String = line(field, value, 40)?.chars().filter(|c| !is_invisible(*c)).map(of_phone).collect();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    if digits >= 3 && value.chars().all(|c| c.is_ascii_digit() || " +-()/.".contains(c)) {
        return Ok(value);
    }
    let what = "must be a phone number: at least three digits, and besides them only spaces and `+ - ( ) / .`";
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, format!("`{field}` {what}.")))
}

/// A character of a phone number as it is kept: whatever a keyboard or a web page made of spaces, dashes and digits.
fn of_phone(c: char) -> char {
    let digit = |zero: u32| char::from_digit(u32::from(c) - zero, 10).unwrap_or(c);
    match u32::from(c) {
        _ if c.is_whitespace() => ' ',
        0x2010..=0x2015 | 0x2212 | 0xff0d => '-',
        0xff0b => '+',
        0x660..=0x669 => digit(0x660),
        0x6f0..=0x6f9 => digit(0x6f0),
        0xff10..=0xff19 => digit(0xff10),
        _ => c,
    }
}

/// Most characters of a picture's address.
const PICTURE_MAX: usize = 2_048;

/// The address of a picture: `https://…`, without a name and a password, or a path on the page that shows it (`/a.png`).
pub fn picture(field: &'static str, value: &str) -> Result<String> {
    let value = line(field, value, PICTURE_MAX)?;
    let whole = url::Url::parse(&value).is_ok_and(|url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    // Two slashes, of either kind, begin another site's address.
    let path = value.starts_with('/') && !value[1..].starts_with(['/', '\\']);
    // Nor what ends an attribute of HTML, wherever somebody forgets to escape it.
    let is_strange = |c: char| c.is_whitespace() || "\"'<>`".contains(c);
    if (whole || path) && !value.contains(is_strange) {
        return Ok(value);
    }
    let message = format!(
        "`{field}` must be an address that begins with `https://`, without a name and a password, or a path that begins \
         with one `/`."
    );
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message))
}

/// A language tag such as `tr` or `en-GB`, well-formed by BCP 47.
pub fn language(field: &'static str, value: &str) -> Result<String> {
    let value = line(field, value, 35)?;
    if is_language(&value.to_ascii_lowercase()) {
        return Ok(value);
    }
    let message = format!("`{field}` must be a language tag like `tr` or `en-GB`.");
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, message))
}

/// The rules of RFC 5646, 2.1 and 2.2.9, for tags that begin with a language: its name, extensions of it, script, region,
/// variants, extensions by a letter, and what is private; no variant and no letter twice.
fn is_language(tag: &str) -> bool {
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase())
    };
    let letters_or_digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let mut parts = tag.split('-').peekable();
    if !parts.next().is_some_and(|first| letters(first, 2..=3)) {
        return false;
    }
    for _ in 0..3 {
        parts.next_if(|part| letters(part, 3..=3));
    }
    parts.next_if(|part| letters(part, 4..=4));
    parts.next_if(|part| letters(part, 2..=2) || part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()));
    let mut seen: Vec<&str> = vec![];
    let is_variant = |part: &&str| {
        letters_or_digits(part, 5..=8)
            || letters_or_digits(part, 4..=4) && part.starts_with(|c: char| c.is_ascii_digit())
    };
    while let Some(part) = parts.next_if(is_variant) {
        if seen.contains(&part) {
            return false;
        }
        seen.push(part);
    }
    while let Some(letter) = parts.next_if(|part| letters_or_digits(part, 1..=1) && *part != "x") {
        let mut count = 0;
        while parts.next_if(|part| letters_or_digits(part, 2..=8)).is_some() {
            count += 1;
        }
        if count == 0 || seen.contains(&letter) {
            return false;
        }
        seen.push(letter);
    }
    match parts.next() {
        None => true,
        Some("x") => parts.peek().is_some() && parts.all(|part| letters_or_digits(part, 1..=8)),
        Some(_) => false,
    }
}

/// A name of the IANA time zone database.
pub fn time_zone(field: &'static str, value: &str) -> Result<Tz> {
    value.trim().parse().map_err(|_| {
        let what = "must be a name of the IANA time zone database like `Europe/Istanbul` or `UTC`.";
        Error::bad_input(field, ErrorReason::InvalidFormat, format!("`{field}` {what}")).suggest("Europe/Istanbul")
    })
}

/// The first `max` characters as a reader counts them (grapheme clusters), so that no emoji or accented letter is cut in
/// two. Of code points there are at most [`POINTS`] times as many.
pub fn first(value: &str, max: usize) -> &str {
    let mut room = max.saturating_mul(POINTS);
    let mut end = 0;
    for cluster in value.graphemes(true).take(max) {
        let Some(left) = room.checked_sub(cluster.chars().count()) else { break };
        room = left;
        end += cluster.len();
    }
    &value[..end]
}

/// A number with the digits that it was written with: `0.7` and not `0.699999988079071`.
pub fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_the_first_45_characters() {
        let message = "Dün gece çok garip bir rüya gördüm ve uyandığımda şaşkındım";
        assert_eq!(first(message, 45), "Dün gece çok garip bir rüya gördüm ve uyandığ");
        assert_eq!(first(message, 45).len(), 52);
    }

    #[test]
    fn what_readers_see_as_one_character_is_not_cut() {
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        let text = format!("{}{family}{family}", "a".repeat(44));
        assert_eq!(first(&text, 45), format!("{}{family}", "a".repeat(44)));
        assert_eq!(first("e\u{301}e\u{301}", 1), "e\u{301}");
        assert_eq!(first("🇹🇷🇩🇪", 1), "🇹🇷");
        assert_eq!(first("👍🏽x", 1), "👍🏽");
        let heap = format!("a{}", "\u{301}".repeat(1_000));
        assert_eq!((first(&heap, 45), first("ab", 0), first("ab", 5)), ("", "", "ab"));
    }

    #[test]
    fn what_is_no_text_is_refused_where_it_is_given_and_left_out_of_files() {
        for bad in [
            '\0',
            '\u{1b}',
            '\u{7}',
            '\u{8}',
            '\u{7f}',
            '\u{80}',
            '\u{9b}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{1fffe}',
            '\u{10ffff}',
        ] {
            let text = format!("ab{bad}c");
            for checked in [line("name", &text, 40), body("body", &text, 40), longer("note", &text, 40)] {
                let error = checked.unwrap_err();
                assert_eq!(error.reason, Some(ErrorReason::InvalidFormat), "{bad:?}");
                assert!(error.message.contains(&format!("U+{:04X} at place 3", u32::from(bad))), "{error}");
            }
            assert_eq!(kept(&text), "abc", "{bad:?}");
        }
        for fine in
            ["a\r\nb\tc", "a\u{b}b\u{c}c\u{85}d", "\u{fffd} \u{e000} \u{ad}", "\u{fdcf}\u{fdf0}", "👨\u{200d}👩"]
        {
            assert_eq!((body("body", fine, 40).unwrap().as_str(), kept(fine).as_ref()), (fine, fine));
        }
        assert!(line("name", "a\tb", 40).is_err() && line("name", "a\u{85}b", 40).is_err());
    }

    #[test]
    fn characters_are_counted_as_readers_count_them() {
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(length(&family.repeat(3)), 3);
        let fine = format!("{}{family}", "a".repeat(19));
        assert_eq!(line("name", &fine, 20).unwrap(), fine);
        for flags in [20, 21] {
            assert_eq!(line("name", &"🇹🇷".repeat(flags), 20).is_ok(), flags == 20);
        }
        let error = line("name", &format!("{fine}b"), 20).unwrap_err();
        assert_eq!(error.message, "`name` has 21 characters; at most 20 are allowed.");
        let heap = "👨\u{200d}".repeat(41);
        let error = line("name", &heap, 20).unwrap_err();
        assert!(error.message.contains("82 code points in its 1 characters; at most 80"), "{error}");
        assert!(line("name", &"👨\u{200d}".repeat(40), 20).is_ok());
    }

    #[test]
    fn marks_are_not_heaped_upon_a_character() {
        let heaped = |count: usize| format!("Ay{}se", "\u{301}".repeat(count));
        for checked in [line, body, longer] {
            assert_eq!(checked("name", &heaped(MARKS), 200).unwrap(), heaped(MARKS));
            for wrong in [
                heaped(MARKS + 1),
                heaped(200),
                format!("a{}", "\u{301}\u{200d}".repeat(50)),
                format!("a{}", "\u{489}".repeat(11)),
                format!("ok ok ok {}", "\u{316}".repeat(40)),
            ] {
                let error = checked("name", &wrong, 1_000).unwrap_err();
                assert_eq!(error.reason, Some(ErrorReason::TooLong), "{wrong:?}");
            }
        }
        for fine in ["Nguyễn Thị Ngọc Ánh", "שָׁלוֹם", "क्ष्म्य", "ཧཱུྃ", "e\u{301}\u{323}\u{304}", "عَرَبِيّ", "ที่นี่"]
        {
            assert_eq!(line("name", fine, 40).unwrap(), fine);
        }
    }

    #[test]
    fn names_hold_nothing_that_is_not_seen() {
        for (given, kept) in [
            ("Ah\u{ad}met", "Ahmet"),
            ("A\u{200b}d\u{2060}a\u{feff}", "Ada"),
            ("Ada\u{34f} L\u{3164}", "Ada L"),
            ("A\u{fffb}da\u{180e}", "Ada"),
        ] {
            assert_eq!(line("name", given, 40).unwrap(), kept, "{given:?}");
        }
        for kept in [
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "می\u{200c}خواهم",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert_eq!(line("name", kept, 40).unwrap(), kept);
        }
    }

    #[test]
    fn what_nobody_sees_is_empty() {
        for blank in [
            "\u{200b}",
            "\u{2800}",
            "\u{3164}",
            "\u{feff}",
            "\u{ad}",
            "\u{2060}\u{200d} ",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{115f}",
            "\u{180e}",
            "\u{200e}\n",
            "\u{301}",
            " \u{301}\u{302} ",
            "\u{20e3}",
            "\u{93e}",
            "🇹",
            "🇹 🇷",
            "🏽",
            "\u{200d}🇹\u{200d}",
            "🇹\u{fe0f}",
        ] {
            assert!(body("body", blank, 40).is_err() && line("name", blank, 40).is_err(), "{blank:?}");
            assert_eq!(maybe_line("name", Some(blank), 40).unwrap(), None, "{blank:?}");
        }
        for seen in ["❤\u{fe0f}", "a\u{200b}", "👨\u{200d}👩", "\u{301}a", ".", "🇹🇷", "1\u{20e3}", "👍🏽", "🇹🇷🇩", "का"]
        {
            assert_eq!(body("body", seen, 40).unwrap(), seen);
        }
    }

    #[test]
    fn phones_are_taken_as_keyboards_and_pages_write_them() {
        for (given, kept) in [
            ("+90\u{a0}212\u{202f}000\u{2009}00 00", "+90 212 000 00 00"),
            ("\u{202a}+90 532 000 00 00\u{202c}", "+90 532 000 00 00"),
            ("\u{200e}0212\u{2011}000\u{2013}00\u{ad}", "0212-000-00"),
            ("＋９０ ٠١٢", "+90 012"),
        ] {
            assert_eq!(phone("phone", given).unwrap(), kept, "{given:?}");
        }
        for bad in ["12", "abc123", "\u{200e}", "+90 212 ✆"] {
            assert!(phone("phone", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nothing_changes_the_direction_of_a_name() {
        assert_eq!(line("name", "fatura\u{202e}fdp.exe", 40).unwrap(), "faturafdp.exe");
        assert_eq!(line("name", "\u{2066}Ahmet\u{2069} ", 40).unwrap(), "Ahmet");
        assert!(line("name", "\u{202e}\u{2069}", 40).is_err());
        assert_eq!(maybe_line("name", Some("\u{202e}"), 40).unwrap(), None);
        assert_eq!(line("name", "שלום", 40).unwrap(), "שלום");
    }

    #[test]
    fn addresses_are_lower_cased_and_checked() {
        assert_eq!(email("email", " Ada@Example.COM ").unwrap(), "ada@example.com");
        assert_eq!(email("email", "İSMET@ornek.com").unwrap(), "ismet@ornek.com");
        assert_eq!(email("email", "\u{200b}IŞIK@örnek.com\u{feff}").unwrap(), "işik@örnek.com");
        for bad in ["ada", "ada@", "@example.com", "a b@example.com", "ada@example", "a@b@c.de", "ada@example..com"] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
        for bad in [
            "mailto:a@b.co",
            "MAILTO:a@b.co",
            "Ada:a@b.co",
            "(a)@b.co",
            "a(b)@b.co",
            "a\\b@b.co",
            "[a]@b.co",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            ".a@b.co",
            "a.@b.co",
            "a..b@b.co",
            "a@-b.co",
            "a@b-.co",
            "a@b.co.",
            "a@b.co?subject=x",
            "a@b.co/x",
            "a@b_c.co",
            "a@.co",
            "a@b,co",
            "\"a\"@b.co",
            "a@b.12",
            "a@b@c.co",
        ] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
        for fine in [
            "a+b@b.co",
            "o'neil@b.co",
            "a_b-c.d@mail.b-c.co.uk",
            "1@2.co",
            "ada@xn--rnek-5qa.com",
            "a/b=c@b.co",
            "用户@例え.jp",
        ] {
            assert_eq!(email("email", fine).unwrap(), fine);
        }
    }

    #[test]
    fn languages_are_well_formed_tags() {
        for fine in [
            "tr",
            "en-GB",
            "TR-tr",
            "zh-Hant-TW",
            "es-419",
            "sr-Latn-RS",
            "zh-cmn-Hans-CN",
            "de-CH-1996",
            "sl-rozaj-biske",
            "en-US-u-ca-gregory",
            "de-DE-x-work",
            "ckb",
            "hy-Latn-IT-arevela",
            "en-a-bbb-x-a-ccc",
        ] {
            assert_eq!(language("locale", fine).unwrap(), fine);
        }
        for bad in [
            "xx-YY-zz-q",
            "t",
            "turkish",
            "tr_TR",
            "tr-",
            "-tr",
            "tr--TR",
            "tr-TR-TR",
            "en-GB-x",
            "en-u",
            "en-a-bb-a-cc",
            "de-1996-1996",
            "en-GB-Latn",
            "en-toolongtag",
            "x-private",
            "i-klingon",
            "12",
            "t1",
            "türkçe",
            "tr TR",
            "en-a",
        ] {
            assert!(language("locale", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pictures_are_on_https_or_on_the_same_site() {
        let most = format!("/{}", "a".repeat(PICTURE_MAX - 1));
        for fine in ["https://example.com/ada.png?s=80", "/media/ada.png", "/", &most] {
            assert_eq!(picture("input.avatarUrl", fine).ok().as_deref(), Some(fine));
        }
        for (wrong, reason) in [
            ("http://example.com/a.png", ErrorReason::InvalidFormat),
            ("https://ada:secret@example.com/a.png", ErrorReason::InvalidFormat),
            ("//example.com/a.png", ErrorReason::InvalidFormat),
            ("/\\example.com/a.png", ErrorReason::InvalidFormat),
            ("a.png", ErrorReason::InvalidFormat),
            ("javascript:alert(1)", ErrorReason::InvalidFormat),
            ("data:image/png;base64,AAAA", ErrorReason::InvalidFormat),
            ("/a b.png", ErrorReason::InvalidFormat),
            ("https://example.com/\"onerror=\"a", ErrorReason::InvalidFormat),
            ("  ", ErrorReason::TooShort),
            (&format!("{most}a"), ErrorReason::TooLong),
        ] {
            assert_eq!(picture("input.avatarUrl", wrong).err().and_then(|error| error.reason), Some(reason), "{wrong}");
        }
    }

    /// Widened bit by bit, 0.7 would be 0.699999988079071.
    #[test]
    fn numbers_are_shown_with_the_digits_that_they_were_given() {
        for (narrow, wide) in
            [(0.7_f32, 0.7_f64), (0.3, 0.3), (0.1, 0.1), (1.0, 1.0), (0.0, 0.0), (0.123_456_7, 0.123_456_7)]
        {
            assert_eq!(decimal(narrow).to_bits(), wide.to_bits(), "{narrow}");
        }
    }
}
