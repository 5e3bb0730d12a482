//! Cuts an article's Markdown into passages: what is searched for, shown and cited.
//!
//! A passage is a literal part of the body, so a quotation can be checked against the version it was taken from. It ends
//! at a paragraph, else at a sentence (in a table at a row, in code at a line), else at a space, and never inside what a
//! reader sees as one character. A heading opens a passage and stays with what it heads; a list that fits stays whole,
//! with the sentence before it. Passages do not overlap and together hold every letter and digit.

use std::ops::Range;

use exact_index::text::{is_list_item, sentences};

use super::{
    context::{cut, is_heading},
    lists::{List, is_indented_code, is_rule_of_table, lists},
};

/// Characters of a passage. Measured on support questions: 800 finds less, 250 little more at twice the cost.
const SIZE: usize = 500;

/// Byte ranges of the passages of a Markdown text, in order.
pub(super) fn chunks(body: &str) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = vec![];
    let mut open: Option<Range<usize>> = None;
    let mut has_text = false;
    for (piece, heads) in units(body).into_iter().flat_map(|block| pieces(body, block)) {
        let joined = open.as_ref().map(|open| open.start..piece.end);
        match joined {
            Some(joined) if !(heads && has_text) && length(&body[joined.clone()]) <= SIZE => open = Some(joined),
            // A heading alone is no passage: it takes what follows, even when that is a little too long.
            Some(joined) if !has_text && !heads => open = Some(joined),
            Some(_) | None => {
                chunks.extend(open.replace(piece));
                has_text = false;
            }
        }
        has_text |= !heads;
    }
    chunks.extend(open);
    chunks.retain(|chunk| body[chunk.clone()].chars().any(char::is_alphanumeric));
    chunks
}

/// Byte ranges of what an embedder compares a question with one by one: the sentences of a passage.
pub(super) fn sentences_of(passage: &str) -> Vec<Range<usize>> {
    sentences(passage)
}

/// The header of the table that a passage begins in the middle of: what its first row means.
pub(super) fn header_of<'a>(body: &'a str, passage: &Range<usize>) -> Option<&'a str> {
    let table =
        blocks(body).into_iter().find(|block| block.kind == Kind::Table && block.range.contains(&passage.start))?;
    let header = body[table.range.clone()].lines().next()?.trim();
    (passage.start > table.range.start + header.len()).then_some(header)
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Heading,
    Table,
    /// Between fences, or indented: what it holds is neither heading nor list.
    Code,
    Text,
}

/// A part of a text that belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    range: Range<usize>,
    kind: Kind,
}

/// The blocks, but each list that fits into a passage is one together with the sentence before it, also where blank lines
/// stand between its items.
fn units(body: &str) -> Vec<Block> {
    let mut units = blocks(body);
    let text = |range| Block { range, kind: Kind::Text };
    for list in lists(body).iter().map(List::whole).filter(|list| length(&body[list.clone()]) <= SIZE) {
        let first = units.partition_point(|unit| unit.range.end <= list.start);
        let end = units.partition_point(|unit| unit.range.start < list.end);
        let Some(held) = units.get(first..end).filter(|held| held.iter().all(|unit| unit.kind != Kind::Code)) else {
            continue;
        };
        let Some((start, stop)) = held.first().zip(held.last()).map(|(one, other)| (one.range.start, other.range.end))
        else {
            continue;
        };
        let parts = [visible(body, start..list.start), Some(list.clone()), visible(body, list.end..stop)];
        units.splice(first..end, parts.into_iter().flatten().map(text));
    }
    units
}

/// Paragraphs, lists, tables, code: runs of lines that are not blank, or stand between fences, or are indented below a
/// blank line and belong to no list; a heading is a block of its own.
fn blocks(body: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = vec![];
    let mut open: Option<Block> = None;
    let mut fence: Option<&str> = None;
    // Indented lines go on with what an item says.
    let mut is_in_list = false;
    let mut before = 0..0;
    let mut start = 0;
    for line in body.split_inclusive('\n') {
        let trimmed = line.trim();
        let from = start + line.len() - line.trim_start().len();
        let here = from..(from + trimmed.len()).max(from);
        start += line.len();
        if let Some(mark) = fence {
            if let Some(open) = open.as_mut().filter(|_| !trimmed.is_empty()) {
                open.range.end = here.end;
            }
            if trimmed.starts_with(mark) && trimmed.trim_start_matches(&mark[..1]).is_empty() {
                fence = None;
                blocks.extend(open.take());
            }
        } else if is_indented_code(body, &here) && !is_in_list && may_be_code(&open, &blocks, &body[before.clone()]) {
            match blocks.pop_if(|last| open.is_none() && last.kind == Kind::Code && is_indented_block(body, last)) {
                // Blank lines within code.
                Some(code) => open = Some(Block { range: code.range.start..here.end, kind: Kind::Code }),
                None => match &mut open {
                    Some(code) => code.range.end = here.end,
                    None => open = Some(Block { range: here.clone(), kind: Kind::Code }),
                },
            }
        } else if let Some(mark) = fence_of(trimmed) {
            fence = Some(mark);
            blocks.extend(open.replace(Block { range: here.clone(), kind: Kind::Code }));
        } else if trimmed.is_empty() {
            blocks.extend(open.take());
        } else if is_heading(trimmed) {
            blocks.extend(open.take());
            blocks.push(Block { range: here.clone(), kind: Kind::Heading });
        } else if is_rule_of_table(trimmed)
            && body[before.clone()].contains('|')
            && open.as_ref().is_some_and(|open| open.kind == Kind::Text)
        {
            // The line before is the header; what stands above it is no part of the table.
            let above = open.take().and_then(|open| visible(body, open.range.start..before.start));
            blocks.extend(above.map(|range| Block { range, kind: Kind::Text }));
            open = Some(Block { range: before.start..here.end, kind: Kind::Table });
        } else {
            match &mut open {
                Some(block) if block.kind == Kind::Text || block.kind == Kind::Table && trimmed.contains('|') => {
                    block.range.end = here.end;
                }
                _ => blocks.extend(open.replace(Block { range: here.clone(), kind: Kind::Text })),
            }
        }
        if fence.is_none() && !trimmed.is_empty() && !body[..here.start].ends_with([' ', '\t']) {
            is_in_list = is_list_item(trimmed) || is_in_list && !body[before.clone()].is_empty();
        }
        before = here;
    }
    blocks.extend(open);
    blocks
}

/// Whether an indented line may be code: below a blank line, a heading, or other such code.
fn may_be_code(open: &Option<Block>, blocks: &[Block], before: &str) -> bool {
    match open {
        Some(open) => open.kind == Kind::Code,
        None => before.is_empty() || blocks.last().is_some_and(|last| last.kind == Kind::Heading),
    }
}

/// True for code that no fence opens.
fn is_indented_block(body: &str, block: &Block) -> bool {
    let first = body[block.range.clone()].lines().next().unwrap_or_default();
    fence_of(first).is_none()
}

/// The mark that opens a block of code: three or more backticks or tildes.
fn fence_of(line: &str) -> Option<&str> {
    ["`", "~"].into_iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(mark).len();
        // `code` in a line of its own is no fence.
        (length >= 3 && !(mark == "`" && line[length..].contains('`'))).then(|| &line[..length])
    })
}

/// A block as it is when it is short enough, else its sentences, and of a sentence that is too long, parts; of tables and
/// code their lines. With each, whether it is a heading.
fn pieces(body: &str, block: Block) -> Vec<(Range<usize>, bool)> {
    let Block { range: block, kind } = block;
    if length(&body[block.clone()]) <= SIZE {
        return vec![(block, kind == Kind::Heading)];
    }
    let mut pieces = vec![];
    let mut from = block.start;
    let text = &body[block.clone()];
    let mut ends: Vec<usize> = match kind {
        Kind::Heading | Kind::Text => sentences(text).into_iter().map(|sentence| block.start + sentence.end).collect(),
        // The header and the rule below it are no rows.
        Kind::Table => line_ends(text).skip(2).map(|end| block.start + end).collect(),
        Kind::Code => line_ends(text).map(|end| block.start + end).collect(),
    };
    // What stands behind the last sentence (marks without letters) goes with it.
    match ends.last_mut() {
        Some(last) => *last = block.end,
        None => ends.push(block.end),
    }
    for end in ends {
        while length(&body[from..end]) > SIZE {
            let at = from + cut(&body[from..end], SIZE).len();
            if at == from || at == end {
                break;
            }
            pieces.extend(visible(body, from..at));
            from = at;
        }
        pieces.extend(visible(body, from..end));
        from = end;
    }
    pieces.into_iter().map(|piece| (piece, false)).collect()
}

fn line_ends(text: &str) -> impl Iterator<Item = usize> {
    text.split_inclusive('\n').scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    })
}

/// The range without the white space around it; nothing when that is all.
fn visible(body: &str, range: Range<usize>) -> Option<Range<usize>> {
    let part = &body[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    let text = part.trim();
    (!text.is_empty()).then(|| start..start + text.len())
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(body: &str) -> Vec<&str> {
        chunks(body).into_iter().map(|range| &body[range]).collect()
    }

    #[test]
    fn short_paragraphs_share_a_passage_and_long_ones_do_not() {
        assert_eq!(cut_up("Bir.\n\nİki.\n"), ["Bir.\n\nİki."]);
        let paragraph = format!("{}.", "ş".repeat(300));
        let body = format!("{paragraph}\n\n{paragraph}");
        assert_eq!(cut_up(&body), [paragraph.as_str(), paragraph.as_str()]);
    }

    #[test]
    fn a_heading_opens_a_passage_and_stays_with_its_section() {
        let body = "Giriş.\n\n# Kargo\n\nÜcretsiz.\n## Süre\nİki gün.\n\n# İade\nOn dört gün.";
        assert_eq!(cut_up(body), ["Giriş.", "# Kargo\n\nÜcretsiz.", "## Süre\nİki gün.", "# İade\nOn dört gün."]);
        let long = format!("# Başlık\n\n{}", "a".repeat(498));
        assert_eq!(cut_up(&long).len(), 1);
    }

    #[test]
    fn headings_in_a_row_go_together() {
        assert_eq!(cut_up("# Yardım\n## Kargo\nÜcretsiz."), ["# Yardım\n## Kargo\nÜcretsiz."]);
        assert_eq!(cut_up("# Yalnız"), ["# Yalnız"]);
    }

    #[test]
    fn a_long_paragraph_is_cut_between_sentences() {
        let sentence = "Siparişiniz kargoya verildiğinde size bir takip numarası göndeririz. ";
        let body = sentence.repeat(20);
        let found = cut_up(&body);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|chunk| chunk.ends_with("göndeririz.") && chunk.chars().count() <= SIZE));
    }

    #[test]
    fn a_list_that_fits_stays_whole_with_the_sentence_before_it() {
        let filler = format!("{}.", "ş".repeat(300));
        let list = format!("Şunları yapın:\n\n1. Açın: {0}.\n\n2. Kapatın: {0}.", "a".repeat(90));
        let body = format!("{filler} {list}\n\nSon.");
        assert_eq!(cut_up(&body), [filler.clone(), format!("{list}\n\nSon.")]);
        let long = format!("Do this:\n\n1. {0}.\n\n2. {0}.", "a".repeat(300));
        assert_eq!(cut_up(&long), [format!("Do this:\n\n1. {}.", "a".repeat(300)), format!("2. {}.", "a".repeat(300))]);
    }

    #[test]
    fn a_hash_in_code_is_no_heading() {
        let body = "Çalıştırın:\n\n```sh\n# kurulum\napt install x\n\n# başlat\nx --run\n```\n\nBitti.";
        assert_eq!(cut_up(body), [body]);
        let body = "~~~\n# a\n~~~\n# Başlık\nMetin.";
        assert_eq!(cut_up(body), ["~~~\n# a\n~~~", "# Başlık\nMetin."]);
        assert_eq!(cut_up("````\n```\n# a\n````"), ["````\n```\n# a\n````"]);
    }

    #[test]
    fn indented_code_is_code() {
        let code = "    # kurulum\n    apt install x\n\n    # başlat\n    x --run";
        let body = format!("Çalıştırın:\n\n{code}\n\nBitti.");
        assert_eq!(cut_up(&body), [body.as_str()]);
        let kinds = |body: &str| blocks(body).into_iter().map(|block| block.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&body), [Kind::Text, Kind::Code, Kind::Text]);
        assert_eq!(kinds("- Bir\n\n    # devamı\n\n- İki"), [Kind::Text, Kind::Heading, Kind::Text]);
        assert_eq!(kinds("Metin\n    devamı"), [Kind::Text]);
        assert_eq!(kinds("# A\n\tkod\n\nMetin"), [Kind::Heading, Kind::Code, Kind::Text]);
        assert_eq!(kinds("```\na\n```\n\n    b"), [Kind::Code, Kind::Code]);
        // Longer code is cut between lines.
        let long = format!("{}\n\nMetin.", "    x --run --with-many-words\n".repeat(40));
        assert!(cut_up(&long).iter().all(|part| {
            part.lines().all(|line| line.trim() == "x --run --with-many-words" || line == "Metin." || line.is_empty())
        }));
    }

    #[test]
    fn a_long_table_is_cut_between_rows_and_its_header_stays_known() {
        let rows: String = (0..40).map(|n| format!("| Ürün {n}. sınıf | {n} gün. Uzatılabilir |\n")).collect();
        let body = format!("Süreler:\n| Ürün | Süre |\n| --- | ---: |\n{rows}\nSon.");
        let found = chunks(&body);
        assert!(found.len() > 3);
        for passage in &found {
            let text = &body[passage.clone()];
            assert!(text.lines().all(|line| !line.starts_with("| Ürün ") || line.ends_with(" |")), "{text}");
            let header = header_of(&body, passage);
            assert_eq!(header.is_some(), text.starts_with("| Ürün ") && !text.starts_with("| Ürün |"), "{text}");
            assert!(header.is_none_or(|header| header == "| Ürün | Süre |"));
        }
    }

    #[test]
    fn every_letter_is_in_exactly_one_passage() {
        let family = "👩‍👩‍👧‍👦";
        let bodies = [
            "kelime ".repeat(400),
            "x".repeat(2_000),
            family.repeat(700),
            format!("# A\n{}\n\n- b\n- c\n\n```\nlet x;\n\nlet y;\n```\n\n***\n", "Bir cümle. ".repeat(150)),
            "e\u{301}".repeat(1_200),
            "Bir. İki:\n\n- üç\n\n- dört\n  beş\nAltı\n\nYedi. ".repeat(40),
            "\r\n\r\n ".into(),
            String::new(),
        ];
        for body in bodies {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            let parts = chunks(&body);
            assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert_eq!(parts.iter().map(|part| letters(&body[part.clone()])).collect::<String>(), letters(&body));
            for part in parts {
                assert!(!body[part.clone()].starts_with(['\u{301}', '\u{200d}']), "{:?}", &body[part]);
            }
        }
    }
}
