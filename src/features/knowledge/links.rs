//! Links that run something instead of leading somewhere: `javascript:`, `data:` and their like. An article keeps their
//! words and loses the link, however it is written, so that no page that shows articles has to look for them.
//!
//! What is certainly code is left alone, because it is quoted. Where readers of Markdown differ, a text is taken for a
//! link.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use super::markup::{Sure, code, tag_of, without};

/// Schemes whose addresses run, or hold what runs.
const ACTIVE: [&str; 9] =
    ["javascript", "vbscript", "livescript", "jscript", "mocha", "data", "blob", "filesystem", "view-source"];
/// The longest scheme that there is.
const SCHEME_MAX: usize = 32;
/// The longest name of an entity that matters here.
const ENTITY_MAX: usize = 24;
/// What is taken out may leave a link behind that was none before; so often it is looked for again.
const PASSES: usize = 20;
/// Tags without their ends that are remembered.
const TAGS_MAX: usize = 100;
/// Bytes that are read in search of where links and tags end, in all.
const SEARCHED: usize = 4_000_000;

/// A Markdown text without links that run something.
pub(super) fn without_active(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    let mut left = SEARCHED;
    for _ in 0..PASSES {
        let cuts = active(&text, &mut left);
        if cuts.is_empty() {
            return text;
        }
        text = without(&text, &cuts).into();
    }
    // Nobody writes so by chance: no link is left at all.
    text.replace("](", "] (").replace("]:", "] :").replace('<', "‹").into()
}

/// What to cut.
fn active(text: &str, left: &mut usize) -> Vec<Range<usize>> {
    let code = code(text, Sure::Always);
    let (labels, defined) = definitions(text, &code);
    let mut passed: Vec<Range<usize>> = code.into_iter().chain(defined.iter().cloned()).collect();
    passed.sort_by_key(|range| range.start);
    let mut passed = passed.into_iter().peekable();
    let mut walk = Walk { text, labels, cuts: defined, open: vec![], tags: vec![], paragraph: 0, left };
    let mut at = 0;
    while at < text.len() {
        while passed.next_if(|range| range.end <= at).is_some() {}
        at = match passed.peek().filter(|range| range.start <= at) {
            Some(range) => range.end,
            None => walk.step(at),
        };
    }
    walk.cuts.sort_by_key(|cut| (cut.start, cut.end));
    walk.cuts
}

/// The way through a text.
struct Walk<'a> {
    text: &'a str,
    /// Of definitions that run something.
    labels: HashSet<String>,
    cuts: Vec<Range<usize>>,
    /// Where brackets opened, with the mark of a picture.
    open: Vec<Range<usize>>,
    /// Tags that were cut and have to be closed yet.
    tags: Vec<String>,
    /// Where the paragraph ends that was looked through last.
    paragraph: usize,
    /// Bytes that may be read in search of ends yet.
    left: &'a mut usize,
}

impl Walk<'_> {
    /// Looks at what stands at a place, and returns the next place.
    fn step(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let Some(char) = rest.chars().next() else { return self.text.len() };
        let next = at + char.len_utf8();
        match char {
            // A link ends with its paragraph.
            '\n' if rest[1..].lines().next().is_some_and(|line| line.trim().is_empty()) => self.open.clear(),
            '\\' => {
                return next + rest[1..].chars().next().filter(char::is_ascii_punctuation).map_or(0, char::len_utf8);
            }
            '[' => {
                let is_picture = self.text[..at].ends_with('!') && !self.text[..at].ends_with("\\!");
                self.open.push(at - usize::from(is_picture)..next);
            }
            ']' => return self.bracket(at),
            '<' => return self.angle(at),
            _ => {}
        }
        next
    }

    /// The end of a link's words.
    fn bracket(&mut self, at: usize) -> usize {
        let next = at + 1;
        let Some(open) = self.open.pop() else { return next };
        let rest = &self.text[next..];
        if let Some(inner) = rest.strip_prefix('(') {
            if is_active(inner.trim_start().trim_start_matches('<')) {
                let end = self.end_of(next + 1).unwrap_or(next + 1);
                self.cuts.extend([open, at..end]);
                return end;
            }
            return next;
        }
        if self.labels.is_empty() {
            return next;
        }
        let words = &self.text[open.end..at];
        let label = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(label, _)| label);
        let (label, end) = match label {
            Some("") => (words, next + 2),
            Some(label) => (label, next + label.len() + 2),
            None => (words, next),
        };
        if self.labels.contains(&normal(label)) {
            self.cuts.extend([open, at..end]);
            return end;
        }
        next
    }

    /// Where the address of a link and what stands with it end: behind the bracket that closes it.
    fn end_of(&mut self, from: usize) -> Option<usize> {
        let text = self.text;
        if from >= self.paragraph {
            self.paragraph = text[from..].find("\n\n").map_or(text.len(), |end| from + end);
        }
        let mut depth = 1_usize;
        let mut quote = None;
        let mut before = ' ';
        for (at, char) in text[from..self.paragraph].char_indices() {
            let at = from + at;
            self.search(char.len_utf8())?;
            let is_plain = before == '\\';
            match (quote, char) {
                _ if is_plain => {}
                (Some(open), char) if open == char => quote = None,
                (Some(_), _) => {}
                // What a link is called when it is pointed at.
                (None, '"' | '\'') if before.is_whitespace() => {
                    let end = text[at + 1..self.paragraph].find(char);
                    self.search(end.unwrap_or(self.paragraph - at))?;
                    quote = end.map(|_| char);
                }
                (None, '(') => depth += 1,
                (None, ')') if depth == 1 => return Some(at + 1),
                (None, ')') => depth -= 1,
                (None, _) => {}
            }
            before = if is_plain { 'a' } else { char };
        }
        None
    }

    /// Notes that so much is read; nothing where that is too much, and from then on.
    fn search(&mut self, bytes: usize) -> Option<()> {
        let left = self.left.checked_sub(bytes);
        *self.left = left.unwrap_or(0);
        left.filter(|left| *left > 0).map(drop)
    }

    /// An address between angle brackets, or a tag.
    fn angle(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if is_active(&rest[1..]) {
            let line = if *self.left > 0 { rest.lines().next().unwrap_or_default() } else { "" };
            let end = line.find('>').filter(|_| self.search(line.len()).is_some());
            self.cuts.push(at..at + 1);
            self.cuts.extend(end.map(|end| at + end..at + end + 1));
            return at + end.unwrap_or_default() + 1;
        }
        if !rest[1..].starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) {
            return at + 1;
        }
        // What cannot be looked through any more is no tag.
        let tag = if *self.left > 0 { tag_of(rest) } else { None };
        if self.search(tag.as_ref().map_or(rest.len(), |tag| tag.length)).is_none() {
            self.cuts.push(at..at + 1);
            return at + 1;
        }
        let Some(tag) = tag else { return at + 1 };
        let end = at + tag.length;
        if tag.closes {
            if let Some(place) = self.tags.iter().rposition(|name| *name == tag.name) {
                self.tags.remove(place);
                self.cuts.push(at..end);
            }
            return end;
        }
        let runs = |(name, value): &(String, &str)| {
            let is_event = name.len() > 2 && name.starts_with("on");
            is_event || name == "srcdoc" || !["alt", "title"].contains(&name.as_str()) && is_active(value)
        };
        if tag.attributes.iter().any(runs) {
            self.cuts.push(at..end);
            if self.tags.len() < TAGS_MAX {
                self.tags.push(tag.name);
            }
            return end;
        }
        // What stands in it may be Markdown, for some.
        at + 1
    }
}

/// Definitions of links that run something: their labels, and where they stand.
fn definitions(text: &str, code: &[Range<usize>]) -> (HashSet<String>, Vec<Range<usize>>) {
    let (mut labels, mut cuts) = (HashSet::new(), vec![]);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        // Within lists and quotations they count, too.
        let inner = line.trim_start_matches(|c: char| c.is_whitespace() || c.is_ascii_digit() || ">-*+.)".contains(c));
        let begin = start + line.len() - inner.len();
        let Some((label, address)) = inner.strip_prefix('[').and_then(|rest| rest.split_once("]:")) else { continue };
        let quoted =
            code.get(code.partition_point(|range| range.end <= begin)).is_some_and(|range| range.start <= begin);
        if label.starts_with('^') || quoted {
            continue;
        }
        let is_address = |line: &str| is_active(line.trim_start().trim_start_matches('<'));
        // The address may stand in the next line.
        let next = text[at..].split_inclusive('\n').next().unwrap_or_default();
        let end = match address.trim().is_empty() {
            false if is_address(address) => at,
            true if is_address(next) => at + next.len(),
            _ => continue,
        };
        labels.insert(normal(label));
        // So may what it is called.
        let after = text[end..].lines().next().unwrap_or_default();
        let title = after.trim();
        let quotes = [('"', '"'), ('\'', '\''), ('(', ')')];
        let is_title = quotes.iter().any(|(open, close)| title.starts_with(*open) && title.ends_with(*close));
        cuts.push(begin..if is_title && title.len() > 1 { end + after.len() } else { end });
    }
    (labels, cuts)
}

/// A label as it is compared.
fn normal(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// True for an address whose scheme runs something, as browsers and readers of Markdown read it: without blanks and what
/// nobody sees, and whatever stands for its letters.
fn is_active(address: &str) -> bool {
    let mut scheme = String::new();
    let mut rest = address;
    while let Some(char) = next_of(&mut rest) {
        match char {
            ':' => return ACTIVE.contains(&scheme.as_str()),
            char if is_skipped(char) => {}
            char if char.is_ascii_alphanumeric() || "+-.".contains(char) => scheme.push(char.to_ascii_lowercase()),
            _ => return false,
        }
        if scheme.len() > SCHEME_MAX {
            return false;
        }
    }
    false
}

/// Blanks, controls, what is not seen, and the mark before a character that is to be taken as it is.
fn is_skipped(char: char) -> bool {
    char.is_whitespace()
        || char.is_control()
        || char == '\\'
        || char == '\u{ad}'
        || ('\u{200b}'..='\u{200f}').contains(&char)
        || ('\u{2060}'..='\u{206f}').contains(&char)
        || char == '\u{feff}'
}

/// The next character of an address, whatever stands for it.
fn next_of(rest: &mut &str) -> Option<char> {
    let text: &str = rest;
    let char = text.chars().next()?;
    let found = match char {
        '&' => entity(text),
        '%' => text.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(|byte| (char::from(byte), 3)),
        _ => None,
    };
    let (char, length) = found.unwrap_or((char, char.len_utf8()));
    *rest = &text[length..];
    Some(char)
}

/// The character that an entity stands for, and the entity's length: `&#106;`, `&#x6a`, `&colon;`, also twice disguised.
fn entity(text: &str) -> Option<(char, usize)> {
    let mut inner = &text[1..];
    while let Some(after) = inner.strip_prefix("amp;") {
        inner = after;
    }
    let before = text.len() - inner.len();
    if let Some(number) = inner.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let char = u32::from_str_radix(digits.get(..length)?.trim_start_matches('0'), radix).unwrap_or(0);
        let used = before + inner.len() - digits.len() + length;
        let used = used + usize::from(text[used..].starts_with(';'));
        return Some((char::from_u32(char).unwrap_or('\0'), used));
    }
    let name = &inner[..inner.bytes().take(ENTITY_MAX).position(|byte| byte == b';')?];
    let char = match name {
        "colon" => ':',
        "Tab" | "NewLine" | "nbsp" | "NonBreakingSpace" | "shy" | "zwj" | "zwnj" | "ZeroWidthSpace" | "NoBreak" => ' ',
        "bsol" => '\\',
        "plus" => '+',
        "hyphen" | "dash" => '-',
        "period" => '.',
        _ => return None,
    };
    Some((char, before + name.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_links_that_run_something_stay() {
        for address in [
            "javascript:alert(1)",
            "JavaScript:alert('x')",
            " javascript:alert(1)",
            "<javascript:alert(1)>",
            "<java\tscript:alert(1)>",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "java\u{200b}script:alert(1)",
            "&#106;avascript:alert(1)",
            "&#x6A;avascript&colon;alert(1)",
            "&#0000106avascript:alert(1)",
            "&amp;#106;avascript:alert(1)",
            "java&Tab;script&NewLine;:alert(1)",
            "javascript\\:alert(1)",
            "javascript%3Aalert(1)",
            "%6aavascript:alert(1)",
            "vbscript:msgbox(1)",
            "data:text/html;base64,PHNjcmlwdD4=",
            "DATA:text/html,<script>alert(1)</script>",
            "javascript:alert(1) \"Ad )\"",
            "javascript:alert((1)(2))",
            "blob:https://example.com/1",
            "view-source:javascript:alert(1)",
        ] {
            let text = format!("Önce [buraya **tıklayın**]({address}), sonra bekleyin.");
            assert_eq!(without_active(&text), "Önce buraya **tıklayın**, sonra bekleyin.", "{address}");
            let picture = format!("![Logo]({address}) ve");
            assert_eq!(without_active(&picture), "Logo ve", "{address}");
        }
    }

    #[test]
    fn links_that_lead_somewhere_stay() {
        for text in [
            "[a](https://example.com/javascript:x)",
            "[a](/yardim?x=data:1 \"javascript:\")",
            "[a](mailto:a@b.co) [b](tel:+90) <https://a.example>",
            "[a](javascript.html) [b](#data:x) [c](./data:x)",
            "[javascript:](https://a.example)",
            "Data: yoktur. `[a](javascript:b)` ve [b]",
            "```html\n<a href=\"javascript:void(0)\">x</a>\n[a](javascript:b)\n```",
            "[a]: https://a.example\n\n[b][a]",
            "[^1]: data: is a word",
            "a \\[b](javascript:c",
            "<p title=\"javascript:x\">a</p> 1 < 2",
            "[a](<> \"t\") []() [](",
        ] {
            assert_eq!(without_active(text), text);
        }
    }

    #[test]
    fn every_way_to_write_a_link_counts() {
        for (text, left) in [
            ("<javascript:alert(1)>", "javascript:alert(1)"),
            ("a <data:text/html,x> b", "a data:text/html,x b"),
            ("[tıkla][x] ve [x][] ve [x]\n\n[X]: javascript:alert(1) \"t\"\n\nSon.", "tıkla ve x ve x\n\n\nSon."),
            ("[x]\n\n[x]:\n   <javascript:alert(1)>\n  'başlık'\n", "x\n\n\n"),
            ("> [a][b]\n>\n> [b]: vbscript:x\n", "> a\n>\n> "),
            ("<a href=\"javascript:alert(1)\">tıkla</a> <b>kal</b>", "tıkla <b>kal</b>"),
            ("<A HREF = java&#115;cript:x>a</A>", "a"),
            ("<img src=x onerror=alert(1)>", ""),
            ("<iframe src='data:text/html,x'></iframe>", ""),
            ("<iframe srcdoc='<p>'></iframe>", ""),
            ("[![logo](data:image/png;base64,AAAA)](javascript:x)", "logo"),
            ("[![logo](/a.png)](javascript:x)", "![logo](/a.png)"),
            ("[a](javascript:x) [b](https://b.example)", "a [b](https://b.example)"),
            ("[a]([](javascript:1)javascript:2)", "a"),
            ("[a](javascript:x", "ajavascript:x"),
            ("`\n\n[x](javascript:1)\n\n`", "`\n\nx\n\n`"),
            ("- a\n\n  ```\n[x](javascript:1)\n", "- a\n\n  ```\nx\n"),
            ("| ` | [x](javascript:1) | ` |", "| ` | x | ` |"),
            ("<div>\n```\n<a href=javascript:1>x</a>\n```\n</div>", "<div>\n```\nx\n```\n</div>"),
            ("[a \\] b](javascript:1)", "a \\] b"),
        ] {
            assert_eq!(without_active(text), left, "{text}");
        }
    }

    #[test]
    fn long_texts_are_read_in_time() {
        let begun = std::time::Instant::now();
        for part in [
            "[a](javascript:",
            "](javascript:",
            "[",
            "[a]: javascript:x\n",
            "<a ",
            "`",
            "[a](javascript:x)",
            "((",
            "](&",
            "](&amp;",
            "<a b='",
            "<javascript:",
        ] {
            let text = part.repeat(100_000 / part.len());
            assert!(!is_left(&without_active(&text)), "{part}");
        }
        // It is a matter of milliseconds where it is not a matter of hours.
        assert!(begun.elapsed().as_secs() < 60);
    }

    fn is_left(text: &str) -> bool {
        !active(text, &mut 1_000_000).is_empty()
    }
}
