//! What a model says, without the machinery of its template: thoughts, channels, tool calls and special tokens.
//!
//! Servers that do not know a model's template pass on what the model really wrote: `<think>…</think>` before the answer,
//! `<|channel|>analysis<|message|>…` of harmony, `<|im_end|>` after it. The text comes in pieces; what may turn out to be
//! such a mark is held back until it is clear, and everything else passes at once.
//!
//! Marks right after an opening backtick are text: an answer may speak about them.
//!
//! What is left is looked at once more for what a model writes around its words without any marks (see [`Speech`]): the
//! name of who speaks, thoughts under a heading, JSON or a fence around the whole, and the visitor's next turn.

use serde_json::{Map, Value};

/// Longest mark in angle brackets, in bytes.
const LONGEST: usize = 64;

/// Tags that open and close thoughts, wherever they stand.
const THOUGHTS: [&str; 11] = [
    "think",
    "reasoning",
    "thinking",
    "thought",
    "thoughts",
    "antthinking",
    "seed:think",
    "inner_monologue",
    "internal_monologue",
    "chain_of_thought",
    "scratchpad",
];
/// Tags that may also be words of an answer (`<reason>`): they open thoughts only before the first word.
const THOUGHTS_AT_FIRST: [&str; 6] = ["reason", "reflection", "analysis", "plan", "planning", "rationale"];
/// Tags around calls of tools, which nobody offered.
const TOOLS: [&str; 6] = ["tool_call", "tool_calls", "function_call", "function_calls", "tool_code", "tool_response"];
/// Tags around the answer itself.
const WRAPPERS: [&str; 6] = ["answer", "final", "final_answer", "response", "assistant_response", "output"];
/// Tags that end an answer.
const ENDS: [&str; 8] = ["eos", "end_of_turn", "eod", "eot", "end_of_text", "endoftext", "end_of_utterance", "im_end"];
/// Tags without a meaning for the reader.
const DROPPED: [&str; 7] = ["bos", "pad", "unk", "mask", "sep", "cls", "sop"];

/// Marks in other brackets.
const OTHERS: [(&str, Mark); 15] = [
    ("[THINK]", Mark::Open),
    ("[/THINK]", Mark::Close),
    ("◁think▷", Mark::Open),
    ("◁/think▷", Mark::Close),
    ("[INST]", Mark::End),
    ("[/INST]", Mark::Dropped),
    ("[TOOL_CALLS]", Mark::Tool),
    ("[gMASK]", Mark::Dropped),
    ("[BOS]", Mark::Dropped),
    ("[EOS]", Mark::End),
    ("[PAD]", Mark::Dropped),
    ("[UNK]", Mark::Dropped),
    ("[|assistant|]", Mark::Dropped),
    ("[|endofturn|]", Mark::End),
    ("[|system|]", Mark::End),
];

/// What harmony becomes where a server drops its special tokens: `analysis…assistantfinal…`.
const BARE_CHANNELS: [&str; 2] = ["analysis", "commentary"];
const BARE_FINAL: &str = "assistantfinal";

/// What a mark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Thoughts begin.
    Open,
    /// Thoughts end.
    Close,
    /// Thoughts begin, if nothing was said before.
    OpenAtFirst,
    /// Thoughts end, if they had begun.
    CloseOpened,
    /// A call of a tool begins.
    Tool,
    /// A call of a tool ends.
    ToolEnd,
    /// The name of who speaks follows.
    Header,
    /// What is said follows.
    Content,
    /// The name of a channel follows.
    Channel,
    /// A channel ends.
    ChannelEnd,
    /// The turn is over.
    End,
    /// A letter as its byte, as in `<0x0A>`.
    Byte(u8),
    /// Stands around the answer.
    Wrapper,
    /// Struck-out text in HTML, or the beginning of a turn.
    Strike,
    /// The end of struck-out text, or of a turn.
    StrikeEnd,
    /// Of no meaning for the reader.
    Dropped,
}

/// What is being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Part {
    /// What is meant for the reader.
    #[default]
    Text,
    /// Thoughts, up to their end.
    Thought,
    /// A call of a tool.
    Tool,
    /// The name of who speaks.
    Header(String),
    /// The name of a channel.
    Channel(String),
    /// A channel, or a turn, that is not for the reader.
    Aside,
    /// Harmony without its tokens: all of it, as it may be text after all.
    Bare(String),
    /// Nothing more: the turn is over.
    Over,
}

/// What can be shown of what came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// What was shown before were thoughts, too, whose beginning was not marked.
    pub(super) withdrawn: bool,
    /// What is to be shown.
    pub(super) text: String,
}

/// Reads one answer, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Plain {
    part: Part,
    held: String,
    /// Bytes that came as marks and are no letter yet.
    bytes: Vec<u8>,
    /// The last letter that was shown.
    last: Option<char>,
    /// Between backticks.
    in_code: bool,
    /// Something can be read.
    visible: bool,
    /// Space before the next word goes with what was taken out.
    trims: bool,
    /// Thoughts ended that had not begun; what follows, if anything does, is the answer.
    closed: bool,
    closed_ever: bool,
    /// Thoughts had a beginning of their own.
    opened: bool,
    /// It does not begin with harmony's channels.
    is_no_channel: bool,
    struck: bool,
    wrapped: bool,
    /// Characters that were taken out.
    hidden: usize,
    escapes: Escapes,
    speech: Speech,
}

impl Plain {
    /// For a model that is known to mark its thoughts, if it has any.
    pub(super) fn of_known() -> Self {
        Self { is_no_channel: true, ..Self::default() }
    }

    /// What can be shown where the next piece is long in coming: a beginning is then no name of a channel.
    pub(super) fn settle(&mut self) -> Shown {
        self.is_no_channel |= !matches!(self.part, Part::Bare(_));
        let shown = self.read(false);
        self.spoken(shown, false)
    }

    /// What can be shown after a further piece.
    pub(super) fn push(&mut self, piece: &str) -> Shown {
        let before = piece.chars().count();
        let piece: String = piece.chars().filter(|c| self.escapes.passes(*c)).collect();
        self.speech.hidden += before - piece.chars().count();
        self.held.push_str(&piece);
        let shown = self.read(false);
        self.spoken(shown, false)
    }

    /// The rest, when nothing follows.
    pub(super) fn finish(&mut self) -> Shown {
        let mut shown = self.read(true);
        if let Part::Bare(text) = &mut self.part {
            // It was text after all.
            (self.held, self.is_no_channel) = (std::mem::take(text), true);
            self.part = Part::Text;
            shown = self.read(true);
        }
        self.flush_bytes(&mut shown);
        if self.closed && !self.opened {
            shown = Shown { withdrawn: true, text: String::new() };
        }
        self.spoken(shown, true)
    }

    /// What is left of what is to be shown without the marks.
    fn spoken(&mut self, shown: Shown, last: bool) -> Shown {
        if shown.withdrawn {
            self.speech = Speech { hidden: self.speech.hidden, ..Speech::default() };
        }
        Shown { withdrawn: shown.withdrawn, text: self.speech.push(&shown.text, last) }
    }

    /// True once there is something to read.
    pub(super) fn has_text(&self) -> bool {
        self.speech.visible
    }

    /// True where thoughts ended that had not begun: the server's template opens them.
    pub(super) fn closed_alone(&self) -> bool {
        self.closed_ever
    }

    /// True where thoughts were marked as such from their beginning on.
    pub(super) fn marks_thoughts(&self) -> bool {
        self.opened && !self.closed_ever
    }

    /// Characters that were taken out.
    pub(super) fn hidden(&self) -> usize {
        self.hidden + self.speech.hidden
    }

    fn read(&mut self, last: bool) -> Shown {
        let mut shown = Shown::default();
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while !rest.is_empty() {
            if !self.is_no_channel && self.part == Part::Text && !self.visible && self.hidden == 0 {
                match bare_channel(rest, last) {
                    None => {
                        self.held = rest.to_owned();
                        return shown;
                    }
                    Some(true) => self.part = Part::Bare(String::new()),
                    Some(false) => {}
                }
            }
            if let Part::Bare(so_far) = &mut self.part {
                let before = so_far.len();
                so_far.push_str(rest);
                let Some(end) = so_far.find(BARE_FINAL).map(|at| at + BARE_FINAL.len()) else { return shown };
                self.hidden += end;
                self.closed_ever = true;
                self.part = self.resumed();
                rest = &rest[end - before..];
                continue;
            }
            let at = rest.find(['<', '[', '◁']).unwrap_or(rest.len());
            self.take(&rest[..at], &mut shown);
            rest = &rest[at..];
            if rest.is_empty() {
                break;
            }
            match mark(rest, last) {
                Found::Unclear => {
                    self.held = rest.to_owned();
                    return shown;
                }
                Found::Mark(length, mark) if self.counts(mark) => {
                    self.meet(mark, &mut shown);
                    self.hidden += rest[..length].chars().count();
                    rest = &rest[length..];
                }
                Found::Mark(length, _) => {
                    self.take(&rest[..length], &mut shown);
                    rest = &rest[length..];
                }
                Found::Text => {
                    let first = rest.chars().next().map_or(1, char::len_utf8);
                    self.take(&rest[..first], &mut shown);
                    rest = &rest[first..];
                }
            }
        }
        shown
    }

    /// True where a mark is one, and no text about marks.
    fn counts(&self, mark: Mark) -> bool {
        if self.part != Part::Text {
            return true;
        }
        match mark {
            _ if self.in_code && self.last == Some('`') => false,
            Mark::CloseOpened => false,
            Mark::Strike | Mark::OpenAtFirst => !self.visible,
            Mark::StrikeEnd => !self.struck,
            Mark::Wrapper => !self.visible || self.wrapped,
            Mark::Open
            | Mark::Close
            | Mark::Tool
            | Mark::ToolEnd
            | Mark::Header
            | Mark::Content
            | Mark::Channel
            | Mark::ChannelEnd
            | Mark::End
            | Mark::Byte(_)
            | Mark::Dropped => true,
        }
    }

    fn meet(&mut self, mark: Mark, shown: &mut Shown) {
        if !matches!(mark, Mark::Byte(_)) {
            self.flush_bytes(shown);
        }
        let part = std::mem::take(&mut self.part);
        self.part = match (part, mark) {
            (Part::Over, _) => Part::Over,
            (Part::Thought | Part::Tool | Part::Aside | Part::Text, Mark::Channel) => Part::Channel(String::new()),
            (Part::Thought | Part::Tool | Part::Aside, Mark::Header) => Part::Header(String::new()),
            (Part::Thought, Mark::Close | Mark::CloseOpened | Mark::ChannelEnd) => self.resumed(),
            (Part::Tool, Mark::ToolEnd) | (Part::Aside, Mark::End | Mark::ChannelEnd) => self.resumed(),
            (Part::Thought, _) => Part::Thought,
            (Part::Tool, _) => Part::Tool,
            (Part::Aside, _) => Part::Aside,
            (Part::Header(_), Mark::Channel) => Part::Channel(String::new()),
            (Part::Header(name), Mark::Content | Mark::End) => self.said_by(&name),
            (Part::Channel(name), Mark::Content | Mark::End) => self.in_channel(&name),
            (part @ (Part::Header(_) | Part::Channel(_)), _) => part,
            (Part::Bare(text), _) => Part::Bare(text),
            (Part::Text, Mark::Open | Mark::OpenAtFirst) => {
                self.opened = true;
                Part::Thought
            }
            (Part::Text, Mark::Close) => {
                (self.closed, self.closed_ever) = (self.visible, true);
                self.resumed()
            }
            (Part::Text, Mark::Tool) => Part::Tool,
            (Part::Text, Mark::Header) if !self.visible => Part::Header(String::new()),
            (Part::Text, Mark::End | Mark::Header | Mark::StrikeEnd) if self.visible => Part::Over,
            (Part::Text, Mark::Byte(byte)) => {
                self.bytes.push(byte);
                Part::Text
            }
            (Part::Text, Mark::Wrapper) => {
                self.wrapped = true;
                self.resumed()
            }
            (
                Part::Text,
                Mark::ToolEnd
                | Mark::ChannelEnd
                | Mark::Content
                | Mark::Strike
                | Mark::Dropped
                | Mark::End
                | Mark::Header
                | Mark::CloseOpened
                | Mark::StrikeEnd,
            ) => self.resumed(),
        };
    }

    /// The reader's text, after something that was taken out.
    fn resumed(&mut self) -> Part {
        self.trims |= !self.visible || self.closed;
        Part::Text
    }

    fn said_by(&mut self, name: &str) -> Part {
        match name.trim().to_lowercase().as_str() {
            "assistant" | "model" | "bot" | "chatbot" | "" => self.resumed(),
            _ if self.visible => Part::Over,
            _ => Part::Aside,
        }
    }

    fn in_channel(&mut self, name: &str) -> Part {
        let name = name.trim().to_lowercase();
        if name.starts_with("final") || name.starts_with("response") { self.resumed() } else { Part::Aside }
    }

    /// Text between marks.
    fn take(&mut self, text: &str, shown: &mut Shown) {
        if text.is_empty() {
            return;
        }
        match &mut self.part {
            Part::Text => {
                self.flush_bytes(shown);
                self.show(text, shown);
            }
            Part::Header(name) | Part::Channel(name) => {
                // Templates without a mark for it end the name with the line.
                let Some((more, after)) = text.split_once('\n') else {
                    name.push_str(text);
                    return;
                };
                let (name, is_header) = (format!("{name}{more}"), matches!(self.part, Part::Header(_)));
                self.part = if is_header { self.said_by(&name) } else { self.in_channel(&name) };
                self.take(after, shown);
            }
            Part::Thought | Part::Tool | Part::Aside | Part::Over | Part::Bare(_) => {
                self.hidden += text.chars().count()
            }
        }
    }

    fn show(&mut self, text: &str, shown: &mut Shown) {
        // Nothing is said before the first word.
        let text = if self.trims || !self.visible { text.trim_start() } else { text };
        if text.is_empty() {
            return;
        }
        let is_word = text.chars().any(|c| !c.is_whitespace());
        if self.closed && is_word {
            self.closed = false;
            self.in_code = false;
            *shown = Shown { withdrawn: true, text: String::new() };
        }
        self.trims &= !is_word;
        self.visible |= is_word;
        for c in text.chars() {
            self.in_code ^= c == '`' && self.last != Some('`');
            self.last = Some(c);
        }
        self.struck |= text.eq_ignore_ascii_case("<s>");
        shown.text.push_str(text);
    }

    fn flush_bytes(&mut self, shown: &mut Shown) {
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            self.show(&String::from_utf8_lossy(&bytes), shown);
        }
    }
}

/// Whether a text begins as harmony does without its tokens: the name of a channel, and right after it what is said, with
/// a capital letter. `None` where more is needed to tell.
fn bare_channel(text: &str, last: bool) -> Option<bool> {
    let begun = text.trim_start();
    let follows = |name: &&str| begun.strip_prefix(*name).and_then(|after| after.chars().next());
    if !last && BARE_CHANNELS.iter().any(|name| name.starts_with(begun)) {
        return None;
    }
    Some(BARE_CHANNELS.iter().any(|name| follows(name).is_some_and(char::is_uppercase)))
}

/// What a text begins with.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// More is needed to tell.
    Unclear,
    /// A mark of so many bytes.
    Mark(usize, Mark),
    Text,
}

fn mark(text: &str, last: bool) -> Found {
    if !text.starts_with('<') {
        if let Some((name, mark)) = OTHERS.iter().find(|(name, _)| text.starts_with(name)) {
            return Found::Mark(name.len(), *mark);
        }
        let may_come = !last && OTHERS.iter().any(|(name, _)| name.starts_with(text));
        return if may_come { Found::Unclear } else { Found::Text };
    }
    let window = &text[..text.floor_char_boundary(LONGEST)];
    let Some(end) = window.find('>') else {
        return if !last && window.len() == text.len() && may_be_mark(&text[1..]) {
            Found::Unclear
        } else {
            Found::Text
        };
    };
    match named(&window[1..end]) {
        Some(mark) => Found::Mark(end + 1, mark),
        None => Found::Text,
    }
}

/// True for what may become the inside of a mark.
fn may_be_mark(inside: &str) -> bool {
    let Some(first) = inside.chars().next() else { return true };
    if !(first.is_ascii_alphanumeric() || matches!(first, '/' | '|' | '｜')) {
        return false;
    }
    let name = inside.split(char::is_whitespace).next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "/|｜_▁-:=.".contains(c);
    name.chars().all(is_name)
        && (name.len() == inside.len() || name == "details" || inside_of_tag(name).is_some())
        && !inside.contains(['<', '\n'])
}

/// The meaning of a mark in angle brackets, if it is one.
fn named(inside: &str) -> Option<Mark> {
    if inside.contains(['<', '\n']) {
        return None;
    }
    let is_bar = |c: char| c == '|' || c == '｜';
    let bars = (inside.starts_with(is_bar), inside.ends_with(is_bar));
    if bars != (false, false) {
        let name = inside.trim_matches(is_bar);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_▁-/:.".contains(c);
        return (!name.is_empty() && name.chars().all(is_name)).then(|| token(&name.replace('▁', "_"), bars));
    }
    let name = inside.split(char::is_whitespace).next().unwrap_or_default();
    // Open WebUI's way to pass thoughts on.
    if name == "details" {
        return inside.contains("reasoning").then_some(Mark::OpenAtFirst);
    }
    inside_of_tag(name)
}

/// The meaning of `<name>`.
fn inside_of_tag(name: &str) -> Option<Mark> {
    let name = name.to_ascii_lowercase();
    if name.len() > 1 && name.ends_with('/') && THOUGHTS.contains(&&name[..name.len() - 1]) {
        return Some(Mark::Dropped);
    }
    let (name, closes) = name.strip_prefix('/').map_or((name.as_str(), false), |name| (name, true));
    let known = |list: &[&str]| list.contains(&name);
    let either = |opens, closing| Some(if closes { closing } else { opens });
    match name {
        _ if known(&THOUGHTS) => either(Mark::Open, Mark::Close),
        "details" if closes => Some(Mark::CloseOpened),
        _ if known(&THOUGHTS_AT_FIRST) => either(Mark::OpenAtFirst, Mark::CloseOpened),
        _ if known(&TOOLS) || name.starts_with("function=") => either(Mark::Tool, Mark::ToolEnd),
        "start_of_turn" => Some(Mark::Header),
        "s" => either(Mark::Strike, Mark::StrikeEnd),
        "unused94" => Some(Mark::Open),
        "unused95" => Some(Mark::Close),
        _ if known(&ENDS) => Some(Mark::End),
        _ if known(&DROPPED) || name.starts_with("unused") || name.starts_with("extra_id_") => Some(Mark::Dropped),
        _ if known(&WRAPPERS) => Some(Mark::Wrapper),
        _ => name
            .strip_prefix("0x")
            .filter(|hex| hex.len() == 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .map(Mark::Byte),
    }
}

/// The meaning of `<|name|>`, `<|name>` or `<name|>`.
fn token(name: &str, bars: (bool, bool)) -> Mark {
    let name = name.to_ascii_lowercase();
    let ends = name.contains("end");
    match name.as_str() {
        "channel" if bars == (false, true) => Mark::ChannelEnd,
        "channel" => Mark::Channel,
        "message" | "im_middle" | "end_header_id" | "header_end" | "end_of_role" | "im_sep" | "sep" => Mark::Content,
        "start" | "im_start" | "start_header_id" | "header_start" | "start_of_role" | "start_of_turn" => Mark::Header,
        "turn" if bars == (true, false) => Mark::Header,
        "turn" | "return" | "call" | "eot_id" | "eom_id" | "eot" | "eom" | "eos" | "user" | "system" | "human"
        | "observation" | "user_token" | "system_token" => Mark::End,
        "/think" | "/thinking" => Mark::Close,
        "think" | "thinking" => Mark::Open,
        _ if name.contains("thought") || name.contains("thinking") => {
            if ends {
                Mark::Close
            } else {
                Mark::Open
            }
        }
        _ if name.contains("tool") || name == "python_tag" => {
            if ends {
                Mark::ToolEnd
            } else {
                Mark::Tool
            }
        }
        "end_of_solution" | "end_response" | "end_text" => Mark::Dropped,
        _ if ends => Mark::End,
        _ => Mark::Dropped,
    }
}

/// Takes out what terminals understand and readers do not: codes for colours, and marks that turn the direction of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escapes {
    #[default]
    No,
    /// The mark of a code came.
    Begun,
    /// Within a code, so many characters are left of the longest.
    Within(u8),
}

impl Escapes {
    /// Longest code, in characters.
    const LONGEST: u8 = 32;

    /// True for a character that is text.
    fn passes(&mut self, c: char) -> bool {
        let before = std::mem::take(self);
        match (before, c) {
            (_, '\u{1b}') => {
                *self = Self::Begun;
                false
            }
            (_, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                *self = before;
                false
            }
            (Self::Begun, '[') => {
                *self = Self::Within(Self::LONGEST);
                false
            }
            (Self::Within(left @ 1..), ' '..='?') => {
                *self = Self::Within(left - 1);
                false
            }
            (Self::Within(1..), '@'..='~') => false,
            (Self::No | Self::Begun | Self::Within(_), _) => true,
        }
    }
}

/// Most bytes that are held back until it is clear what an answer begins with.
const BEGINNING_MAX: usize = 16_384;
/// An error that a gateway writes is no longer.
const ERROR_MAX: usize = 600;
/// Most bytes of a visitor's turn that a model makes up.
const TURN_MAX: usize = 1_000;

/// Names of who speaks, before the first word.
const ROLES: [&str; 10] = [
    "Assistant:",
    "assistant:",
    "ASSISTANT:",
    "Asistan:",
    "**Assistant:**",
    "**Assistant**:",
    "### Assistant:",
    "### Response:",
    "###Response:",
    "## Response:",
];
/// The same, alone on the first line.
const ROLE_LINES: [&str; 3] = ["assistant", "Assistant", "model"];
/// Names of whom a model answers, at the beginning of a line, that are no words of an answer.
const INSTRUCTIONS: [&str; 4] = ["### Instruction:", "### Human:", "### User:", "### Kullanıcı:"];
/// The same, where they may be.
const GUESTS: [&str; 9] =
    ["User:", "USER:", "Human:", "Visitor:", "Kullanıcı:", "Ziyaretçi:", "**User:**", "**Human:**", "**Kullanıcı:**"];
/// Who answers them.
const HOSTS: [&str; 7] =
    ["Assistant:", "ASSISTANT:", "Asistan:", "AI:", "**Assistant:**", "**Asistan:**", "### Response:"];
/// Headings of thoughts.
const THOUGHTS_ALOUD: [&str; 14] = [
    "Thinking Process:",
    "Thinking process:",
    "Thought Process:",
    "**Thinking Process:**",
    "**Thought Process:**",
    "**Thinking:**",
    "**Thoughts:**",
    "**Reasoning:**",
    "**Analysis:**",
    "Thinking:",
    "Thought:",
    "Reasoning:",
    "Chain of Thought:",
    "Let's think step by step",
];
/// Headings of the answer behind them.
const ANSWER_ALOUD: [&str; 11] = [
    "**Final Answer:**",
    "**Final Answer**:",
    "**Final answer:**",
    "**Answer:**",
    "**Answer**:",
    "**Response:**",
    "Final Answer:",
    "Final answer:",
    "\nAnswer:",
    "\n### Final Answer",
    "\n### Answer",
];
/// What thoughts in passing begin and end with.
const ASIDES: [(&str, char); 4] = [("*thinking:", '*'), ("*Thinking:", '*'), ("(thinking:", ')'), ("[thinking:", ']')];
/// What stands for nothing in some language of programmers.
const NOTHING: [&str; 4] = ["null", "undefined", "None", "[object Object]"];
/// What errors begin with.
const ERRORS: [&str; 8] =
    ["Error:", "error:", "ERROR:", "ERROR ", "[Error]", "[ERROR]", "Error code:", "Internal Server Error"];
/// What errors of providers speak of, in small letters.
const FAILURES: [&str; 24] = [
    "overload",
    "upstream",
    "status code",
    "error code",
    "rate limit",
    "ratelimit",
    "rate_limit",
    "too many requests",
    "request id",
    "request_id",
    "requestid",
    "timeout",
    "timed out",
    "server error",
    "bad gateway",
    "unavailable",
    "quota",
    "api key",
    "api_key",
    "connection",
    "http 4",
    "http 5",
    "model not found",
    "at capacity",
];
/// Fields of JSON that hold an answer, whatever stands beside them.
const ANSWER_FIELDS: [&str; 3] = ["answer", "response", "output"];
/// Fields that do where they are alone, or with one of `BESIDE`.
const TEXT_FIELDS: [&str; 3] = ["text", "content", "message"];
const BESIDE: [&str; 2] = ["role", "type"];
/// Fields of a call of a tool: its name, and what it is told.
const CALLED: [&str; 4] = ["name", "tool", "function", "tool_name"];
const CALLED_WITH: [&str; 5] = ["parameters", "arguments", "args", "input", "tool_input"];

/// What an answer begins with.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// More is needed to tell.
    Unclear,
    /// So many bytes before the answer.
    Before(usize),
    /// The answer, in something else.
    Within(String),
    /// No answer at all.
    Nothing,
    Text,
}

/// What a model says, in its own words: its beginning is held back while it may be none of them, and so are lines that may
/// begin a turn of the visitor.
#[derive(Debug, Default)]
struct Speech {
    held: String,
    /// What it begins with is known.
    begun: bool,
    /// Nothing more is said.
    over: bool,
    lines: Lines,
    /// Something can be read.
    visible: bool,
    /// Characters that were taken out.
    hidden: usize,
}

impl Speech {
    /// What can be shown after a further piece, and at the end.
    fn push(&mut self, text: &str, last: bool) -> String {
        self.held.push_str(text);
        self.begun |= !self.over && self.begins(last);
        let shown = if self.begun && !self.over { self.lines(last) } else { String::new() };
        if self.over {
            self.hidden += std::mem::take(&mut self.held).chars().count();
        }
        self.visible |= shown.chars().any(|c| !c.is_whitespace());
        shown
    }

    /// Takes away what stands before the first word, or around all of them; false while it is unclear.
    fn begins(&mut self, last: bool) -> bool {
        // Nothing is said before the first word.
        if !self.begun && self.held.starts_with(char::is_whitespace) {
            self.held = self.held.trim_start().to_owned();
        }
        while !self.begun && !self.held.is_empty() {
            let before = self.held.chars().count();
            match look(&self.held, last) {
                Look::Unclear => return self.held.len() > BEGINNING_MAX,
                Look::Before(length) => self.held = self.held[length..].trim_start().to_owned(),
                Look::Within(text) => self.held = text.trim_start().to_owned(),
                Look::Nothing => {
                    self.over = true;
                    return false;
                }
                Look::Text => return true,
            }
            self.hidden += before.saturating_sub(self.held.chars().count());
        }
        self.begun
    }

    /// Passes lines until the visitor's turn begins.
    fn lines(&mut self, last: bool) -> String {
        let held = std::mem::take(&mut self.held);
        let (mut rest, mut shown) = (held.as_str(), String::new());
        while !rest.is_empty() {
            match self.lines.turn(rest, last) {
                Some(false) => {}
                Some(true) => {
                    self.over = true;
                    break;
                }
                None => break,
            }
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            self.lines.follow(&rest[..end]);
            shown.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        rest.clone_into(&mut self.held);
        shown
    }
}

/// Where a text stands, by its lines.
#[derive(Debug, Default)]
struct Lines {
    /// The line so far.
    line: String,
    /// Between fences.
    is_fenced: bool,
    /// The line before is empty.
    is_apart: bool,
    /// The last line that is not empty is part of a list of names, or announces one.
    is_listed: bool,
    /// A whole line was said.
    has_line: bool,
}

impl Lines {
    fn follow(&mut self, text: &str) {
        self.line.push_str(text);
        if !text.ends_with('\n') {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.trim();
        self.is_fenced ^= line.starts_with("```");
        self.is_apart = line.is_empty();
        if !line.is_empty() {
            (self.has_line, self.is_listed) = (true, is_listed(line));
        }
    }

    /// Whether the visitor's turn begins here; `None` where more is needed to tell.
    fn turn(&self, rest: &str, last: bool) -> Option<bool> {
        if !self.line.is_empty() || !self.has_line || self.is_fenced {
            return Some(false);
        }
        if begins_any(rest, &INSTRUCTIONS) {
            return Some(true);
        }
        if begins_any(rest, &GUESTS) {
            return self.is_turn(rest, last);
        }
        let may_begin = !last && (may_begin_any(rest, &INSTRUCTIONS) || may_begin_any(rest, &GUESTS));
        if may_begin { None } else { Some(false) }
    }

    /// A line that begins with the visitor's name is their turn if one of the assistant follows, or nothing.
    fn is_turn(&self, rest: &str, last: bool) -> Option<bool> {
        let is_human = rest.trim_start_matches('*').starts_with("Human:");
        let window = &rest[..rest.floor_char_boundary(TURN_MAX)];
        if is_human && self.is_apart || window.lines().skip(1).any(|line| begins_any(line, &HOSTS)) {
            return Some(true);
        }
        if rest.len() > TURN_MAX {
            return Some(false);
        }
        let is_alone = rest.lines().all(|line| line.trim().is_empty() || begins_any(line, &GUESTS));
        let is_said = self.is_apart || rest.trim_end().ends_with('?');
        last.then_some(is_alone && is_said && !self.is_listed)
    }
}

/// True for a line that explains a name, as lines of lists do, or announces a list.
fn is_listed(line: &str) -> bool {
    let name = line.split_once(':').map(|(name, _)| name);
    line.ends_with(':') || name.is_some_and(|name| name.split_whitespace().count() <= 4)
}

fn begins_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

/// True for a text that may become one of these.
fn may_begin_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| beginning.starts_with(text))
}

fn look(text: &str, last: bool) -> Look {
    let mut is_unclear = false;
    for kind in [role, aside, aloud, enclosed, fenced, boxed, failure] {
        match kind(text, last) {
            Look::Text => {}
            Look::Unclear => is_unclear = true,
            found @ (Look::Before(_) | Look::Within(_) | Look::Nothing) => return found,
        }
    }
    if is_unclear && !last { Look::Unclear } else { Look::Text }
}

/// The name of who speaks.
fn role(text: &str, _: bool) -> Look {
    if let Some(name) = ROLES.iter().find(|name| text.starts_with(*name)) {
        return Look::Before(name.len());
    }
    let after =
        ROLE_LINES.iter().find_map(|name| text.strip_prefix(name)).map(|rest| rest.trim_start_matches([' ', '\r']));
    match after {
        Some("") => Look::Unclear,
        Some(rest) if rest.starts_with('\n') => Look::Before(text.len() - rest.len()),
        Some(_) | None if may_begin_any(text, &ROLES) || may_begin_any(text, &ROLE_LINES) => Look::Unclear,
        Some(_) | None => Look::Text,
    }
}

/// Thoughts in passing: `*thinking: …*`.
fn aside(text: &str, _: bool) -> Look {
    for (open, close) in ASIDES {
        let Some(inside) = text.strip_prefix(open) else { continue };
        let inside = &inside[..inside.floor_char_boundary(BEGINNING_MAX)];
        return match inside.find([close, '\n']) {
            None => Look::Unclear,
            Some(at) if inside[at..].starts_with(close) => Look::Before(open.len() + at + close.len_utf8()),
            Some(_) => Look::Text,
        };
    }
    if ASIDES.iter().any(|(open, _)| open.starts_with(text)) { Look::Unclear } else { Look::Text }
}

/// Thoughts under a heading, if the answer has one, too.
fn aloud(text: &str, last: bool) -> Look {
    if !begins_any(text, &THOUGHTS_ALOUD) {
        return if may_begin_any(text, &THOUGHTS_ALOUD) { Look::Unclear } else { Look::Text };
    }
    if !last {
        return Look::Unclear;
    }
    let ends = ANSWER_ALOUD.iter().filter_map(|heading| Some(text.rfind(heading)? + heading.len()));
    match ends.max().filter(|end| !text[*end..].trim().is_empty()) {
        Some(end) => Look::Before(end),
        None => Look::Text,
    }
}

/// An answer in JSON, or a call of a tool.
fn enclosed(text: &str, last: bool) -> Look {
    let Some(inside) = text.strip_prefix(['{', '[']) else { return Look::Text };
    let next = inside.trim_start().chars().next();
    let is_json = next.is_none_or(|next| next == if text.starts_with('{') { '"' } else { '{' });
    match (is_json, last) {
        (false, _) => Look::Text,
        (true, false) => Look::Unclear,
        (true, true) => json(text),
    }
}

/// What a text in JSON is; it may break off in the middle of the answer, and hold lines as they are.
fn json(text: &str) -> Look {
    let text = with_lines_escaped(text.trim());
    let read = ["", "}", "\"}"].iter().find_map(|end| serde_json::from_str::<Value>(&format!("{text}{end}")).ok());
    match read {
        Some(Value::Object(object)) => of_object(&object),
        Some(Value::Array(list)) if !list.is_empty() && list.iter().all(|it| it.as_object().is_some_and(is_call)) => {
            Look::Nothing
        }
        Some(Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Look::Text,
    }
}

fn of_object(object: &Map<String, Value>) -> Look {
    if is_call(object) || object.len() == 1 && object.contains_key("error") {
        return Look::Nothing;
    }
    let is_alone = object.keys().filter(|key| !BESIDE.contains(&key.as_str())).count() == 1;
    let fields = ANSWER_FIELDS.iter().chain(TEXT_FIELDS.iter().filter(|_| is_alone));
    match fields.filter_map(|field| object.get(*field)).find(|value| value.is_string() || value.is_object()) {
        Some(Value::String(text)) => Look::Within(text.clone()),
        Some(Value::Object(inner)) => of_object(inner),
        Some(Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_)) | None => Look::Text,
    }
}

fn is_call(object: &Map<String, Value>) -> bool {
    let has = |fields: &[&str]| fields.iter().any(|field| object.contains_key(*field));
    has(&CALLED) && has(&CALLED_WITH)
        || has(&["tool_calls", "function_call"])
        || object.get("function").is_some_and(|function| function.as_object().is_some_and(is_call))
}

/// JSON as models write it, with the ends of lines within its texts escaped.
fn with_lines_escaped(text: &str) -> String {
    let (mut written, mut in_text, mut is_escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        match c {
            '\n' if in_text => written.push_str("\\n"),
            '\t' if in_text => written.push_str("\\t"),
            '\r' if in_text => {}
            _ => written.push(c),
        }
        in_text ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped && in_text;
    }
    written
}

/// A fence around the whole answer.
fn fenced(text: &str, last: bool) -> Look {
    let Some(after) = text.strip_prefix("```") else {
        return if "```".starts_with(text) { Look::Unclear } else { Look::Text };
    };
    let Some((language, inside)) = after.split_once('\n') else {
        return if after.len() < LONGEST { Look::Unclear } else { Look::Text };
    };
    let is_json = match language.trim().to_ascii_lowercase().as_str() {
        "markdown" | "md" | "text" | "txt" | "plaintext" => false,
        "json" | "" if matches!(inside.trim_start().chars().next(), None | Some('{' | '[')) => true,
        _ => return Look::Text,
    };
    match inside_of_fence(inside) {
        _ if !last => Look::Unclear,
        None => Look::Text,
        Some(inside) if is_json => json(inside),
        Some(inside) => Look::Within(inside.trim_end().to_owned()),
    }
}

/// What stands up to the end of a fence, if nothing follows it. It may not have come.
fn inside_of_fence(text: &str) -> Option<&str> {
    let (mut is_inner, mut at) = (false, 0);
    for line in text.split_inclusive('\n') {
        match line.trim() {
            "```" if is_inner => is_inner = false,
            "```" => return text[at + line.len()..].trim().is_empty().then_some(&text[..at]),
            line if line.starts_with("```") => is_inner = true,
            _ => {}
        }
        at += line.len();
    }
    Some(text)
}

/// `\boxed{…}` around the whole answer, as models of mathematics write.
fn boxed(text: &str, last: bool) -> Look {
    const BOXES: [&str; 3] = ["\\boxed{", "$\\boxed{", "$$\\boxed{"];
    if !begins_any(text, &BOXES) {
        return if may_begin_any(text, &BOXES) { Look::Unclear } else { Look::Text };
    }
    if !last {
        return Look::Unclear;
    }
    let whole = text.trim_end().trim_matches('$');
    let inside = inside_of_braces(whole, "\\boxed{");
    let inside = inside.map(|inside| inside_of_braces(inside, "\\text{").unwrap_or(inside));
    inside.map_or(Look::Text, |inside| Look::Within(inside.to_owned()))
}

/// What stands in braces that begin like this and close at the end only.
fn inside_of_braces<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(open)?.strip_suffix('}')?;
    let mut depth = 0_usize;
    for c in inside.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (depth == 0).then_some(inside)
}

/// An error, or nothing, in place of an answer. What cites a source is one.
fn failure(text: &str, last: bool) -> Look {
    let whole = text.trim_end();
    if last && NOTHING.contains(&whole) {
        return Look::Nothing;
    }
    if !begins_any(text, &ERRORS) {
        let may_begin = may_begin_any(whole, &NOTHING) || may_begin_any(text, &ERRORS);
        return if may_begin { Look::Unclear } else { Look::Text };
    }
    let words = text.to_ascii_lowercase();
    let cites = text.split('[').skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    match last {
        _ if text.len() > ERROR_MAX || cites => Look::Text,
        false => Look::Unclear,
        true if FAILURES.iter().any(|word| words.contains(word)) => Look::Nothing,
        true => Look::Text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "İade süresi 30 gündür [1].";

    /// What a reader has before them in the end.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
        let (mut plain, mut text) = (Plain::default(), String::new());
        let mut add = |shown: Shown| {
            if shown.withdrawn {
                text.clear();
            }
            text.push_str(&shown.text);
        };
        for piece in pieces {
            add(plain.push(piece));
        }
        add(plain.finish());
        text
    }

    /// What models write, with § for the right text.
    const WRITTEN: &[&str] = &[
        "§",
        "<think>plan</think>§",
        "<think>\nplan\n</think>\n\n§",
        "plan</think>\n\n§",
        "<THINK>plan</THINK>§",
        "<think >plan < 3 [x] </think >§",
        "<thinking>plan</thinking>§",
        "<thought>plan</thought>§",
        "<reasoning>plan</reasoning>\n§",
        "<reflection>plan</reflection>§",
        "<details type=\"reasoning\">plan</details>§",
        "<scratchpad>plan</scratchpad><answer>§</answer>",
        "<think>plan</think><think>more</think>§",
        "<think>a <think> b</think>§",
        "<think>a <think>b</think> c</think>§",
        "<think></think>§",
        "<think/>§",
        "<think>plan</think>§</think>",
        "§<think>afterwards</think>",
        "§<think>afterwards",
        "[THINK]plan[/THINK]§",
        "◁think▷plan◁/think▷§",
        "<seed:think>plan</seed:think>§",
        "<|begin_of_thought|>plan<|end_of_thought|><|begin_of_solution|>§<|end_of_solution|>",
        "<|START_THINKING|>plan<|END_THINKING|><|START_RESPONSE|>§<|END_RESPONSE|>",
        "<unused94>thought\nplan<unused95>§",
        "<|channel|>analysis<|message|>plan<|end|><|start|>assistant<|channel|>final<|message|>§<|return|>",
        "<|channel|>commentary<|message|>plan<|end|><|start|>assistant<|channel|>analysis<|message|>more<|end|><|start|>assistant<|channel|>final<|message|>§",
        "<|start|>assistant<|channel|>final <|constrain|>text<|message|>§<|return|>",
        "<|channel>thought\nplan<channel|>§<turn|>",
        "analysisWe plan.assistantfinal§",
        "§<|im_end|>",
        "§<|im_end|>\n<|im_start|>user\nNext?<|im_end|>",
        "<|im_start|>assistant\n§<|im_end|>",
        "§<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nNext?",
        "<|start_header_id|>assistant<|end_header_id|>\n\n§<|eot_id|>",
        "§</s>",
        "<s>§</s>",
        "<bos>§<eos>",
        "§<end_of_turn>\n<start_of_turn>user\nNext?",
        "<start_of_turn>model\n§<end_of_turn>",
        "§<｜end▁of▁sentence｜>",
        "<｜Assistant｜>§",
        "§<|endoftext|>Unrelated",
        "§<|END_OF_TURN_TOKEN|>",
        "§[|endofturn|]",
        "§<|user|>",
        "§<tool_call>{\"name\": \"x\"}</tool_call>",
        "<tool_call>{\"name\": \"x\"}</tool_call>§",
        "§<|tool_calls_section_begin|>x<|tool_calls_section_end|>",
        "§[TOOL_CALLS][{\"name\":\"x\"}]",
        "<answer>§</answer>",
        "<final>§</final>",
        "[gMASK]<sop>§",
        "<0xC4><0xB0>ade süresi 30 gündür [1].",
        "<output>§</output>",
        "\u{1b}[32m§\u{1b}[0m",
        "\u{1b}[1;31m<think>plan</think>\u{1b}[0m§",
        "\u{202e}§\u{202c}\u{2066}\u{2069}",
    ];

    /// What models write around their words without marks.
    const SPOKEN: &[&str] = &[
        "Assistant: §",
        "**Assistant:** §",
        "### Response:\n§",
        "assistant\n\n§",
        "assistant\nAssistant: §",
        "<think>plan</think>\n\nAssistant: §",
        "§\n\nUser: Peki kargo?\nAssistant: Kargo 2 gün.",
        "§\nUser: Peki kargo?\nAssistant: Kargo 2 gün.",
        "§\n\nUser: Peki kargo?",
        "§\nUser: Peki kargo?",
        "§\n\nUser: Peki kargo\n\nUser:",
        "§\n\nHuman: Peki kargo?\n\nKargo 2 gün.",
        "§\n\nKullanıcı: Peki\nkargo?\n\nAsistan: Kargo 2 gün.",
        "§\n\n### Instruction:\nPeki kargo?\n### Response:\nKargo",
        "Assistant: §\nHuman: Peki kargo?\nAssistant: Kargo",
        "{\"answer\": \"§\"}",
        "{\n  \"thinking\": \"plan\",\n  \"answer\": \"§\",\n  \"sources\": [1]\n}\n",
        "{\"role\": \"assistant\", \"content\": \"§\"}",
        "{\"response\": \"§\"}",
        "{\"text\": \"§\"}",
        "{\"message\": \"§\"}",
        "{\"output\": \"§\"}",
        "{\"answer\": {\"text\": \"§\"}}",
        "{\"answer\": \"§\n\"}",
        "```json\n{\"answer\": \"§\"}\n```",
        "```\n{\"answer\": \"§\"}\n```\n",
        "```markdown\n§\n```",
        "```md\n§\n```\n",
        "```text\nAssistant: §\n```",
        "Thinking Process:\n1. Final Answer: later\n2. x\n\nFinal Answer: §",
        "**Reasoning:** plan **Answer:** §",
        "**Thinking:**\nplan\n\n**Final Answer:**\n\n§",
        "*thinking: user wants return*\n\n§",
        "\\boxed{§}",
        "$\\boxed{\\text{§}}$",
    ];

    /// What models and gateways write that is no answer.
    const UNSPOKEN: &[&str] = &[
        "null",
        "undefined",
        "None\n",
        "Error: upstream connect error or disconnect/reset before headers",
        "[Error] The model is overloaded. Request ID: 4f2",
        "ERROR 503: Service Unavailable",
        "Error code: 429 - {'error': {'message': 'Rate limit reached'}}",
        "{\"name\": \"search\", \"parameters\": {\"q\": \"iade\"}}",
        "```json\n{\"name\": \"search\", \"arguments\": \"{}\"}\n```",
        "[{\"name\": \"search\", \"arguments\": {}}]",
        "{\"error\": {\"message\": \"overloaded\"}}",
        "Assistant:",
        "*thinking: user wants return*",
    ];

    fn letters(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn what_stands_around_the_words_is_taken_away() {
        for written in SPOKEN {
            let written = written.replace('§', A);
            assert_eq!(read([written.as_str()]).trim_end(), A, "{written}");
            assert_eq!(read(letters(&written).iter().map(String::as_str)).trim_end(), A, "{written} in pieces");
        }
    }

    #[test]
    fn what_is_no_answer_has_no_word() {
        for written in UNSPOKEN {
            let mut plain = Plain::default();
            let shown: String = letters(written).iter().map(|letter| plain.push(letter).text).collect();
            assert_eq!((shown + &plain.finish().text, plain.has_text()), (String::new(), false), "{written}");
            assert!(plain.hidden() > 0, "{written}");
        }
    }

    #[test]
    fn an_answer_that_breaks_off_within_json_is_read_as_far_as_it_came() {
        assert_eq!(read(["{\"answer\": \"İade sür"]), "İade sür");
        assert_eq!(read(["```markdown\nİade sür"]), "İade sür");
        assert_eq!(read(["{\"ans"]), "{\"ans");
    }

    #[test]
    fn texts_that_only_begin_like_machinery_are_whole() {
        let long = format!("{{\"answer\": \"{}\"}}", "x".repeat(BEGINNING_MAX));
        for text in [
            "Assistant managers may do so.",
            "assistant",
            "Roller:\n\nAdmin: her şey\nUser: yalnız okur",
            "İki rol vardır:\nUser: the account's name\nOwner: x",
            "Alanlar\n\n- User: ad\n- Human: x",
            "Örnek:\n\n```\nUser: a\nAssistant: b\n```\nBu kadar.",
            "Bkz.\nUsers: x\nHumanity",
            "Giriş bilgileri aşağıdadır.\nUser: demo",
            "Giriş bilgileri aşağıdadır.\n\nUser: demo\nParola: demo",
            "{{ad}} alanı [1]",
            "{\"message\": \"x\", \"user\": 5}",
            "{\"a\": 1} gönderin [1].",
            "```json\n{\"a\": 1}\n```",
            "```json\n{\"answer\": \"x\"}\n```\ngönderin [1].",
            "```text\na\n```\nsonra\n```text\nb\n```",
            "```js\nlet a;\n```",
            "Error: 429 rate limit, bekleyin [1].",
            "Error: geçersiz parola yazıyorsa parolanızı sıfırlayın.",
            "Error 429 means too many requests.",
            "None of them. null değil.",
            "Reasoning: because.",
            "*thinking* hakkında",
            "\\boxed{a} + {b}",
            long.as_str(),
        ] {
            assert_eq!(read([text]), text);
            assert_eq!(read(letters(text).iter().map(String::as_str)), text, "in pieces");
        }
    }

    #[test]
    fn what_models_write_reads_as_it_is_meant() {
        for written in WRITTEN {
            assert_eq!(read([written.replace('§', A).as_str()]).trim_end(), A, "{written}");
        }
    }

    #[test]
    fn thoughts_without_an_answer_are_none() {
        for written in [
            "<think>plan",
            "<think>plan</think>",
            "<think>plan</think>\n",
            "plan</think>",
            "<|channel|>analysis<|message|>plan",
            "<|im_end|>",
        ] {
            assert_eq!(read([written]), "", "{written}");
        }
        assert_eq!(read(["`kod`<|im_end|>"]), "`kod`");
        assert_eq!(read(["```\nkod\n```</s>"]), "```\nkod\n```");
        assert_eq!((read([" ", "\n"]), read([" \n", " Evet"])), (String::new(), "Evet".to_owned()));
        assert_eq!(read(["<think>plan</think>NO_ANSWER"]), "NO_ANSWER");
    }

    #[test]
    fn ordinary_texts_are_not_touched() {
        for text in [
            "x < y ve a<b, <3, <5 gün",
            "Use the `<think>` tag, or `<|im_end|>`.",
            "Yazın: <ad> ve <reason> alanı, [not], [INSTAGRAM], [1]",
            "~~Eski~~ <s>99 TL</s> 79 TL",
            "analysis of costs",
            "Commentary",
            "Bitmemiş <thi",
            "a <b>kalın</b> c <br/>",
        ] {
            assert_eq!(read([text]), text);
        }
    }

    #[test]
    fn nothing_waits_that_is_no_mark() {
        let mut plain = Plain::default();
        for (piece, expected) in
            [("Merhaba ", "Merhaba "), ("a <", "a "), (" 3", "< 3"), (" <i>", " <i>"), ("[1", "[1"), ("]", "]")]
        {
            assert_eq!(plain.push(piece).text, expected, "{piece}");
        }
    }

    proptest! {
        /// However a text is cut into pieces, the same is read, and no mark is ever shown.
        #[test]
        fn pieces_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "plan", "İade ", " 30", "<think>", "</think>", "<|channel|>", "analysis", "final", "<|message|>", "<|end|>",
                "<|start|>", "assistant", "<|im_end|>", "</s>", "<s>", "\n", "<", "[", "[THINK]", "[/THINK]", "`", "<tool_call>",
                "</tool_call>", "<0xC4>", "<0xB0>", "assistantfinal", "🙂", "<answer>", "</answer>", "<|im_start|>",
                "Assistant: ", "\n\nUser: ", "\nAssistant: ", "{\"answer\": \"", "\"}", "```md\n", "\n```\n", "Error: ", "\u{1b}[1m",
                "*thinking: ", "*", "Final Answer: ", "Reasoning: ", "\\boxed{", "}",
            ]), 0..14),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let text = parts.concat();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.retain(|at| text.is_char_boundary(*at));
            places.extend([0, text.len()]);
            places.sort_unstable();
            let whole = read([text.as_str()]);
            prop_assert_eq!(read(places.windows(2).map(|pair| &text[pair[0]..pair[1]])), whole.clone());
            if !text.contains('`') {
                for mark in ["<think>", "</think>", "<|channel|>", "<|im_end|>", "<tool_call>"] {
                    prop_assert!(!whole.contains(mark), "{}", whole);
                }
            }
        }
    }
}
