use std::ops::Range;

use super::fold;

/// Abbreviations, folded and without the last full stop, after which a sentence goes on.
const INNER: &[&str] = &[
    "abs", "apt", "approx", "art", "av", "bkz", "bsp", "bzgl", "bzw", "ca", "cad", "dept", "dr", "e.g", "evtl", "fig",
    "geb", "ggf", "i.e", "inkl", "lt", "mah", "mr", "mrs", "ms", "mwst", "nr", "orn", "prof", "sn", "sog", "sok", "st",
    "str", "tel", "tlf", "vgl", "vs", "zzgl",
];

/// Abbreviations after which a sentence ends when the next word is capitalised.
const FINAL: &[&str] = &["etc", "inc", "ltd", "max", "min", "no", "sti", "usw", "vb"];

/// Months that follow a German ordinal (`3. Mai`), folded.
const MONTHS: &[&str] = &[
    "januar",
    "februar",
    "marz",
    "april",
    "mai",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "dezember",
];

/// Byte ranges of the sentences of a plain or Markdown text, in order.
///
/// Ranges do not overlap, lie on character boundaries, start and end with visible text and
/// together hold every letter and digit. A sentence ends
///
/// - after `. ! ? …` (with closing quotes and brackets) before white space, and after `。！？`. A
///   full stop does not end it after an abbreviation (`Dr.`, `bkz.`, `z. B.`), an initial, inside a
///   number (`1.500,00`), after an ordinal (`3. gün`, `3. Mai`) or before a lower-case letter;
/// - at a blank line, and before and after a heading, table row, rule or code fence;
/// - before a list item. The item's bullet is left out, its number is kept.
///
/// Other line breaks are soft. Parts without letters or digits are left out.
///
/// ```
/// let text = "# İade\nÜcret 1.500,00 TL'dir. Bkz. sözleşme.\n- Kutu\n- Fiş";
/// let parts: Vec<_> = exact_index::text::sentences(text).into_iter().map(|r| &text[r]).collect();
/// assert_eq!(parts, ["İade", "Ücret 1.500,00 TL'dir.", "Bkz. sözleşme.", "Kutu", "Fiş"]);
/// ```
#[must_use]
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut block: Option<Range<usize>> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let kind = Line::of(line);
        if kind != Line::Text
            && let Some(done) = block.take()
        {
            split_block(text, done, &mut out);
        }
        match kind {
            Line::Blank => {}
            Line::Alone => split_block(text, start..end, &mut out),
            Line::Item => block = Some(start..end),
            Line::Text => block = Some(block.map_or(start, |open| open.start)..end),
        }
        start = end;
    }
    if let Some(done) = block {
        split_block(text, done, &mut out);
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    /// Shares its sentence with no other line: heading, table row, rule, fence.
    Alone,
    /// First line of a list item or quotation.
    Item,
    Text,
}

impl Line {
    fn of(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Blank;
        }
        let after_hashes = line.trim_start_matches('#');
        let is_heading = after_hashes.len() < line.len()
            && line.len() - after_hashes.len() <= 6
            && after_hashes.starts_with(char::is_whitespace);
        if is_heading || line.starts_with(['|', '`', '~']) && !is_inline_code(line) {
            return Self::Alone;
        }
        if !line.chars().any(char::is_alphanumeric) {
            return Self::Alone;
        }
        if bullet_len(line) > 0 || number_len(line) > 0 || line.starts_with('>') {
            return Self::Item;
        }
        Self::Text
    }
}

/// A line of prose that happens to start with `` `code` `` or `~approximately`.
fn is_inline_code(line: &str) -> bool {
    !line.starts_with('|') && !line.starts_with("```") && !line.starts_with("~~~")
}

/// True for the first line of a list item: a bullet or a number, and something behind it.
///
/// ```
/// use exact_index::text::is_list_item;
/// assert!(is_list_item("- Kutu") && is_list_item("  2) Fiş"));
/// assert!(!is_list_item("Kutu - fiş") && !is_list_item("---") && !is_list_item("2024 yılı"));
/// ```
#[must_use]
pub fn is_list_item(line: &str) -> bool {
    let line = line.trim();
    let mark = bullet_len(line).max(number_len(line));
    mark > 0 && line[mark..].chars().any(char::is_alphanumeric)
}

/// Bytes of the bullet and the white space behind it, 0 without one.
fn bullet_len(line: &str) -> usize {
    let Some(rest) = line.strip_prefix(['-', '*', '+', '•', '–', '◦', '▪']) else {
        return 0;
    };
    let body = rest.trim_start();
    if body.len() < rest.len() { line.len() - body.len() } else { 0 }
}

/// Bytes of a list number as `1.` or `12)` before white space, 0 without one.
fn number_len(line: &str) -> usize {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let Some(rest) = line.get(digits..).filter(|_| (1..=3).contains(&digits)) else {
        return 0;
    };
    match rest.strip_prefix(['.', ')']) {
        Some(body) if body.starts_with(char::is_whitespace) => digits + 1,
        _ => 0,
    }
}

/// Splits one paragraph, list item or single line.
fn split_block(text: &str, block: Range<usize>, out: &mut Vec<Range<usize>>) {
    let mut from = block.start + skip_marks(&text[block.clone()]);
    let mut at = from + number_len(&text[from..block.end]);
    while let Some(found) = text[at..block.end].find(is_terminator) {
        let stop = at + found;
        let run = text[stop..block.end].trim_start_matches(is_terminator);
        let tail = run.trim_start_matches(is_closing);
        let end = block.end - tail.len();
        let stops = &text[stop..block.end - run.len()];
        if ends_sentence(&text[from..stop], stops, tail) {
            push(text, from..end, out);
            from = end;
        }
        at = end;
    }
    push(text, from..block.end, out);
}

/// Bytes of indentation, quotation marks, heading hashes and a bullet at the start of a block.
fn skip_marks(block: &str) -> usize {
    let rest = block.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
    let rest = match rest.trim_start_matches('#') {
        body if body.starts_with(char::is_whitespace) => body.trim_start(),
        _ => rest,
    };
    block.len() - rest.len() + bullet_len(rest)
}

fn is_terminator(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '“' | '‘' | '»' | '«' | '›' | ')' | ']' | '*' | '_')
}

fn is_opening(c: char) -> bool {
    matches!(c, '"' | '\'' | '„' | '“' | '‘' | '«' | '»' | '‹' | '(' | '[' | '*' | '_')
}

/// Whether the terminators `stops` between `before` and `tail` end a sentence.
fn ends_sentence(before: &str, stops: &str, tail: &str) -> bool {
    if stops.contains(['。', '！', '？']) {
        return true;
    }
    if !tail.is_empty() && !tail.starts_with(char::is_whitespace) {
        return false;
    }
    if stops.contains(['!', '?']) {
        return true;
    }
    let next = tail.trim_start().trim_start_matches(is_opening);
    if next.starts_with(char::is_lowercase) {
        return false;
    }
    if stops != "." {
        return true;
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '.';
    let word = fold(before.rsplit(|c| !is_part(c)).next().unwrap_or_default());
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let name = next.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let is_ordinal = word.len() <= 2 && MONTHS.contains(&fold(name).as_str());
        return !is_ordinal;
    }
    let last = word.rsplit('.').next().unwrap_or_default();
    let is_initial = last.chars().count() == 1 && last.chars().all(char::is_alphabetic);
    if is_initial || INNER.contains(&word.as_str()) {
        return false;
    }
    !(FINAL.contains(&word.as_str()) && next.starts_with(|c: char| c.is_numeric()))
}

/// Adds a range without the white space around it, if it says anything.
fn push(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let part = &text[range.clone()];
    if part.chars().any(char::is_alphanumeric) {
        let start = range.start + part.len() - part.trim_start().len();
        out.push(start..start + part.trim().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn plain_prose() {
        assert_eq!(
            split("Merhaba! Nasılsınız? İyiyim… Ben de. Son"),
            ["Merhaba!", "Nasılsınız?", "İyiyim…", "Ben de.", "Son"]
        );
        assert_eq!(split("He said \"yes.\" Then (maybe.) Done"), ["He said \"yes.\"", "Then (maybe.)", "Done"]);
        assert_eq!(split("  \n\n \t"), Vec::<&str>::new());
        assert_eq!(split("こんにちは。元気？"), ["こんにちは。", "元気？"]);
    }

    #[test]
    fn numbers_dates_and_addresses_stay_whole() {
        for whole in [
            "Ücret 1.500,00 TL, indirim %2.5 olur.",
            "Saat 14.30'da, 3. gün biter.",
            "Gültig ab dem 3. Mai 2024.",
            "Bkz. www.ornek.com.tr veya a.b@c.de adresi.",
            "Version 2.0.1 is out.",
            "Wait... what happened?",
        ] {
            assert_eq!(split(whole), [whole]);
        }
        assert_eq!(split("Ücret 15. Sonra biter."), ["Ücret 15.", "Sonra biter."]);
    }

    #[test]
    fn abbreviations_do_not_end_a_sentence() {
        for whole in [
            "Dr. Ayşe ve Prof. Dr. Ali geldi.",
            "Örn. Ankara gibi.",
            "Das gilt z. B. Montag, d.h. Werktags, bzw. Samstag.",
            "Ask Mr. Smith, e.g. Monday.",
            "A. Yılmaz ile no. 5 görüşün.",
        ] {
            assert_eq!(split(whole), [whole]);
        }
        assert_eq!(split("Kalem, kitap vb. Bunlar iade edilir."), ["Kalem, kitap vb.", "Bunlar iade edilir."]);
    }

    #[test]
    fn markdown_blocks() {
        let text = "# Başlık. Devam\nBir cümle\nsarılır. İki.\n\n1. Aç. Kapat.\n2) Bas\n  * Alt\n\n---\n> Alıntı\n| a | b |\n|---|---|\n```\nlet x\n```";
        assert_eq!(
            split(text),
            [
                "Başlık.",
                "Devam",
                "Bir cümle\nsarılır.",
                "İki.",
                "1. Aç.",
                "Kapat.",
                "2) Bas",
                "Alt",
                "Alıntı",
                "| a | b |",
                "let x"
            ]
        );
    }

    #[test]
    fn emphasis_and_inline_code_are_prose() {
        assert_eq!(split("*Not:* tamam.\n`kod` ile **biter.** Son"), ["*Not:* tamam.", "`kod` ile **biter.**", "Son"]);
    }
}
