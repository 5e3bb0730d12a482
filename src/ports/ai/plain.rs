//! What a model says, without the machinery of its template: thoughts, channels, tool calls and special tokens.
//!
//! Servers that do not know a model's template pass on what the model really wrote: `<think>…</think>` before the answer,
//! `<|channel|>analysis<|message|>…` of harmony, `<|im_end|>` after it. The text comes in pieces; what may turn out to be
//! such a mark is held back until it is clear, and everything else passes at once.
//!
//! Marks right after an opening backtick are text: an answer may speak about them.

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
const WRAPPERS: [&str; 5] = ["answer", "final", "final_answer", "response", "assistant_response"];
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
}

impl Plain {
    /// For a model that is known to mark its thoughts, if it has any.
    pub(super) fn of_known() -> Self {
        Self { is_no_channel: true, ..Self::default() }
    }

    /// What can be shown where the next piece is long in coming: a beginning is then no name of a channel.
    pub(super) fn settle(&mut self) -> Shown {
        self.is_no_channel |= !matches!(self.part, Part::Bare(_));
        self.read(false)
    }

    /// What can be shown after a further piece.
    pub(super) fn push(&mut self, piece: &str) -> Shown {
        self.held.push_str(piece);
        self.read(false)
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
            self.visible = false;
            return Shown { withdrawn: true, text: String::new() };
        }
        shown
    }

    /// True once there is something to read.
    pub(super) fn has_text(&self) -> bool {
        self.visible
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
        self.hidden
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
    ];

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
