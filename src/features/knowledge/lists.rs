//! The lists, code and tables of an article: steps, choices and commands that are quoted as a whole, with the sentence that
//! leads to them, or not at all. Of a table that is too long for that a row is quoted, below its header.

use std::ops::Range;

use exact_index::text::{is_list_item, sentences};

use super::{answer::Quote, context::is_heading};

/// Characters of the longest table that is quoted whole wherever passages end; of a longer one rows are.
const WHOLE: usize = 2_000;
/// Characters of the longest code, also between steps, that is quoted whole wherever passages end: half of it is of no use.
const WHOLE_CODE: usize = 8_000;
/// From so many columns on a line is indented code, and as deep as a tab goes.
const INDENTED: usize = 4;

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Items, and whether there is code among them.
    Items {
        /// Code between fences.
        has_code: bool,
    },
    /// Code, with the paragraph before it.
    Code {
        /// Where that begins.
        paragraph: usize,
    },
    /// A table, with its first line and the rule below it, if there is one.
    Table {
        /// Those two.
        header: Option<Range<usize>>,
    },
}

/// A list of at least two items, code, or a table. Bytes of the article's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    kind: Kind,
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
        match self.kind {
            Kind::Code { paragraph } => (paragraph..self.items.end).contains(&at),
            Kind::Items { .. } | Kind::Table { .. } if self.is_announced => self.whole.contains(&at),
            Kind::Items { .. } | Kind::Table { .. } => self.items.contains(&at),
        }
    }

    /// The list with the sentence before it.
    pub(super) fn whole(&self) -> Range<usize> {
        self.whole.clone()
    }

    /// What is quoted for a sentence that it holds.
    fn quote(&self, body: &str, passage: &Range<usize>, sentence: &Range<usize>) -> Option<Range<usize>> {
        let whole = self.whole();
        let is_there = passage.start <= whole.start && whole.end <= passage.end;
        let length = |range: &Range<usize>| body[range.clone()].chars().count();
        match &self.kind {
            Kind::Items { .. } if is_there => Some(whole),
            Kind::Items { has_code } => Some(whole).filter(|whole| *has_code && length(whole) <= WHOLE_CODE),
            // Whatever stands between the sentence and the code leads to the code.
            Kind::Code { .. } => {
                Some(whole.start.min(sentence.start)..whole.end).filter(|quoted| length(quoted) <= WHOLE_CODE)
            }
            Kind::Table { .. } if is_there => Some(whole),
            Kind::Table { header } => {
                let rows = header.as_ref().map_or(self.items.start, |header| header.end);
                match self.items.contains(&sentence.start) && sentence.start >= rows {
                    true => Some(lines_of(body, sentence)),
                    false => Some(whole).filter(|whole| length(whole) <= WHOLE),
                }
            }
        }
    }
}

/// All lists of a Markdown text, in order.
pub(super) fn lists(body: &str) -> Vec<List> {
    let lines = lines(body);
    let mut lists = vec![];
    let mut at = 0;
    while at < lines.len() {
        if let Some((end, is_table)) = block_from(body, &lines, at) {
            let items = block_start(body, &lines[at])..lines[at + end - 1].end;
            // An item may say what the code below it is for.
            let lead = lead(body, &lines[..at]).or_else(|| item_before(body, &lines[..at]));
            let start = lead.as_ref().map_or(items.start, |lead| lead.start);
            let kind = match is_table {
                true => Kind::Table { header: header(body, &lines[at..]) },
                false => Kind::Code { paragraph: paragraph(body, &lines[..at]).unwrap_or(start) },
            };
            // Code and tables are what the sentence before them is about.
            lists.push(List { kind, whole: start..items.end, items, is_announced: lead.is_some() });
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
            let announces = |lead: &Range<usize>| {
                let text = &body[lead.clone()];
                text.trim_end_matches('*').ends_with(':') || is_bold_heading(text)
            };
            let is_announced = lead.as_ref().is_some_and(announces);
            let start = lead.map_or(items.start, |lead| lead.start);
            let has_code = lines[at..at + end].iter().any(|line| fence_of(&body[line.clone()]).is_some());
            lists.push(List { kind: Kind::Items { has_code }, whole: start..items.end, items, is_announced });
        }
        // Code below an item that stands alone is looked at for itself.
        let code = (1..end).find(|nth| fence_of(&body[lines[at + nth].clone()]).is_some()).filter(|_| count < 2);
        at += code.unwrap_or(end);
    }
    lists
}

/// What is quoted for a sentence of a passage: the sentence, the list or the code it is part of, or the row of a table and
/// the header above it. `None` when the passage holds only a part of a list, or the code is too long. `passage` and
/// `sentence` are bytes of the body.
pub(super) fn quote(body: &str, lists: &[List], passage: &Range<usize>, sentence: &Range<usize>) -> Option<Quote> {
    let list = lists.iter().find(|list| list.holds(sentence.start));
    let range = match list {
        Some(list) => list.quote(body, passage, sentence)?,
        None => sentence.clone(),
    };
    let header = list.and_then(|list| match &list.kind {
        Kind::Table { header: Some(header) } if header.end <= range.start => Some(header.clone()),
        Kind::Table { .. } | Kind::Items { .. } | Kind::Code { .. } => None,
    });
    let with_text = |range: Range<usize>| (range.clone(), body[range].to_owned());
    Some(Quote {
        text: body[range.clone()].to_owned(),
        section: section(body, range.start),
        is_list: list.is_some(),
        is_block: list.is_some_and(|list| !matches!(list.kind, Kind::Items { .. })),
        header: header.map(with_text),
        range,
    })
}

/// Where the section begins in which a place is: at the heading above it.
fn section(body: &str, at: usize) -> usize {
    let is_head = |line: &Range<usize>| {
        let text = &body[line.clone()];
        is_heading(text) || is_bold_heading(text)
    };
    let above = lines(&body[..at]);
    above.iter().rev().find(|line| is_head(line)).map_or(0, |line| line.start)
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

/// The whole lines in which a sentence stands.
fn lines_of(body: &str, sentence: &Range<usize>) -> Range<usize> {
    let start = body[..sentence.start].rfind('\n').map_or(0, |at| at + 1);
    let end = body[sentence.end..].find('\n').map_or(body.len(), |at| sentence.end + at);
    let text = &body[start..end];
    let from = start + text.len() - text.trim_start().len();
    from..from + text.trim().len()
}

/// True for a line of code that is marked by nothing but white space before it.
pub(super) fn is_indented_code(body: &str, line: &Range<usize>) -> bool {
    let before = &body[body[..line.start].rfind('\n').map_or(0, |at| at + 1)..line.start];
    let columns = before.chars().fold(0, |columns, c| match c {
        '\t' => columns / INDENTED * INDENTED + INDENTED,
        _ => columns + 1,
    });
    !line.is_empty() && columns >= INDENTED
}

/// Where a block begins: what is before an indented line is a part of it.
fn block_start(body: &str, line: &Range<usize>) -> usize {
    match is_indented_code(body, line) {
        true => body[..line.start].rfind('\n').map_or(0, |at| at + 1),
        false => line.start,
    }
}

/// True for the line below a table's header: `| --- | :-: |`.
pub(super) fn is_rule_of_table(line: &str) -> bool {
    line.contains('-') && line.contains('|') && line.chars().all(|c| "|-: \t".contains(c))
}

/// The first line of a table and the rule below it.
fn header(body: &str, lines: &[Range<usize>]) -> Option<Range<usize>> {
    match lines {
        [first, rule, ..] if is_rule_of_table(&body[rule.clone()]) => Some(first.start..rule.end),
        _ => None,
    }
}

/// After how many lines the code or the table ends that begins with one of the lines, and whether it is a table.
fn block_from(body: &str, lines: &[Range<usize>], at: usize) -> Option<(usize, bool)> {
    let text = |line: &Range<usize>| &body[line.clone()];
    let (before, rest) = lines.split_at_checked(at)?;
    let first = text(rest.first()?);
    let stands_apart = before.last().is_none_or(|line| line.is_empty() || is_heading(text(line)));
    if stands_apart && is_indented_code(body, &rest[0]) {
        let end = rest.iter().take_while(|line| line.is_empty() || is_indented_code(body, line)).count();
        return Some((rest[..end].iter().rposition(|line| !line.is_empty())? + 1, false));
    }
    if let Some(end) = fenced(body, rest) {
        return Some((end, false));
    }
    let rows = match header(body, rest) {
        Some(_) if first.contains('|') => rest.iter().take_while(|line| text(line).contains('|')).count(),
        _ => rest.iter().take_while(|line| text(line).starts_with('|')).count(),
    };
    (rows > 1).then_some((rows, true))
}

/// The mark of a fence.
fn fence_of(text: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence))
}

/// After how many lines the code ends that begins with the first one, between fences.
fn fenced(body: &str, lines: &[Range<usize>]) -> Option<usize> {
    let text = |line: &Range<usize>| &body[line.clone()];
    let fence = fence_of(text(lines.first()?))?;
    let end = lines.iter().skip(1).position(|line| text(line).starts_with(fence));
    Some(end.map_or(lines.len(), |end| end + 2))
}

/// How many items follow each other from the first line on, and after how many lines they end.
fn items_from(body: &str, lines: &[Range<usize>]) -> (usize, usize) {
    let (mut count, mut end, mut is_after_blank) = (0, 0, false);
    let (mut last, mut skipped) = (0, 0);
    for (nth, line) in lines.iter().enumerate() {
        if nth < skipped {
            continue;
        }
        let text = &body[line.clone()];
        if text.is_empty() {
            is_after_blank = true;
            continue;
        }
        let is_item = is_list_item(text);
        let is_indented = body[..line.start].ends_with([' ', '\t']);
        if let Some(length) = fenced(body, &lines[nth..]) {
            // Code belongs to its item where it is indented, or announced, or the next item goes on after it.
            let next = lines[nth + length..].iter().find(|line| !line.is_empty());
            let goes_on = |line: &Range<usize>| last > 0 && number_of(&body[line.clone()]) == Some(last + 1);
            let before = lines[..nth].iter().rev().find(|line| !line.is_empty());
            let is_announced = before.is_some_and(|line| body[line.clone()].ends_with(':'));
            if !is_indented && !is_announced && !next.is_some_and(goes_on) {
                break;
            }
            skipped = nth + length;
            (end, is_after_blank) = (skipped, false);
            continue;
        }
        if !is_item && (is_heading(text) || !is_indented && (is_after_blank || is_bold_heading(text))) {
            break;
        }
        if !is_item && !is_indented && lines.get(nth + 1).is_some_and(|next| is_underline(&body[next.clone()])) {
            break;
        }
        if let Some(number) = number_of(text).filter(|_| is_item && !is_indented) {
            // Counting begins anew: another list.
            if number <= 1 && last > 1 {
                break;
            }
            last = number;
        }
        count += usize::from(is_item);
        (end, is_after_blank) = (nth + 1, false);
    }
    (count, end)
}

/// The number of a numbered item.
fn number_of(text: &str) -> Option<u32> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    text[digits..].starts_with(['.', ')']).then(|| text[..digits].parse().ok()).flatten()
}

/// True for a line that is all bold, as a heading that is none.
fn is_bold_heading(text: &str) -> bool {
    let text = text.trim_end_matches(':');
    let inner = text.strip_prefix("**").and_then(|text| text.strip_suffix("**"));
    inner.is_some_and(|inner| !inner.trim().is_empty() && !inner.contains("**"))
}

/// True for a line that makes a heading of the one above it.
fn is_underline(text: &str) -> bool {
    text.len() > 1 && ['=', '-'].iter().any(|mark| text.chars().all(|c| c == *mark))
}

/// Where the paragraph before a block begins, and in which line it ends. Headings, tables, code, quotations and items are
/// no paragraph.
fn paragraph_before(body: &str, before: &[Range<usize>]) -> Option<Range<usize>> {
    let last = before.iter().rposition(|line| !line.is_empty())?;
    let of_paragraph = |line: &&Range<usize>| {
        let text = &body[(*line).clone()];
        !text.is_empty()
            && !is_heading(text)
            && !is_bold_heading(text)
            && !is_list_item(text)
            && !text.starts_with(['|', '`', '~', '>'])
    };
    let first = before[..=last].iter().rev().take_while(of_paragraph).last()?;
    Some(first.start..before[last].end)
}

fn paragraph(body: &str, before: &[Range<usize>]) -> Option<usize> {
    paragraph_before(body, before).map(|paragraph| paragraph.start)
}

/// The item that directly precedes, as far as it stands in one line.
fn item_before(body: &str, before: &[Range<usize>]) -> Option<Range<usize>> {
    before.iter().rev().find(|line| !line.is_empty()).filter(|line| is_list_item(&body[(*line).clone()])).cloned()
}

/// The last sentence of the paragraph before a list, or a line that is all bold.
fn lead(body: &str, before: &[Range<usize>]) -> Option<Range<usize>> {
    let last = before.iter().rev().find(|line| !line.is_empty())?;
    if is_bold_heading(&body[last.clone()]) {
        return Some(last.clone());
    }
    let paragraph = paragraph_before(body, before)?;
    let sentence = sentences(&body[paragraph.clone()]).pop()?;
    Some(paragraph.start + sentence.start..paragraph.start + sentence.end)
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
        let whole = quote(table, &all, &(0..table.len()), &(row..row + 9)).unwrap();
        assert_eq!((whole.range, whole.header), (0..table.find("\n\n").unwrap(), None));
    }

    /// What is quoted for a part of a text, whose passages are so long; the header first, where there is one.
    fn quoted(body: &str, part: &str, passage: usize) -> Option<Vec<String>> {
        let at = body.find(part).unwrap();
        let passage = (at / passage * passage)..(at / passage * passage + passage).min(body.len());
        let quote = quote(body, &lists(body), &passage, &(at..at + part.len()))?;
        assert_eq!(quote.text, body[quote.range.clone()]);
        Some(quote.header.map(|(_, text)| text).into_iter().chain([quote.text]).collect())
    }

    #[test]
    fn code_is_marked_by_fences_or_by_what_stands_before_it() {
        for (body, code) in [
            (
                "Kurun:\n\n    npm i\n\n    # sonra\n    npm run\n\nBitti.",
                "Kurun:\n\n    npm i\n\n    # sonra\n    npm run",
            ),
            ("Kurun:\n\n\tnpm i\n\tnpm run", "Kurun:\n\n\tnpm i\n\tnpm run"),
            ("# Kurulum\n    npm i\n", "    npm i"),
            ("    npm i\n\nBitti.", "    npm i"),
            ("Kurun:\n\n~~~\nnpm i\n~~~\n", "Kurun:\n\n~~~\nnpm i\n~~~"),
        ] {
            assert_eq!(found(body), [code], "{body}");
        }
        for none in ["Bir satır\n    ve devamı.", "- Madde\n\n    maddenin devamı\n", "1. Açın\n\n     ve bakın.\n"]
        {
            assert!(found(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn code_goes_with_each_sentence_of_the_paragraph_before_it_wherever_passages_end() {
        let body = "Kolaydır. Bir dakika sürer. Şunu çalıştırın.\n\n    npm i\n    npm run\n\nSonra bekleyin.";
        let code = "    npm i\n    npm run";
        for passage in [20, 47, 1_000] {
            for (part, text) in [
                ("Kolaydır.", "Kolaydır. Bir dakika sürer. Şunu çalıştırın.\n\n"),
                ("Bir dakika sürer.", "Bir dakika sürer. Şunu çalıştırın.\n\n"),
                ("Şunu çalıştırın.", "Şunu çalıştırın.\n\n"),
                ("npm run", "Şunu çalıştırın.\n\n"),
            ] {
                assert_eq!(quoted(body, part, passage), Some(vec![format!("{text}{code}")]), "{part} {passage}");
            }
            assert_eq!(quoted(body, "Sonra bekleyin.", passage), Some(vec!["Sonra bekleyin.".into()]));
        }
        let long = format!("Çalıştırın:\n\n```\n{}```\n", "npm run something\n".repeat(500));
        assert_eq!(quoted(&long, "Çalıştırın:", 500), None);
    }

    #[test]
    fn code_within_steps_belongs_to_them() {
        let indented = "Kurun:\n\n1. Şunu çalıştırın:\n\n   ```sh\n   # önce\n   npm i\n   ```\n\n2. Sonra şunu:\n   ```\n   npm run\n   ```\n\nBitti.";
        let flat = "Kurun:\n\n1. Şunu çalıştırın:\n\n```sh\n# önce\nnpm i\n```\n\n2. Sonra şunu:\n```\nnpm run\n```\n3. Bekleyin.\n\nBitti.";
        for body in [indented, flat] {
            let steps = body.strip_suffix("\n\nBitti.").unwrap();
            assert_eq!(found(body), [steps], "{body}");
            for passage in [30, 1_000] {
                assert_eq!(quoted(body, "Sonra şunu:", passage), Some(vec![steps.to_owned()]));
            }
        }
        // Below the last step it belongs to that, below one alone it goes with that.
        assert_eq!(
            found("Kurun:\n1. Açın.\n2. Çalıştırın:\n\n```\nnpm i\n```\n\nBitti."),
            ["Kurun:\n1. Açın.\n2. Çalıştırın:\n\n```\nnpm i\n```"]
        );
        assert_eq!(found("1. Çalıştırın:\n```\nnpm i\n```"), ["1. Çalıştırın:\n```\nnpm i\n```"]);
    }

    #[test]
    fn a_row_of_a_long_table_is_quoted_below_its_header() {
        for (edge, rule) in [("| ", "| --- | --- |"), ("", "--- | ---")] {
            let end = if edge.is_empty() { "" } else { " |" };
            let row = |left: &str, right: &str| format!("{edge}{left} | {right}{end}");
            let rows: String = (0..60).map(|n| row(&format!("Şehir {n}"), &format!("{n} gün")) + "\n").collect();
            let head = format!("{}\n{rule}", row("Şehir", "Süre"));
            let body = format!("Süreler şöyledir.\n\n{head}\n{rows}\nSon.");
            assert_eq!(
                quoted(&body, &row("Şehir 47", "47 gün"), 400),
                Some(vec![head.clone(), row("Şehir 47", "47 gün")]),
                "{body}"
            );
            let whole = quoted(&body, "Süreler şöyledir.", 400).unwrap().concat();
            assert!(whole.starts_with("Süreler") && whole.contains("Şehir 59"), "{whole}");
            let longer = body.replace("\nSon.", &rows.repeat(3));
            assert_eq!(quoted(&longer, "Süreler şöyledir.", 400), None);
            assert_eq!(quoted(&longer, &row("Şehir 47", "47 gün"), 400).unwrap().len(), 2);
        }
    }

    #[test]
    fn steps_of_one_thing_are_not_those_of_another() {
        for between in
            ["\n## Android\n\n", "\n## Android\n", "\n**Android**\n", "\n\n**Android:**\n\n", "\nAndroid\n---\n", "\n"]
        {
            let body = format!("iOS için:\n1. Ayarları açın.\n2. Silin.{between}1. Menüyü açın.\n2. Kaldırın.");
            let lists = found(&body);
            assert_eq!(lists[0], "iOS için:\n1. Ayarları açın.\n2. Silin.", "{between:?}");
            assert!(lists[1].ends_with("1. Menüyü açın.\n2. Kaldırın.") && !lists[1].contains("Silin"), "{lists:?}");
        }
        // Numbers that Markdown counts itself.
        assert_eq!(found("Yapın:\n1. Bir.\n1. İki.\n1. Üç.").len(), 1);
        let body = "# iOS\n1. Açın.\n2. Silin.\n# Android\n1. Açınız.\n2. Siliniz.";
        let section = |part: &str| quote(body, &lists(body), &(0..body.len()), &(body.find(part).unwrap()..body.len()));
        assert_ne!(section("1. Açın.").unwrap().section, section("1. Açınız.").unwrap().section);
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
        let quoted =
            |passage: &Range<usize>, part: &str| quote(body, &all, passage, &at(part)).map(|quote| &body[quote.range]);
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
        let range = |sentence: Range<usize>| quote(body, &all, &(0..body.len()), &sentence).map(|quote| quote.range);
        assert_eq!((range(0..27), range(29..44)), (Some(0..27), Some(0..body.len())));
    }
}
