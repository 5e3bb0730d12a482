//! Pages of HTML as Markdown: what a reader of the page sees, without what runs, styles, leads elsewhere or is hidden.

use std::{collections::HashMap, rc::Rc};

use htmd::{
    Element, HtmlToMarkdown, Node,
    element_handler::{HandlerResult, Handlers},
};
use markup5ever_rcdom::NodeData;

use super::markup;

/// Elements of a page that hold no text of its own.
const NO_TEXT: [&str; 19] = [
    "head", "script", "style", "noscript", "template", "iframe", "svg", "nav", "form", "object", "canvas", "button",
    "select", "datalist", "textarea", "audio", "video", "embed", "rp",
];
/// Elements within elements; a page that people read has far fewer.
const DEEPEST: usize = 200;
/// Columns of a table, and rows over which one cell may reach.
const COLUMNS_MAX: usize = 100;
const ROWS_MAX: usize = 10_000;
/// Bytes of a table, beyond which no article can be made of it.
const TABLE_MAX: usize = 4_000_000;

/// What a page says.
pub(super) struct Page {
    /// What stands in its `<title>`, in one line; may be empty.
    pub(super) title: String,
    pub(super) markdown: String,
}

/// Reads a page.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(page: &str) -> Result<Page, String> {
    let converter = HtmlToMarkdown::builder().skip_tags(NO_TEXT.to_vec());
    let converter = converter.add_handler(vec!["pre"], pre).add_handler(vec!["table"], table).build();
    if nests(page) > DEEPEST {
        return Err(too_deep());
    }
    let tree = converter.html_to_tree(page).map_err(|_| "The page cannot be read as HTML.".to_owned())?;
    let title = strip(&tree)?;
    Ok(Page { title, markdown: converter.tree_to_markdown(&tree).trim().to_owned() })
}

/// Takes out what is hidden, and returns the page's title.
fn strip(tree: &Rc<Node>) -> Result<String, String> {
    let mut title = None;
    let mut open = vec![(tree.clone(), 0)];
    while let Some((node, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err(too_deep());
        }
        node.children.borrow_mut().retain(|child| !is_hidden(child));
        if name_of(&node) == "head" {
            let children = node.children.borrow();
            title = title.or_else(|| children.iter().find(|child| name_of(child) == "title").map(text_of));
        }
        open.extend(node.children.borrow().iter().rev().map(|child| (child.clone(), depth + 1)));
    }
    Ok(title.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "))
}

fn too_deep() -> String {
    format!("The page has elements within elements more than {DEEPEST} deep; simplify it.")
}

/// How deep the elements of a page stand within each other, by its tags alone: the parser takes its time with many.
fn nests(page: &str) -> usize {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut deepest, mut at) = (0, 0, 0);
    while let Some(found) = page[at..].find('<') {
        at += found;
        let rest = &page[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            at += comment.find("-->").map_or(rest.len(), |end| end + 7);
            continue;
        }
        if !rest[1..].starts_with(|c: char| c == '/' || c.is_ascii_alphabetic()) {
            at += 1;
            continue;
        }
        // What has no end is dropped by every parser.
        let Some(tag) = markup::tag_of(rest) else {
            at += if rest.starts_with("</") { 2 } else { rest.len() };
            continue;
        };
        at += tag.length;
        let count = open.entry(tag.name.clone()).or_default();
        match (tag.closes, tag.name.as_str()) {
            (true, _) if *count > 0 => (*count, depth) = (*count - 1, depth - 1),
            (true, _) => {}
            (false, name @ ("script" | "style" | "textarea" | "title")) => {
                let ends = |(place, _): &(usize, &str)| {
                    page[at + place + 2..].get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name))
                };
                at = page[at..].match_indices("</").find(ends).map_or(page.len(), |(place, _)| at + place);
            }
            // Nothing stands in these, or the next of them ends them.
            (false, name) if FLAT.contains(&name) => {}
            (false, _) => (*count, depth) = (*count + 1, depth + 1),
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Elements that hold none, or that end where the next of their kind begins.
const FLAT: [&str; 31] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p",
    "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rp", "rt", "colgroup",
    "html", "body",
];

fn is_hidden(node: &Rc<Node>) -> bool {
    match &node.data {
        NodeData::Element { name, attrs, .. } => {
            let attributes = attrs.borrow();
            let attributes =
                attributes.iter().map(|attribute| (attribute.name.local.as_ref(), attribute.value.as_ref()));
            markup::is_hidden(&name.local, attributes)
        }
        NodeData::Comment { .. } => true,
        NodeData::Document
        | NodeData::Doctype { .. }
        | NodeData::Text { .. }
        | NodeData::ProcessingInstruction { .. } => false,
    }
}

/// The name of an element in small letters; empty for what is none.
fn name_of(node: &Node) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => &name.local,
        NodeData::Document
        | NodeData::Doctype { .. }
        | NodeData::Text { .. }
        | NodeData::Comment { .. }
        | NodeData::ProcessingInstruction { .. } => "",
    }
}

fn attribute(node: &Node, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    let attributes = attrs.borrow();
    attributes.iter().find(|attribute| &*attribute.name.local == wanted).map(|attribute| attribute.value.to_string())
}

/// All text below an element as it stands there.
fn text_of(node: &Rc<Node>) -> String {
    let mut text = String::new();
    let mut open = vec![node.clone()];
    while let Some(node) = open.pop() {
        match &node.data {
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            NodeData::Element { name, .. } if &*name.local == "br" => text.push('\n'),
            NodeData::Element { .. }
            | NodeData::Document
            | NodeData::Doctype { .. }
            | NodeData::Comment { .. }
            | NodeData::ProcessingInstruction { .. } => {}
        }
        open.extend(node.children.borrow().iter().rev().cloned());
    }
    text
}

/// Whether something below a table fits; tables within it are looked at and not into.
fn has(table: &Rc<Node>, fits: impl Fn(&str) -> bool) -> bool {
    let mut open: Vec<Rc<Node>> = table.children.borrow().clone();
    while let Some(node) = open.pop() {
        if fits(name_of(&node)) {
            return true;
        }
        if name_of(&node) != "table" {
            open.extend(node.children.borrow().iter().cloned());
        }
    }
    false
}

/// What is set as it was typed is code, whatever it is marked up with.
fn pre(_: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    let text = text_of(element.node);
    let text = text.trim_matches('\n').trim_end();
    if text.trim().is_empty() {
        return None;
    }
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let children = element.node.children.borrow();
    let inner = children.iter().filter(|child| name_of(child) == "code").find_map(language_of);
    let language = inner.or_else(|| language_of(element.node)).unwrap_or_default();
    Some(format!("\n\n{fence}{language}\n{text}\n{fence}\n\n").into())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// The language of code by its class: `language-sh`, `lang-sh`, `highlight-source-sh`.
fn language_of(node: &Rc<Node>) -> Option<String> {
    let class = attribute(node, "class")?;
    let prefixes = ["language-", "lang-", "highlight-source-"];
    let words = class.split_whitespace();
    let mut languages = words.filter_map(|word| prefixes.iter().find_map(|prefix| word.strip_prefix(prefix)));
    languages.next().filter(|word| !word.contains('`')).map(str::to_owned)
}

/// A cell.
#[derive(Clone, Debug, Default)]
struct Cell {
    text: Rc<str>,
    /// It is a heading.
    heads: bool,
    /// It is the cell to its left, which reaches to here.
    goes_on: bool,
}

/// A table in which every place has its cell: one that reaches over several stands in each of them.
#[derive(Debug, Default)]
struct Grid {
    rows: Vec<Vec<Cell>>,
    /// Rows that the page itself calls head.
    head: usize,
    /// Lines over the table: its caption, and rows of one cell above its head.
    above: Vec<String>,
}

fn table(handlers: &dyn Handlers, element: Element) -> Option<HandlerResult> {
    let headed = has(element.node, |name| name == "th" || name == "thead");
    // Tables that only arrange a page hold whole parts of it.
    let block = |name: &str| {
        matches!(name, "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "pre" | "blockquote")
    };
    if !headed && has(element.node, block) {
        return handlers.fallback(element);
    }
    let grid = grid(handlers, element.node);
    let columns = grid.rows.iter().map(Vec::len).max().unwrap_or_default();
    if grid.rows.is_empty() || columns < 2 && !headed {
        return handlers.fallback(element);
    }
    let (header, rows) = grid.header(columns);
    let mut text = String::from("\n\n");
    for line in &grid.above {
        text.push_str(&format!("{line}\n\n"));
    }
    text.push_str(&row(&header.iter().map(String::as_str).collect::<Vec<_>>(), columns));
    text.push_str(&format!("|{}\n", " --- |".repeat(columns)));
    for cells in &grid.rows[rows..] {
        let cells: Vec<&str> = cells.iter().map(|cell| &*cell.text).collect();
        text.push_str(&row(&cells, columns));
        if text.len() > TABLE_MAX {
            break;
        }
    }
    text.push('\n');
    Some(text.into())
}

fn row(cells: &[&str], columns: usize) -> String {
    let cell = |column: usize| cells.get(column).copied().filter(|text| !text.is_empty()).unwrap_or(" ");
    let cells = (0..columns).map(|column| format!(" {} |", cell(column)));
    format!("|{}\n", cells.collect::<String>())
}

/// Reads the cells of a table, each at its place.
fn grid(handlers: &dyn Handlers, table: &Rc<Node>) -> Grid {
    let mut grid = Grid::default();
    let mut foot = vec![];
    for part in table.children.borrow().iter() {
        match name_of(part) {
            "caption" => {
                let text = handlers.handle(part).map(|found| one_line(&found.content)).unwrap_or_default();
                grid.above.extend((!text.is_empty()).then_some(text));
            }
            "thead" => {
                let rows = rows(handlers, part);
                if grid.rows.is_empty() {
                    grid.head = rows.len();
                }
                grid.rows.extend(rows);
            }
            "tbody" => grid.rows.extend(rows(handlers, part)),
            "tfoot" => foot.extend(rows(handlers, part)),
            _ => {}
        }
    }
    grid.rows.append(&mut foot);
    let columns = grid.rows.iter().map(Vec::len).max().unwrap_or_default();
    let full = |cells: &Vec<Cell>| columns > 1 && cells.len() == columns && cells[1..].iter().all(|cell| cell.goes_on);
    // A row of one cell above the head says what the table is about; below, it opens a part of it.
    while grid.rows.len() > 1 && full(&grid.rows[0]) {
        let title = grid.rows.remove(0).swap_remove(0).text.to_string();
        grid.above.extend((!title.is_empty()).then_some(title));
        grid.head = grid.head.saturating_sub(1);
    }
    for cells in grid.rows.iter_mut().filter(|cells| full(cells)) {
        cells[1..].fill(Cell::default());
    }
    grid
}

/// The rows of a part of a table.
fn rows(handlers: &dyn Handlers, part: &Rc<Node>) -> Vec<Vec<Cell>> {
    let children = part.children.borrow();
    let rows: Vec<&Rc<Node>> = children.iter().filter(|row| name_of(row) == "tr").collect();
    let mut reaching: HashMap<usize, (usize, Cell)> = HashMap::new();
    let mut found = vec![];
    for (number, row) in rows.iter().enumerate() {
        let mut cells: Vec<Cell> = vec![];
        let mut fill = |cells: &mut Vec<Cell>| {
            while let Some((left, cell)) = reaching.get_mut(&cells.len()).filter(|(left, _)| *left > 0) {
                *left -= 1;
                cells.push(cell.clone());
            }
        };
        let mut begun = vec![];
        for node in row.children.borrow().iter().filter(|node| matches!(name_of(node), "td" | "th")) {
            fill(&mut cells);
            let text = handlers.handle(node).map(|found| one_line(&found.content)).unwrap_or_default();
            let mut cell = Cell { text: text.into(), heads: name_of(node) == "th", goes_on: false };
            let span = |name| attribute(node, name).and_then(|span| span.trim().parse::<usize>().ok());
            let below = match span("rowspan").unwrap_or(1) {
                // To the end of its part.
                0 => rows.len() - number - 1,
                span => span.min(ROWS_MAX) - 1,
            };
            for _ in 0..span("colspan").unwrap_or(1).clamp(1, COLUMNS_MAX) {
                if cells.len() >= COLUMNS_MAX {
                    break;
                }
                begun.push((cells.len(), (below, cell.clone())));
                cells.push(cell.clone());
                cell.goes_on = true;
            }
        }
        fill(&mut cells);
        reaching.extend(begun);
        if cells.iter().any(|cell| !cell.text.is_empty()) {
            found.push(cells);
        }
    }
    found
}

/// What a cell says, fit for a row of a table.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

impl Grid {
    /// What the columns are called, and how many rows say it.
    fn header(&self, columns: usize) -> (Vec<String>, usize) {
        let headings =
            self.rows.iter().take_while(|row| row.iter().all(|cell| cell.heads || cell.text.is_empty())).count();
        let rows = match (self.head, headings) {
            (0, 0) => usize::from(self.begins_with_names(columns)),
            // A table of nothing but headings.
            (0, all) if all == self.rows.len() => 1,
            (0, headings) => headings,
            (head, _) => head.min(self.rows.len()),
        };
        let name = |column: usize| {
            let mut parts: Vec<&str> = vec![];
            for cell in self.rows[..rows].iter().filter_map(|row| row.get(column)) {
                if !cell.text.is_empty() && parts.last() != Some(&&*cell.text) {
                    parts.push(&cell.text);
                }
            }
            parts.join(" ")
        };
        ((0..columns).map(name).collect(), rows)
    }

    /// Whether the first row of a table that marks no head names its columns. Where it may as well be one of the rows, the
    /// columns have no names: a wrong one would change what the others say.
    fn begins_with_names(&self, columns: usize) -> bool {
        let [first, others @ ..] = self.rows.as_slice() else { return false };
        let strong = |cell: &Cell| cell.text.len() > 4 && cell.text.starts_with("**") && cell.text.ends_with("**");
        let counts = |cell: &Cell| cell.text.contains(|c: char| c.is_ascii_digit());
        if others.is_empty() || first.iter().any(|cell| cell.heads) {
            return false;
        }
        first.iter().all(|cell| strong(cell) || cell.text.is_empty())
            || !first.iter().any(counts) && (columns > 2 || others.iter().any(|row| row.iter().skip(1).any(counts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(page: &str) -> String {
        read(page).unwrap().markdown
    }

    #[test]
    fn tables_keep_every_cell_at_its_place() {
        for (page, expected) in [
            (
                "<table><thead><tr><th>Ürün</th><th>Fiyat</th></tr></thead><tbody><tr><td>Elma</td><td>3</td></tr></tbody></table>",
                "| Ürün | Fiyat |\n| --- | --- |\n| Elma | 3 |",
            ),
            // Headings of rows.
            (
                "<table><tr><th></th><th>Yurt içi</th><th>Yurt dışı</th></tr><tr><th>Kargo</th><td>30 TL</td><td>90 TL</td></tr></table>",
                "|   | Yurt içi | Yurt dışı |\n| --- | --- | --- |\n| Kargo | 30 TL | 90 TL |",
            ),
            (
                "<table><tr><th>Ağırlık</th><td>2 kg</td></tr><tr><th>Renk</th><td>Mavi</td></tr></table>",
                "|   |   |\n| --- | --- |\n| Ağırlık | 2 kg |\n| Renk | Mavi |",
            ),
            // Cells that reach over several.
            (
                "<table><tr><th>Gün</th><th>Saat</th></tr><tr><td rowspan=2>Pazartesi</td><td>9</td></tr><tr><td>14</td></tr><tr><td>Salı</td><td>10</td></tr></table>",
                "| Gün | Saat |\n| --- | --- |\n| Pazartesi | 9 |\n| Pazartesi | 14 |\n| Salı | 10 |",
            ),
            (
                "<table><tr><th rowspan=2>Bölge</th><th colspan=2>Süre</th></tr><tr><th>Hızlı</th><th>Normal</th></tr><tr><td>Ankara</td><td>1</td><td>3</td></tr><tr><td>Van</td><td colspan='2'>4</td></tr></table>",
                "| Bölge | Süre Hızlı | Süre Normal |\n| --- | --- | --- |\n| Ankara | 1 | 3 |\n| Van | 4 | 4 |",
            ),
            (
                "<table><tr><th>A</th><th>B</th></tr><tr><td rowspan=0>x</td><td>1</td></tr><tr><td>2</td></tr></table>",
                "| A | B |\n| --- | --- |\n| x | 1 |\n| x | 2 |",
            ),
            // Rows of one cell: what the table is about, and what a part of it is.
            (
                "<table><caption>Ücretler</caption><tr><th colspan=2>2026</th></tr><tr><th>Bölge</th><th>Ücret</th></tr><tr><td colspan=2>Yurt içi</td></tr><tr><td>Ankara</td><td>30</td></tr></table>",
                "Ücretler\n\n2026\n\n| Bölge | Ücret |\n| --- | --- |\n| Yurt içi |   |\n| Ankara | 30 |",
            ),
            // No headings at all.
            (
                "<table><tr><td>Ürün</td><td>Fiyat</td></tr><tr><td>Elma</td><td>3 TL</td></tr></table>",
                "| Ürün | Fiyat |\n| --- | --- |\n| Elma | 3 TL |",
            ),
            (
                "<table><tr><td><b>Şehir</b></td><td><b>Bölge</b></td></tr><tr><td>Van</td><td>Doğu</td></tr></table>",
                "| **Şehir** | **Bölge** |\n| --- | --- |\n| Van | Doğu |",
            ),
            (
                "<table><tr><td>Ağırlık</td><td>2 kg</td></tr><tr><td>Boy</td><td>30 cm</td></tr></table>",
                "|   |   |\n| --- | --- |\n| Ağırlık | 2 kg |\n| Boy | 30 cm |",
            ),
            // Two lines, lists and bars in cells; a foot before the body.
            (
                "<table><thead><tr><th>A</th><th>B</th></tr></thead><tfoot><tr><td>Toplam</td><td>3</td></tr></tfoot><tbody><tr><td>x<br>y</td><td>1 | 2</td></tr></tbody></table>",
                "| A | B |\n| --- | --- |\n| x y | 1 \\| 2 |\n| Toplam | 3 |",
            ),
        ] {
            assert_eq!(body(page), expected, "{page}");
        }
    }

    #[test]
    fn tables_that_arrange_a_page_are_no_tables() {
        let text = body("<table><tr><td><h2>Kargo</h2><p>İki gün.</p></td><td><ul><li>Bir</li></ul></td></tr></table>");
        assert!(text.contains("## Kargo") && text.contains("İki gün.") && !text.contains('|'), "{text}");
        assert_eq!(body("<table><tr><td>Yalnız metin.</td></tr></table>"), "Yalnız metin.");
        let wide = format!(
            "<table><tr><th colspan=99999999>A</th></tr><tr>{}</tr></table>",
            "<td rowspan=99999999>x</td>".repeat(300)
        );
        assert!(body(&wide).lines().all(|line| line.len() < 2_000));
    }

    #[test]
    fn what_is_set_as_typed_is_code() {
        for (page, expected) in [
            ("<pre>a\n  b &lt;c&gt;\n</pre>", "```\na\n  b <c>\n```"),
            ("<pre><code class='language-sh'>x --run\n</code></pre>", "```sh\nx --run\n```"),
            ("<pre class='lang-js'><span>let</span> <b>x</b>;<br>y</pre>", "```js\nlet x;\ny\n```"),
            ("<pre><code>bir</code>\n<code>iki</code></pre>", "```\nbir\niki\n```"),
            ("<pre>a ``` b</pre>", "````\na ``` b\n````"),
            ("<pre> \n</pre><p>x</p>", "x"),
            ("<pre># kurulum\n*y*</pre>", "```\n# kurulum\n*y*\n```"),
        ] {
            assert_eq!(body(page), expected, "{page}");
        }
    }

    #[test]
    fn what_a_page_hides_is_not_read() {
        for hidden in [
            "<p hidden>gizli</p>",
            "<div style='display: none'><p>gizli</p></div>",
            "<span style=\"VISIBILITY:hidden !important\">gizli</span>",
            "<i aria-hidden=true>gizli</i>",
            "<template><p>gizli</p></template>",
            "<noscript>gizli</noscript>",
            "<!-- gizli -->",
            "<dialog>gizli</dialog>",
            "<script>gizli</script>",
            "<select><option>gizli</option></select>",
            "<textarea>gizli</textarea>",
            "<svg><title>gizli</title></svg>",
            "<table><tr><td>a</td><td hidden>gizli</td></tr></table>",
            "<pre><span hidden>gizli</span></pre>",
        ] {
            let text = body(&format!("<p>önce</p>{hidden}<p>sonra</p>"));
            assert!(text.contains("önce") && text.contains("sonra") && !text.contains("gizli"), "{hidden}: {text}");
        }
        let text = body("<details><summary>Soru</summary><p>Cevap</p></details><div hidden=until-found>Bulunur</div>");
        assert!(text.contains("Soru") && text.contains("Cevap") && text.contains("Bulunur"), "{text}");
        assert_eq!(read("<head><!-- <title>a</title> --><title>b &amp;\n c</title></head>").unwrap().title, "b & c");
    }

    #[test]
    fn a_page_without_end_is_refused() {
        let page = "<div>".repeat(500_000);
        assert!(read(&page).is_err_and(|error| error.contains("200 deep")));
        assert_eq!(body(&format!("{}x", "<div>".repeat(150))), "x");
    }
}
