//! What Markdown has of HTML, tags and what they say, and where it is code, in which all that is only quoted.

use std::ops::Range;

/// A tag of HTML.
pub(super) struct Tag<'a> {
    /// In small letters.
    pub(super) name: String,
    pub(super) closes: bool,
    /// Names in small letters, values as they are written.
    pub(super) attributes: Vec<(String, &'a str)>,
    /// Its length in bytes.
    pub(super) length: usize,
}

/// The tag that a text begins with, read as browsers read it.
pub(super) fn tag_of(text: &str) -> Option<Tag<'_>> {
    let inner = text.strip_prefix('<')?;
    let closes = inner.starts_with('/');
    let mut rest = if closes { &inner[1..] } else { inner };
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name = taken(&mut rest, |c| !c.is_whitespace() && c != '/' && c != '>').to_ascii_lowercase();
    let mut attributes = vec![];
    loop {
        taken(&mut rest, |c| c.is_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return Some(Tag { name, closes, attributes, length: text.len() - after.len() });
        }
        // A name may begin with the sign for a value.
        let from = rest;
        let first = rest.chars().next()?;
        rest = &rest[first.len_utf8()..];
        taken(&mut rest, |c| !c.is_whitespace() && c != '/' && c != '>' && c != '=');
        let name = from[..from.len() - rest.len()].to_ascii_lowercase();
        let mut behind = rest;
        taken(&mut behind, char::is_whitespace);
        let value = match behind.strip_prefix('=') {
            None => "",
            Some(after) => {
                rest = after;
                taken(&mut rest, char::is_whitespace);
                match rest.chars().next()? {
                    quote @ ('"' | '\'') => {
                        let (value, after) = rest[1..].split_once(quote)?;
                        rest = after;
                        value
                    }
                    _ => taken(&mut rest, |c| !c.is_whitespace() && c != '>'),
                }
            }
        };
        attributes.push((name, value));
    }
}

/// Takes what fits from the beginning of a text.
fn taken<'a>(rest: &mut &'a str, fits: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// True for an element that a page does not show, with which attributes it may have.
pub(super) fn is_hidden<'a>(name: &str, attributes: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    let mut open = false;
    for (name, value) in attributes {
        let value = value.trim();
        let hides = match name {
            // Found by a search within the page, it is shown.
            "hidden" => !value.eq_ignore_ascii_case("until-found"),
            "aria-hidden" => value.eq_ignore_ascii_case("true"),
            "style" => is_style_hidden(value),
            _ => false,
        };
        if hides {
            return true;
        }
        open |= name == "open";
    }
    name == "dialog" && !open
}

/// True for a style by which nothing is seen.
fn is_style_hidden(style: &str) -> bool {
    style.split(';').filter_map(|rule| rule.split_once(':')).any(|(name, value)| {
        let word = value.split('!').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.trim().to_ascii_lowercase().as_str() {
            "display" => word == "none",
            "visibility" => word == "hidden" || word == "collapse",
            "content-visibility" => word == "hidden",
            "opacity" | "font-size" => {
                word.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').parse::<f64>() == Ok(0.0)
            }
            _ => false,
        }
    })
}

/// How surely something must be code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// As writers mean it.
    Enough,
    /// By every reader of Markdown, whatever stands around it.
    Always,
}

/// The byte ranges of a Markdown text that are code, in order: blocks between fences, and code within a line.
pub(super) fn code(text: &str, sure: Sure) -> Vec<Range<usize>> {
    let mut code = vec![];
    let mut fence: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let words = line.trim_start_matches(' ');
        let indent = line.len() - words.len();
        if let Some((mark, opened)) = fence {
            let closing = words.trim_end();
            if indent <= 3 && closing.starts_with(mark) && closing.trim_start_matches(&mark[..1]).is_empty() {
                code.push(opened..at);
                fence = None;
            }
            continue;
        }
        // A fence within a list or a quotation ends with that; one in HTML is none. Where it matters, neither counts.
        let most = if sure == Sure::Always { 0 } else { usize::MAX };
        if sure == Sure::Always && words.starts_with('<') {
            return code;
        }
        match fence_of(words.trim_end()).filter(|_| indent <= most) {
            Some(mark) => fence = Some((mark, start)),
            None => spans(line, start, sure, &mut code),
        }
    }
    code.extend(fence.map(|(_, opened)| opened..at));
    code
}

/// The mark that opens a block of code: three or more backticks or tildes.
fn fence_of(line: &str) -> Option<&str> {
    ["`", "~"].into_iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(mark).len();
        (length >= 3 && !(mark == "`" && line[length..].contains('`'))).then(|| &line[..length])
    })
}

/// Code within a line: what stands between as many backticks as it begins with.
fn spans(line: &str, start: usize, sure: Sure, code: &mut Vec<Range<usize>>) {
    let runs = runs(line);
    let mut next = 0;
    while let Some((at, length)) = runs.get(next).copied() {
        next += 1;
        if line[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
            continue;
        }
        let Some(other) = (next..runs.len()).find(|other| runs[*other].1 == length) else { continue };
        let end = runs[other].0 + length;
        next = other + 1;
        // In a table, cells come before code.
        if sure == Sure::Enough || !line[at..end].contains('|') {
            code.push(start + at..start + end);
        }
    }
}

/// Where backticks stand in a line, and how many.
fn runs(line: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = vec![];
    for (at, _) in line.match_indices('`') {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

/// A text without some parts of it.
pub(super) fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        if cut.start > at {
            kept.push_str(&text[at..cut.start]);
        }
        at = at.max(cut.end);
    }
    kept.push_str(&text[at.min(text.len())..]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_browsers_read_them() {
        let read = |text: &str| {
            tag_of(text).map(|tag| {
                let attributes: Vec<String> =
                    tag.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
                (tag.name, tag.closes, attributes.join("|"), text[tag.length..].to_owned())
            })
        };
        let tag = |name: &str, closes, attributes: &str, rest: &str| {
            Some((name.to_owned(), closes, attributes.to_owned(), rest.to_owned()))
        };
        assert_eq!(read("<A HREF='x>y' b>z"), tag("a", false, "href=x>y|b=", "z"));
        assert_eq!(read("<a/href=x/y/ b = \"c\">"), tag("a", false, "href=x/y/|b=c", ""));
        assert_eq!(read("</p >x"), tag("p", true, "", "x"));
        assert_eq!(read("<br/>"), tag("br", false, "", ""));
        for none in ["<", "< a>", "<1>", "a", "<a href='x", "<!-- x -->"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn what_a_page_does_not_show_is_known_by_its_attributes() {
        let hidden = |tag: &str| {
            let tag = tag_of(tag).unwrap();
            is_hidden(&tag.name, tag.attributes.iter().map(|(name, value)| (name.as_str(), *value)))
        };
        for yes in [
            "<p hidden>",
            "<p HIDDEN=''>",
            "<p hidden=hidden>",
            "<p style='display:none'>",
            "<p style='color:red; DISPLAY : None !important;'>",
            "<p style=visibility:hidden>",
            "<p style='opacity:0'>",
            "<p style='font-size:0px'>",
            "<span aria-hidden=\"true\">",
            "<dialog>",
        ] {
            assert!(hidden(yes), "{yes}");
        }
        for no in [
            "<p>",
            "<p hidden=until-found>",
            "<p style='display:block'>",
            "<p style='background: none'>",
            "<p style='opacity:0.5'>",
            "<p aria-hidden=false>",
            "<p data-hidden>",
            "<dialog open>",
        ] {
            assert!(!hidden(no), "{no}");
        }
    }

    #[test]
    fn code_is_where_every_reader_of_markdown_sees_it() {
        let found =
            |text: &str, sure| code(text, sure).into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>();
        for (text, enough, always) in [
            ("a `b` c", vec!["`b`"], vec!["`b`"]),
            ("``a`b`` `c", vec!["``a`b``"], vec!["``a`b``"]),
            ("\\`a` b`", vec!["` b`"], vec!["` b`"]),
            ("| `a|b` |", vec!["`a|b`"], vec![]),
            ("`a\n\nb`", vec![], vec![]),
            ("```sh\na\n```\nb", vec!["```sh\na\n```\n"], vec!["```sh\na\n```\n"]),
            ("~~~\n```\n~~~~\nb", vec!["~~~\n```\n~~~~\n"], vec!["~~~\n```\n~~~~\n"]),
            ("  ```\na\n  ```\n", vec!["  ```\na\n  ```\n"], vec![]),
            ("<div>\n```\na\n```", vec!["```\na\n```"], vec![]),
            ("```\na", vec!["```\na"], vec!["```\na"]),
        ] {
            assert_eq!(
                (found(text, Sure::Enough), found(text, Sure::Always)),
                (owned(enough), owned(always)),
                "{text}"
            );
        }
    }

    fn owned(texts: Vec<&str>) -> Vec<String> {
        texts.into_iter().map(str::to_owned).collect()
    }
}
