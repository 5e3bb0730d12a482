//! Checked texts: trimmed, within limits, without control characters; errors name the field, the limit and the fix.

use chrono_tz::Tz;

use super::error::{Error, ErrorReason, Result};

/// A required one-line text of 1 to `max` characters. Returns it trimmed, and without what only changes the direction of
/// writing: in a name or the name of a file it makes the text read as another one (`invoice\u{202e}fdp.exe`).
pub fn line(field: &'static str, value: &str, max: usize) -> Result<String> {
    let value = value.replace(is_directional, "");
    let value = value.trim();
    if value.is_empty() {
        return Err(Error::bad_input(field, ErrorReason::TooShort, format!("`{field}` must not be empty.")));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::bad_input(
            field,
            ErrorReason::InvalidFormat,
            format!("`{field}` must be a single line without control characters."),
        ));
    }
    within(field, value, max)?;
    Ok(value.to_owned())
}

/// An optional one-line text; an empty one counts as absent.
pub fn maybe_line(field: &'static str, value: Option<&str>, max: usize) -> Result<Option<String>> {
    let value = value.filter(|value| value.chars().any(|char| !char.is_whitespace() && !is_directional(char)));
    value.map(|value| line(field, value, max)).transpose()
}

/// The formatting characters of Unicode's bidirectional algorithm that embed, override and isolate (UAX #9, table 2).
fn is_directional(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A required text of several lines and 1 to `max` characters, kept as written.
pub fn body(field: &'static str, value: &str, max: usize) -> Result<String> {
    if value.trim().is_empty() {
        return Err(Error::bad_input(field, ErrorReason::TooShort, format!("`{field}` must not be empty.")));
    }
    longer(field, value, max)
}

/// A text of several lines that may be empty.
pub fn longer(field: &'static str, value: &str, max: usize) -> Result<String> {
    if value.contains('\0') {
        return Err(Error::bad_input(
            field,
            ErrorReason::InvalidFormat,
            format!("`{field}` must not contain NUL characters."),
        ));
    }
    within(field, value, max)?;
    Ok(value.to_owned())
}

fn within(field: &'static str, value: &str, max: usize) -> Result<()> {
    let count = value.chars().count();
    if count > max {
        return Err(Error::bad_input(
            field,
            ErrorReason::TooLong,
            format!("`{field}` has {count} characters; at most {max} are allowed."),
        ));
    }
    Ok(())
}

/// An e-mail address, lower-cased. The check is the useful part of RFC 5321: one `@`, a dotted domain, no spaces.
pub fn email(field: &'static str, value: &str) -> Result<String> {
    let value = line(field, value, 255)?.to_lowercase();
    let fine = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && local.len() <= 64
            && !domain.contains('@')
            && domain.contains('.')
            && domain
                .split('.')
                .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
            && !value.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ',' | ';'))
    });
    if fine {
        Ok(value)
    } else {
        Err(Error::bad_input(
            field,
            ErrorReason::InvalidFormat,
            format!("`{field}` must be an e-mail address like name@example.com."),
        ))
    }
}

/// A phone number as people write it, up to 40 characters.
pub fn phone(field: &'static str, value: &str) -> Result<String> {
    let value = line(field, value, 40)?;
    let digits = value.chars().filter(char::is_ascii_digit).count();
    if digits >= 3 && value.chars().all(|c| c.is_ascii_digit() || " +-()/.".contains(c)) {
        return Ok(value);
    }
    let what = "must be a phone number: at least three digits, and besides them only spaces and `+ - ( ) / .`";
    Err(Error::bad_input(field, ErrorReason::InvalidFormat, format!("`{field}` {what}.")))
}

/// A language tag such as `tr` or `en-GB` (BCP 47: letters, then alphanumeric subtags).
pub fn language(field: &'static str, value: &str) -> Result<String> {
    let value = line(field, value, 35)?;
    let mut parts = value.split('-');
    let fine = parts
        .next()
        .is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if fine {
        Ok(value)
    } else {
        Err(Error::bad_input(
            field,
            ErrorReason::InvalidFormat,
            format!("`{field}` must be a language tag like `tr` or `en-GB`."),
        ))
    }
}

/// A name of the IANA time zone database.
pub fn time_zone(field: &'static str, value: &str) -> Result<Tz> {
    value.trim().parse().map_err(|_| {
        let what = "must be a name of the IANA time zone database like `Europe/Istanbul` or `UTC`.";
        Error::bad_input(field, ErrorReason::InvalidFormat, format!("`{field}` {what}")).suggest("Europe/Istanbul")
    })
}

/// The first `max` characters (Unicode scalars), never in the middle of one.
pub fn first(value: &str, max: usize) -> &str {
    value.char_indices().nth(max).map_or(value, |(end, _)| &value[..end])
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
        for bad in ["ada", "ada@", "@example.com", "a b@example.com", "ada@example", "a@b@c.de", "ada@example..com"] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
    }
}
