//! The lists, code and tables of an article: steps and choices that are quoted as a whole, with the sentence that leads to them, or not at
//! all.

use std::ops::Range;

use exact_index::text::{is_list_item, sentences};

use super::context::is_heading;

/// A list of at least two items, code between fences, or a table. Bytes of the article's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// The list with the sentence before it; that is what can be quoted.
    whole: Range<usize>,
    /// The items, from the first one's mark on.
    items: Range<usize>,
    /// True when the sentence before it only announces it, and says nothing alone.
    is_announced: bool,
}

impl List {
    /// True when a sentence that begins here can be quoted with the list only.
    fn holds(&self, at: usize) -> bool {
        let held = if self.is_announced { &self.whole } else { &self.items };
        held.contains(&at)
    }

    /// The list with the sentence before it.
    pub(super) fn whole(&self) -> Range<usize> {
        self.whole.clone()
    }
}

/// All lists of a Markdown text, in order.
pub(super) fn lists(body: &str) -> Vec<List> {
    let lines = lines(body);
    let mut lists = vec![];
    let mut at = 0;
    while at < lines.len() {
        if let Some(end) = block_from(body, &lines[at..]) {
            let items = lines[at].start..lines[at + end - 1].end;
            let lead = lead(body, &lines[..at]);
            // Code and tables are what the sentence before them is about.
            let is_announced = lead.is_some();
            let start = lead.map_or(items.start, |lead| lead.start);
            lists.push(List { whole: start..items.end, items, is_announced });
            at += end;
            continue;
        }
        if !is_list_item(&body[lines[at].clone()]) {
            at += 1;
            continue;
        }
        let (count, end) = items_from(body, &lines[at..]);
        if count > 1 {
            let items = lines[at].start..lines[at + end - 1].end;
            let lead = lead(body, &lines[..at]);
            let is_announced =
                lead.as_ref().is_some_and(|lead| body[lead.clone()].trim_end_matches('*').ends_with(':'));
            let start = lead.map_or(items.start, |lead| lead.start);
            lists.push(List { whole: start..items.end, items, is_announced });
        }
        at += end;
    }
    lists
}

/// What is quoted of a passage for one of its sentences: the sentence, or the list it is part of. `None` when the passage
/// holds only a part of that list. `passage` are bytes of the body; the sentence's and the answer's are of the passage.
pub(super) fn quote(lists: &[List], passage: &Range<usize>, sentence: &Range<usize>) -> Option<Range<usize>> {
    let Some(list) = lists.iter().find(|list| list.holds(passage.start + sentence.start)) else {
        return Some(sentence.clone());
    };
    let whole = list.whole();
    let is_there = passage.start <= whole.start && whole.end <= passage.end;
    is_there.then(|| whole.start - passage.start..whole.end - passage.start)
}

/// Byte ranges of the lines without the white space around them; of a blank line an empty one.
fn lines(body: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut lines = vec![];
    for line in body.split_inclusive('\n') {
        let from = start + line.len() - line.trim_start().len();
        lines.push(from..(from + line.trim().len()).max(from));
        start += line.len();
    }
    lines
}

/// After how many lines the code or the table ends that begins with the first of them.
fn block_from(body: &str, lines: &[Range<usize>]) -> Option<usize> {
    let text = |line: &Range<usize>| &body[line.clone()];
    let first = text(lines.first()?);
    if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| first.starts_with(fence)) {
        let end = lines.iter().skip(1).position(|line| text(line).starts_with(fence));
        return Some(end.map_or(lines.len(), |end| end + 2));
    }
    let rows = lines.iter().take_while(|line| text(line).starts_with('|')).count();
    (rows > 1).then_some(rows)
}

/// How many items follow each other from the first line on, and after how many lines they end.
fn items_from(body: &str, lines: &[Range<usize>]) -> (usize, usize) {
    let (mut count, mut end, mut is_after_blank) = (0, 0, false);
    for (nth, line) in lines.iter().enumerate() {
        let text = &body[line.clone()];
        if text.is_empty() {
            is_after_blank = true;
            continue;
        }
        let is_item = is_list_item(text);
        let is_indented = body[..line.start].ends_with([' ', '\t']);
        if !is_item && (is_heading(text) || is_after_blank && !is_indented) {
            break;
        }
        count += usize::from(is_item);
        (end, is_after_blank) = (nth + 1, false);
    }
    (count, end)
}

/// The last sentence of the paragraph before a list. Headings, tables, code and quotations lead to nothing.
fn lead(body: &str, before: &[Range<usize>]) -> Option<Range<usize>> {
    let last = before.iter().rposition(|line| !line.is_empty())?;
    let of_paragraph = |line: &&Range<usize>| {
        let text = &body[(*line).clone()];
        !text.is_empty() && !is_heading(text) && !text.starts_with(['|', '`', '~', '>'])
    };
    let first = before[..=last].iter().rev().take_while(of_paragraph).last()?;
    let start = first.start;
    let sentence = sentences(&body[start..before[last].end]).pop()?;
    Some(start + sentence.start..start + sentence.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Vec<&str> {
        lists(body).into_iter().map(|list| &body[list.whole()]).collect()
    }

    #[test]
    fn a_list_begins_with_the_sentence_that_leads_to_it() {
        let body = "# İptal\n\nKolaydır. Siparişinizi iki yoldan iptal edebilirsiniz.\n\n1. **Hesabım** sayfasını açın.\n2. Bize yazın.\n\nSonra bekleyin.";
        assert_eq!(
            found(body),
            ["Siparişinizi iki yoldan iptal edebilirsiniz.\n\n1. **Hesabım** sayfasını açın.\n2. Bize yazın."]
        );
        assert_eq!(
            found("To return it:\n- print the label\n- send the box\n# Refund"),
            ["To return it:\n- print the label\n- send the box"]
        );
        assert_eq!(found("## Steps\n* Open.\n* Close."), ["* Open.\n* Close."]);
    }

    #[test]
    fn blank_lines_indented_lines_and_wrapped_lines_belong_to_the_items() {
        let body = "Yapın:\n\n1. Açın\n   ve bakın.\n\n   Kutu da olur.\n\n2. Kapatın\nhemen.\n\nBitti.";
        assert_eq!(found(body), ["Yapın:\n\n1. Açın\n   ve bakın.\n\n   Kutu da olur.\n\n2. Kapatın\nhemen."]);
    }

    #[test]
    fn code_and_tables_are_whole_with_the_sentence_before_them() {
        let code = "Kurulum kolaydır. Şunu çalıştırın.\n\n```sh\n# önce\nnpm i\n\n- x\n```\n\nBitti.";
        assert_eq!(found(code), ["Şunu çalıştırın.\n\n```sh\n# önce\nnpm i\n\n- x\n```"]);
        let table = "Fees:\n| Plan | Price |\n| --- | --- |\n| A | 5 |\n| B | 9 |\n\nMore.";
        assert_eq!(found(table), ["Fees:\n| Plan | Price |\n| --- | --- |\n| A | 5 |\n| B | 9 |"]);
        let all = lists(table);
        let row = table.find("| B").unwrap();
        assert_eq!(quote(&all, &(0..table.len()), &(row..row + 9)), Some(0..table.find("\n\n").unwrap()));
    }

    #[test]
    fn one_item_is_no_list() {
        assert!(found("Süre:\n3. gün biter.\n\nSon.").is_empty());
        assert!(found("- Alone\n\nText").is_empty());
        assert!(found("").is_empty());
    }

    #[test]
    fn a_sentence_of_a_list_is_quoted_with_all_of_it_or_not_at_all() {
        let body = "Önce. Şöyle yapın:\n1. Açın.\n2. Kapatın.";
        let all = lists(body);
        let at = |part: &str| body.find(part).map(|at| at..at + part.len()).unwrap();
        let quoted = |passage: &Range<usize>, part: &str| {
            let sentence = at(part).start - passage.start..at(part).end - passage.start;
            quote(&all, passage, &sentence).map(|quote| &body[passage.start + quote.start..passage.start + quote.end])
        };
        let list = "Şöyle yapın:\n1. Açın.\n2. Kapatın.";
        let whole = 0..body.len();
        assert_eq!(quoted(&whole, "2. Kapatın."), Some(list));
        assert_eq!(quoted(&whole, "Şöyle yapın:"), Some(list));
        assert_eq!(quoted(&whole, "Önce."), Some("Önce."));
        let half = 0..at("1. Açın.").end;
        assert_eq!(quoted(&half, "1. Açın."), None);
        assert_eq!(quoted(&half, "Şöyle yapın:"), None);
        assert_eq!(quoted(&(at("1. Açın.").start..body.len()), "2. Kapatın."), None);
    }

    #[test]
    fn a_sentence_that_does_not_announce_the_list_may_stand_alone() {
        let body = "You can cancel in two ways.\n\n1. Write to us.\n2. Call us.";
        let all = lists(body);
        assert_eq!(quote(&all, &(0..body.len()), &(0..27)), Some(0..27));
        assert_eq!(quote(&all, &(0..body.len()), &(29..44)), Some(0..body.len()));
    }
}
