//! Custom CSS: read token by token as browsers do, and refused where it would load anything. What a stylesheet loads can
//! carry what a visitor types to somebody else.

use cssparser::{BasicParseError, ParseError, Parser, SourceLocation, Token};

use crate::kernel::{Error, ErrorReason, Result, text};

const FIELD: &str = "input.customCss";
/// Characters.
const MOST: usize = 20_000;
/// Rules within rules.
const DEPTH: u8 = 20;
/// What may stand after an `@`; none of these loads anything. Vendors' prefixes are left out.
const AT_RULES: &[&str] =
    &["container", "keyframes", "layer", "media", "property", "scope", "starting-style", "supports"];
/// Functions that load what they name. Vendors' prefixes are left out.
const LOADING: &[&str] = &["image", "image-set", "src", "url", "url-prefix"];
/// Stands after the text: whoever does not meet it at the end has left something open.
const END: &str = "yanit-end-of-custom-css";

/// What is wrong with a stylesheet, and where.
#[derive(Clone, Debug, PartialEq)]
struct Problem {
    at: SourceLocation,
    what: String,
}

/// Checks custom CSS.
///
/// # Errors
/// `BAD_USER_INPUT` naming line and column: for what would load something, for what cannot be read, and for too much.
pub(super) fn check(css: &str) -> Result<()> {
    text::of_text(FIELD, css)?;
    let count = text::length(css);
    if count > MOST {
        let message = format!("`{FIELD}` has {count} characters; at most {MOST} are allowed.");
        return Err(Error::bad_input(FIELD, ErrorReason::TooLong, message));
    }
    read(css).map_err(|Problem { at, what }| {
        let message = format!("`{FIELD}`, line {}, column {}: {what}", at.line + 1, at.column);
        Error::bad_input(FIELD, ErrorReason::InvalidFormat, message)
    })
}

fn read(css: &str) -> Result<(), Problem> {
    if let Some(place) = css.find("</") {
        // Within a page it could end the element that it stands in.
        return Err(Problem { at: location(css, place), what: "`</` is not allowed; leave it out.".into() });
    }
    let text = format!("{css}\n{END}");
    let mut parser = Parser::new(&text);
    parser.set_nested_block_limit(DEPTH);
    match walk(&mut parser, None) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let what = "A comment or a text is not closed at the end.".into();
            Err(Problem { at: location(css, css.len()), what })
        }
        Err(problem) => Err(problem),
    }
}

/// Reads the tokens of a block; `opened` is where it begins, or nothing for the whole text. True when the text ended in it.
fn walk(parser: &mut Parser<'_>, opened: Option<SourceLocation>) -> Result<bool, Problem> {
    loop {
        parser.skip_whitespace();
        let at = parser.current_source_location();
        let refuse = |what: String| Err(Problem { at, what });
        let token = match parser.next() {
            Ok(token) => token.clone(),
            // The end of the block or, without one, of the text.
            Err(BasicParseError { .. }) => return Ok(false),
        };
        match &token {
            Token::Ident(name) if **name == *END => {
                return match opened {
                    None => Ok(true),
                    Some(at) => Err(Problem { at, what: "What is opened here is not closed.".into() }),
                };
            }
            Token::UnquotedUrl(_) | Token::BadUrl(_) => return refuse(loads("url()")),
            Token::Function(name) if LOADING.contains(&plain(name).as_str()) => {
                return refuse(loads(&format!("{}()", name.to_ascii_lowercase())));
            }
            Token::AtKeyword(name) if !AT_RULES.contains(&plain(name).as_str()) => {
                let name = name.to_ascii_lowercase();
                return refuse(format!("`@{name}` is not allowed: custom CSS must not load anything. Leave it out."));
            }
            Token::BadString(_) => return refuse("A text is not closed on its line.".into()),
            Token::CloseParenthesis | Token::CloseSquareBracket | Token::CloseCurlyBracket => {
                return refuse("This closes what was not opened.".into());
            }
            Token::Function(_) | Token::ParenthesisBlock | Token::SquareBracketBlock | Token::CurlyBracketBlock => {
                let mut found = Ok(false);
                let nested = parser.parse_nested_block(|inner| {
                    found = walk(inner, Some(at));
                    // What is left of the block after a problem does not count.
                    Ok::<_, ParseError<()>>(())
                });
                found?;
                if nested.is_err() {
                    return refuse(format!("Blocks nest more than {DEPTH} deep."));
                }
            }
            Token::Ident(_)
            | Token::AtKeyword(_)
            | Token::Hash(_)
            | Token::IDHash(_)
            | Token::QuotedString(_)
            | Token::Delim(_)
            | Token::Number { .. }
            | Token::Percentage { .. }
            | Token::Dimension { .. }
            | Token::WhiteSpace(_)
            | Token::Comment(_)
            | Token::Colon
            | Token::Semicolon
            | Token::Comma
            | Token::IncludeMatch
            | Token::DashMatch
            | Token::PrefixMatch
            | Token::SuffixMatch
            | Token::SubstringMatch
            | Token::CDO
            | Token::CDC => {}
        }
    }
}

fn loads(what: &str) -> String {
    format!("`{what}` is not allowed: custom CSS must not load anything. Leave it out.")
}

/// A name in lower case without a vendor's prefix: `image-set` of `-webkit-image-set`. Escapes are resolved already.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let unprefixed = name.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| rest.split_once('-'));
    unprefixed.map_or(name.clone(), |(_, rest)| rest.to_owned())
}

/// Line and column of a byte of the text; columns count characters.
fn location(css: &str, place: usize) -> SourceLocation {
    let before = &css[..place];
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    SourceLocation { line: number(line), column: number(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line and column of the problem, from 1.
    fn place(css: &str) -> Option<(u32, u32)> {
        read(css).err().map(|problem| (problem.at.line + 1, problem.at.column))
    }

    #[test]
    fn what_loads_nothing_is_fine() {
        for css in [
            "",
            ".yanit { color: #4F46E5; --gap: 4px; width: calc(100% - var(--gap)); }",
            "@media (max-width: 600px) { .a { & > .b:not(.c) { display: none } } }",
            "@keyframes in { from { opacity: 0 } to { opacity: 1 } } @-webkit-keyframes in { to { opacity: 1 } }",
            "@layer a, b; @supports (display: grid) { .a { background: linear-gradient(red, blue) } }",
            ".a::before { content: \"url(x) @import\" } /* url(x) @import */",
            ".url { color: red } #image-set { color: red } .a[data-x=\"@import\"] { color: red }",
        ] {
            assert_eq!(read(css), Ok(()), "{css}");
        }
    }

    #[test]
    fn what_would_load_something_is_refused_however_it_is_written() {
        for (css, at) in [
            (".a { background: url(https://evil.example/x) }", (1, 18)),
            (".a { background: url('x') }", (1, 18)),
            (".a { background: URL( \"x\" ) }", (1, 18)),
            (".a {\n  background: u\\72l(x) }", (2, 15)),
            (".a { background: \\75\\72\\6c(x) }", (1, 18)),
            (".a { background: \\000075 rl(\"x\") }", (1, 18)),
            (".a { background: url(a b) }", (1, 18)),
            (".a { background: image-set('x' 1x) }", (1, 18)),
            (".a { background: -WebKit-image-set(\"x\" 1x) }", (1, 18)),
            (".a { background: image('x') }", (1, 18)),
            (".a { mask: src(\"x\") }", (1, 12)),
            (".a { background: linear-gradient(red, url(x)) }", (1, 39)),
            (".a { --x: { y: [ (url(x)) ] } }", (1, 19)),
            ("@media print { .a { .b { background: url(x) } } }", (1, 38)),
            ("@import 'x';", (1, 1)),
            ("@IMPORT url(x);", (1, 1)),
            ("@\\69mport 'x';", (1, 1)),
            ("/**/\n\n  @i\\6d port 'x';", (3, 3)),
            ("@font-face { font-family: x }", (1, 1)),
            ("@namespace 'x';", (1, 1)),
            ("@charset 'utf-8';", (1, 1)),
            ("@document url-prefix('x') {}", (1, 1)),
            (".a { @import 'x'; }", (1, 6)),
            ("/* ü */ .ö { background: url(x) }", (1, 26)),
        ] {
            assert_eq!(place(css), Some(at), "{css}: {:?}", read(css));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (css, at) in [
            (".a { color: red", (1, 4)),
            (".a { color: red }\n.b { color: rgb(1, 2", (2, 13)),
            (".a { color: red } }", (1, 19)),
            (".a { content: \"x\n }", (1, 15)),
            (".a { color: red } /* x", (1, 23)),
            (".a { color: red } \"x\\", (1, 22)),
            (".a { content: \"</style><script>\" }", (1, 16)),
        ] {
            assert_eq!(place(css), Some(at), "{css}: {:?}", read(css));
        }
        assert!(read(&format!("{}{}", "(".repeat(50_000), ")".repeat(50_000))).is_err(), "too deep");
        assert!(check(&"x".repeat(MOST + 1)).is_err());
    }
}
