//! Phrases over the words of a message.

use super::{
    Complaint, Kind, Languages,
    rules::{Pattern, Role, Rules},
    words::{LONGEST, is_emoji, words},
};

/// Words that a message in which a person or robot is spotted may have: longer ones tell a story.
const SPOT_WORDS: usize = 25;

/// Phrases that together are the whole message.
pub(crate) struct Cover {
    found: Vec<(Role, Languages)>,
}

/// The phrases that account for every word, as few as possible; absent where a word is left over.
pub(crate) fn cover(rules: &Rules, words: &[String]) -> Option<Cover> {
    cover_of(rules, words, |role| !role.is_spot())
}

/// The same of phrases of some roles.
fn cover_of(rules: &Rules, words: &[String], counts: impl Fn(Role) -> bool) -> Option<Cover> {
    if words.len() > LONGEST {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // For each place the cheapest way to it: where it came from, and by which pattern.
    let mut ways: Vec<Option<(usize, Option<usize>)>> = vec![None; words.len() + 1];
    let mut costs = vec![usize::MAX; words.len() + 1];
    costs[0] = 0;
    for at in 0..words.len() {
        if costs[at] == usize::MAX {
            continue;
        }
        // A picture of which no rule tells says nothing.
        if words[at].chars().all(is_emoji) && costs[at] + 3 < costs[at + 1] {
            costs[at + 1] = costs[at] + 3;
            ways[at + 1] = Some((at, None));
        }
        for (nth, pattern) in rules.beginning(words[at]).filter(|(_, pattern)| counts(pattern.role)) {
            // Of equal ways that with fewer fillers.
            let step = if matches!(pattern.role, Role::Filler | Role::Beside) {
                3
            } else if matches!(pattern.role, Role::Unhelped | Role::Unclear) {
                1
            } else {
                2
            };
            let cost = costs[at] + step;
            for end in rules.ends(pattern, &words, at) {
                if end > at && cost < costs[end] {
                    costs[end] = cost;
                    ways[end] = Some((at, Some(nth)));
                }
            }
        }
    }
    let mut found = vec![];
    let mut end = words.len();
    while end > 0 {
        let (at, nth) = ways[end]?;
        let role = nth.map_or(Role::Picture, |nth| rules.patterns[nth].role);
        let is_silent = matches!(role, Role::Filler | Role::Picture | Role::Beside);
        found.push((role, if is_silent { Languages::ANY } else { languages(rules, &words, at, end) }));
        end = at;
    }
    found.reverse();
    Some(Cover { found })
}

/// The languages in which a phrase is said: any, where all of them share its words.
fn languages(rules: &Rules, words: &[&str], at: usize, end: usize) -> Languages {
    if words[at..end].iter().all(|word| rules.is_shared(word)) {
        return Languages::ANY;
    }
    let beginning = rules.beginning(words[at]).map(|(_, pattern)| pattern);
    let complains = |role: Role| matches!(role, Role::Unhelped | Role::Unclear);
    let said = beginning
        .filter(|pattern| (!pattern.role.is_spot() || complains(pattern.role)) && pattern.role != Role::Filler);
    let mut languages = Languages::default();
    for pattern in said.filter(|pattern| rules.ends(pattern, words, at).contains(&end)) {
        languages = languages.or(pattern.language.map_or(Languages::ANY, Languages::of));
    }
    languages
}

impl Cover {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.found.iter().any(|(found, _)| *found == role)
    }

    /// What the phrases are together. What parts or refuses outweighs what is said beside it out of politeness.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let has = |role| self.has(role);
        let says_no = has(Role::No) || has(Role::Enough) && !has(Role::Goodbye);
        // "I do not have one" tells something: there is more in it than the refusal.
        let fillers = self.found.iter().filter(|(role, _)| *role == Role::Filler).count();
        let tells = fillers > 2 * (self.found.len() - fillers);
        Some(if has(Role::Connect) && !says_no {
            Kind::Person
        } else if has(Role::Robot) {
            Kind::Robot
        } else if says_no {
            if tells {
                return None;
            }
            Kind::No
        } else if has(Role::Somebody) {
            Kind::Person
        } else if has(Role::Goodbye) {
            Kind::Goodbye
        } else if has(Role::Yes) && !has(Role::Greeting) {
            Kind::Yes
        } else if has(Role::Thanks) {
            if has(Role::Wish) { Kind::Goodbye } else { Kind::Thanks }
        } else if has(Role::Greeting) {
            Kind::Greeting
        } else if has(Role::Wish) {
            if has(Role::Acknowledgement) { Kind::Goodbye } else { Kind::Greeting }
        } else if has(Role::Acknowledgement) {
            if tells {
                return None;
            }
            Kind::Acknowledgement
        } else if has(Role::Smile) {
            Kind::Greeting
        } else if self.found.iter().all(|(role, _)| *role == Role::Picture) {
            Kind::Acknowledgement
        } else {
            return None;
        })
    }

    /// The languages in which all of it can be said; any, where that is none.
    pub(crate) fn languages(&self) -> Languages {
        let all = self.common_languages();
        if all == Languages::default() { Languages::ANY } else { all }
    }

    fn common_languages(&self) -> Languages {
        self.found.iter().fold(Languages::ANY, |all, (_, said)| all.and(*said))
    }
}

/// Words with which a sentence begins that asks whether something is so.
const VERBS: [&str; 12] = ["is", "are", "was", "were", "isnt", "wasnt", "does", "did", "do", "ist", "sind", "war"];

/// See [`super::complaint`].
pub(crate) fn complaint(text: &str) -> Option<Complaint> {
    let rules = Rules::get();
    let words = words(text);
    // "???"
    if words.is_empty() {
        return text.contains(['?', '!', '.', '…']).then_some(Complaint::Unclear);
    }
    let complains = |role: Role| matches!(role, Role::Unhelped | Role::Unclear | Role::Beside);
    let covered = |words: &[String]| cover_of(rules, words, |role| !role.is_spot() || complains(role));
    let found = [words.clone(), rules.spelled(&words)].into_iter().find_map(|words| {
        let covered = covered(&words)?;
        (covered.has(Role::Unhelped) || covered.has(Role::Unclear)).then_some(covered)
    })?;
    // "Is this wrong?" asks, and what is said in two languages is chance.
    let has_verb = words.first().is_some_and(|first| VERBS.contains(&first.as_str()));
    let asks = text.contains('?') && (has_verb || words.iter().any(|word| AFTER_WORDS.contains(&word.as_str())));
    match found.has(Role::Unhelped) {
        _ if found.common_languages() == Languages::default() => None,
        true => (!asks).then_some(Complaint::Unhelped),
        false => Some(Complaint::Unclear),
    }
}

/// Whether a robot or a person is asked for, whatever stands beside it.
pub(crate) fn spot(rules: &Rules, words: &[String], cover: Option<&Cover>) -> Option<Kind> {
    if words.len() > SPOT_WORDS {
        return None;
    }
    if is_there(rules, words, Role::Against) || is_there(rules, words, Role::Refusal) {
        return None;
    }
    if is_there(rules, words, Role::PersonSpot) {
        return Some(Kind::Person);
    }
    // Where every word is accounted for, that says more.
    (cover.is_none_or(|cover| cover.kind().is_none()) && is_there(rules, words, Role::RobotSpot)).then_some(Kind::Robot)
}

/// True when a pattern is found anywhere.
pub(crate) fn is_there(rules: &Rules, words: &[String], role: Role) -> bool {
    anywhere(rules, words, |found| found == role).next().is_some()
}

/// True where patterns of a role, fillers and pictures are all there is, and one of them at least.
pub(crate) fn is_all(rules: &Rules, words: &[String], role: Role) -> bool {
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    let (mut at, mut is_there) = (0, false);
    while let Some(word) = all.get(at) {
        let furthest = |wanted: Role| {
            let patterns = rules.beginning(word).map(|(_, pattern)| pattern).filter(|pattern| pattern.role == wanted);
            patterns.flat_map(|pattern| rules.ends(pattern, &all, at)).max().filter(|end| *end > at)
        };
        match furthest(role) {
            Some(end) => (at, is_there) = (end, true),
            None if word.chars().all(is_emoji) => at += 1,
            None => match furthest(Role::Filler) {
                Some(end) => at = end,
                None => return false,
            },
        }
    }
    is_there
}

/// The languages of the patterns for a robot or a person that are found anywhere.
pub(crate) fn spotted_languages(rules: &Rules, words: &[String]) -> Languages {
    let all = anywhere(rules, words, |role| matches!(role, Role::RobotSpot | Role::PersonSpot))
        .fold(Languages::default(), |all, pattern| all.or(pattern.language.map_or(Languages::ANY, Languages::of)));
    if all == Languages::default() { Languages::ANY } else { all }
}

/// The patterns of some roles that are found anywhere.
fn anywhere<'a>(
    rules: &'a Rules,
    words: &'a [String],
    wanted: impl Fn(Role) -> bool,
) -> impl Iterator<Item = &'a Pattern> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (0..words.len()).flat_map(move |at| {
        let found = rules.beginning(words[at]).map(|(_, pattern)| pattern);
        let found = found.filter(|pattern| wanted(pattern.role) && !rules.ends(pattern, &words, at).is_empty());
        found.collect::<Vec<_>>()
    })
}

/// Words that join two questions to one sentence.
const JOINTS: [&str; 9] =
    [" ve ", " and ", " und ", " ayrıca ", " ayrica ", " bir de ", " also ", " außerdem ", " sowie "];

/// See [`super::questions`].
pub(crate) fn questions(text: &str) -> Vec<&str> {
    let parts = parts(text);
    // Each question from where it begins to where the next one does.
    let mut starts: Vec<usize> = vec![];
    let mut is_lead = true;
    let mut begun = 0;
    for part in &parts {
        let from = part.as_ptr() as usize - text.as_ptr() as usize;
        if is_question(part) {
            // What leads to the first question is part of it, and so is what is said between two.
            starts.push(if is_lead { begun } else { from });
            is_lead = false;
        } else if part.contains('?') && !is_lead {
            // "And on Sundays?" goes on.
        } else if !is_lead {
            begun = from;
            is_lead = true;
        }
    }
    if starts.len() < 2 {
        return vec![text.trim()];
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(from, to)| without_joint(text[*from..to].trim())).collect()
}

/// See [`super::beside_who_writes`].
pub(crate) fn beside_who_writes(text: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = vec![];
    for part in parts(text) {
        match who_writes_and_question(part) {
            Some(at) => pieces.extend([&part[..at], &part[at..]]),
            None => pieces.push(part),
        }
    }
    let place = |piece: &str| piece.as_ptr() as usize - text.as_ptr() as usize;
    let told: Vec<&str> = pieces.into_iter().filter(|piece| asks_who_writes(piece)).collect();
    if told.is_empty() {
        return vec![];
    }
    let starts = [0].into_iter().chain(told.iter().map(|piece| place(piece) + piece.len()));
    let ends = told.iter().map(|piece| place(piece)).chain([text.len()]);
    let between =
        starts.zip(ends).map(|(from, to)| without_joint(text[from..to].trim_start_matches(['?', '!', '.']).trim()));
    between.filter(|rest| tells_something(rest)).collect()
}

fn asks_who_writes(piece: &str) -> bool {
    super::understand(piece).kind == Kind::Robot
}

/// True for what is more than small talk, and names something.
fn tells_something(rest: &str) -> bool {
    let rules = Rules::get();
    let found = rules.spelled(&words(rest));
    let is_small = || cover(rules, &found).is_some() || complaint(rest).is_some() || super::is_nonsense(rest);
    found.len() > 1 && super::understand(rest).kind == Kind::Question && topics(rules, &found) > 0 && !is_small()
}

/// Where a sentence goes on with a question after asking who writes, or the other way round: `are you a bot, and how long
/// is the warranty?`
fn who_writes_and_question(sentence: &str) -> Option<usize> {
    let starts: Vec<usize> =
        sentence.split_whitespace().map(|token| token.as_ptr() as usize - sentence.as_ptr() as usize).collect();
    if starts.len() > RUN_ON || sentence.len() > JOINED {
        return None;
    }
    let rules = Rules::get();
    // "Are you a bot or is somebody reading this?" asks one thing.
    let goes_on = |half: &str| words(half).first().is_some_and(|first| EITHER.contains(&first.as_str()));
    let question = |half: &str| {
        let half = without_link(half.trim());
        asks(half) && stands_alone(half) && !depends(half) && !goes_on(half) && !refers_back(half)
    };
    let robot = |half: &str| {
        let found = rules.spelled(&words(half));
        asks_who_writes(half) && cover(rules, &found).is_some_and(|covered| covered.kind() == Some(Kind::Robot))
    };
    // Without a mark between them, only what is said to somebody parts.
    let says_you = |half: &str| is_there(rules, &rules.spelled(&words(half)), Role::RobotSpot);
    starts.into_iter().skip(1).find(|at| {
        let (left, right) = sentence.split_at(*at);
        let is_parted = left.trim_end().ends_with(MARKS) || without_link(right).len() < right.len();
        let left_is_robot = robot(left) && (is_parted || says_you(left));
        left_is_robot && question(right) || is_parted && robot(right) && question(left) && !ends_asking(left)
    })
}

/// Words with which the other half of a choice begins.
const EITHER: [&str; 6] = ["or", "oder", "yoksa", "veya", "ya", "if"];

/// See [`super::asking_part`].
pub(crate) fn asking_part(text: &str) -> Option<&str> {
    let parts = parts(text);
    let asking: Vec<&str> = parts.iter().copied().filter(|part| asks(part)).collect();
    // "I want a refund NOW! This is unacceptable!"
    let telling = || {
        let small = |part: &str| complaint(part).is_some() || words(part).is_empty();
        let rules = Rules::get();
        let wishes = |part: &str| is_there(rules, &rules.spelled(&words(part)), Role::Please);
        let is_told = |part: &&str| !small(part) && wishes(part) && super::understand(part).kind == Kind::Question;
        let complains = parts.iter().any(|part| !words(part).is_empty() && complaint(part).is_some());
        parts.iter().copied().filter(|part| complains && is_told(part)).collect()
    };
    let found: Vec<&str> = if asking.is_empty() { telling() } else { asking };
    let [only] = found.as_slice() else { return None };
    (only.trim().len() < text.trim().len()).then_some(only.trim())
}

/// Sentences, lines, and what stands on either side of a joint that joins two questions.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = vec![];
    for line in text.split_inclusive('\n') {
        for sentence in line.split_inclusive(['?', '!', '.', ';']) {
            let mut rest = sentence;
            while let Some(at) = joint(rest) {
                parts.push(&rest[..at]);
                rest = &rest[at..];
            }
            parts.push(rest);
        }
    }
    parts
}

/// Bytes of a sentence that joins questions: a longer one tells a story.
const JOINED: usize = 400;

/// Where the first joint of two questions in one sentence is.
fn joint(sentence: &str) -> Option<usize> {
    if sentence.len() > JOINED {
        return None;
    }
    let words = JOINTS.iter().flat_map(|joint| sentence.match_indices(joint)).map(|(at, _)| (at, false));
    let commas = sentence.match_indices(", ").map(|(at, _)| (at, true));
    let mut places: Vec<(usize, bool)> = words.chain(commas).collect();
    places.sort_unstable();
    let joins = |&(at, is_comma): &(usize, bool)| {
        let (left, right) = sentence.split_at(at);
        let both = asks(left) && asks(right) && !ends_asking(left) && !refers_back(right);
        // A comma may also part the halves of one question: "do you know, when …", "what does it cost, if …".
        let clauses = [left, right];
        both && (!is_comma || clauses.into_iter().all(|clause| stands_alone(clause) && !depends(clause)))
    };
    places.into_iter().find(joins).map(|(at, _)| at)
}

/// Words for what the question before named.
const PRONOUNS: [&str; 16] = [
    "it", "its", "they", "them", "er", "es", "dafur", "davon", "bunu", "bunun", "onu", "onun", "bunlar", "onlar",
    "orasi", "burasi",
];

/// True for a question that means the one before it: "and how much does it cost?".
fn refers_back(part: &str) -> bool {
    let words = words(part);
    // "Gibt es …" and "is it possible …" name nothing.
    let is_empty = |at: usize| {
        let neighbour = |near: Option<usize>| near.and_then(|near| words.get(near)).map(String::as_str);
        matches!(neighbour(at.checked_sub(1)), Some("gibt" | "geht")) || neighbour(Some(at + 1)) == Some("posible")
    };
    (0..words.len()).any(|at| PRONOUNS.contains(&words[at].as_str()) && !is_empty(at))
}

/// Turkish words that ask about what was named before, where but a verb follows (`nasıl yaparım`), and where but one word
/// stands before them (`zorunlu mu`).
const BEFORE_VERBS: [&str; 6] = ["nasil", "kac", "ne", "neden", "hangi", "kim"];
const AFTER_WORDS: [&str; 2] = ["mi", "mu"];

/// True for a question that names what it asks about.
fn stands_alone(part: &str) -> bool {
    let found = words(part);
    let is_any = |word: Option<&String>, of: &[&str]| word.is_some_and(|word| of.contains(&word.as_str()));
    let leans = is_any(found.first(), &BEFORE_VERBS) || is_any(found.last(), &AFTER_WORDS);
    !goes_on(part) && topics(Rules::get(), &found) > usize::from(leans)
}

/// True for a clause that needs another: `if …`, `wenn …`.
fn depends(clause: &str) -> bool {
    let rules = Rules::get();
    let found = rules.spelled(&words(clause));
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let Some(first) = words.first() else { return false };
    let mut patterns = rules.beginning(first).map(|(_, pattern)| pattern);
    patterns.any(|pattern| pattern.role == Role::Depends && !rules.ends(pattern, &words, 0).is_empty())
}

/// True for what asks by itself.
fn asks(part: &str) -> bool {
    let words = words(part);
    let has_word = is_there(Rules::get(), &words, Role::Asks);
    words.len() > 1 && has_word && super::understand(part).kind == Kind::Question && complaint(part).is_none()
}

/// True for a sentence that asks by itself, be it by nothing but its mark.
fn is_question(sentence: &str) -> bool {
    let is_marked = sentence.trim_end().ends_with('?') && words(sentence).len() > 1 && !goes_on(sentence);
    asks(sentence) || is_marked && super::understand(sentence).kind == Kind::Question && complaint(sentence).is_none()
}

/// True for "how" of "how and where".
fn ends_asking(part: &str) -> bool {
    let rules = Rules::get();
    let found = words(part);
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let Some(last) = words.len().checked_sub(1) else { return false };
    if ["kac", "nerede", "nedir", "nasil"].contains(&words[last]) {
        return false;
    }
    let asking = rules.beginning(words[last]).map(|(_, pattern)| pattern).filter(|pattern| pattern.role == Role::Asks);
    let mut foreign = asking.filter(|pattern| pattern.language != Some(super::Language::Turkish));
    foreign.any(|pattern| rules.ends(pattern, &words, last).contains(&words.len()))
}

fn without_joint(question: &str) -> &str {
    let question = question.trim_matches(',').trim();
    let joint = JOINTS.iter().find_map(|joint| question.strip_prefix(joint.trim_start()));
    joint.unwrap_or(question).trim()
}

/// Words of a follow-up that say nothing by themselves, up to so many letters.
const SHORT: usize = 2;

/// See [`super::goes_on`].
pub(crate) fn goes_on(text: &str) -> bool {
    let rules = Rules::get();
    let found = words(text);
    let topics = topics(rules, &found);
    topics == 0 && !found.is_empty()
        || topics <= 2 && (is_there(rules, &found, Role::FollowUp) || !is_there(rules, &found, Role::Asks))
}

/// True where words say that something goes on, or ask for no thing at all.
pub(crate) fn is_said_to_go_on(text: &str) -> bool {
    let rules = Rules::get();
    let found = words(text);
    is_there(rules, &found, Role::FollowUp) || topics(rules, &found) == 0 && is_there(rules, &found, Role::Asks)
}

/// How many words there are beside those that only ask, lead to a question or fill it.
fn topics(rules: &Rules, found: &[String]) -> usize {
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let mut is_told = vec![false; words.len()];
    let silent =
        |role: Role| matches!(role, Role::Asks | Role::Filler | Role::Acknowledgement | Role::FollowUp | Role::Lead);
    for at in 0..words.len() {
        let patterns = rules.beginning(words[at]).map(|(_, pattern)| pattern);
        let silent = patterns.filter(|pattern| silent(pattern.role));
        let end = silent.flat_map(|pattern| rules.ends(pattern, &words, at)).max().unwrap_or(at);
        is_told[at..end].iter_mut().for_each(|told| *told = true);
    }
    words.iter().zip(&is_told).filter(|(word, told)| !**told && word.chars().count() > SHORT).count()
}

/// Words of an attribute that stand together.
const ATTRIBUTE: usize = 2;
/// Words of a question of which the thing is looked for.
const THING_WORDS: usize = 15;

/// See [`super::thing`].
pub(crate) fn thing(text: &str) -> Option<&str> {
    let rules = Rules::get();
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let found: Vec<String> = tokens.iter().map(|token| words(token).concat()).collect();
    if tokens.len() > THING_WORDS || is_there(rules, &found, Role::Matter) {
        return None;
    }
    let attributes = anywhere(rules, &found, |role| role == Role::Attribute);
    let languages: Vec<_> = attributes.filter_map(|pattern| pattern.language).collect();
    languages.first()?;
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let silent = |role: Role| {
        matches!(
            role,
            Role::Attribute | Role::Own | Role::Asks | Role::Lead | Role::FollowUp | Role::Filler | Role::Greeting
        )
    };
    let mut is_told = vec![false; words.len()];
    for at in 0..words.len() {
        let patterns = rules.beginning(words[at]).map(|(_, pattern)| pattern);
        let silent = patterns.filter(|pattern| silent(pattern.role));
        // Between "wann" and "zu" stands the thing.
        let ends = silent.flat_map(|pattern| {
            let is_short = move |end: &usize| pattern.role != Role::Attribute || *end <= at + ATTRIBUTE;
            rules.ends(pattern, &words, at).into_iter().filter(is_short)
        });
        let end = ends.max().unwrap_or(at);
        is_told[at..end].iter_mut().for_each(|told| *told = true);
    }
    let is_thing = |at: &usize| {
        let is_word = words[*at].chars().count() > SHORT && words[*at].chars().all(char::is_alphabetic);
        !is_told[*at] && is_word && !exact_index::text::terms(words[*at]).is_empty()
    };
    // The last word of a name is what it names. In Turkish what qualifies stands before, in the others behind it.
    let at = match languages.contains(&super::Language::Turkish) {
        true => (0..words.len()).rev().find(is_thing)?,
        false => {
            let first = (0..words.len()).find(is_thing)?;
            (first..words.len()).take_while(is_thing).last()?
        }
    };
    Some(tokens[at])
}

/// Words of small talk before or after a question that are looked at.
const AROUND: usize = 12;

/// See [`super::core`].
pub(crate) fn core(text: &str) -> &str {
    let mut rest = text.trim();
    let starts = |text: &str| -> Vec<usize> {
        text.split_whitespace().map(|token| token.as_ptr() as usize - text.as_ptr() as usize).collect()
    };
    let is_question = |text: &str| super::understand(text).kind == Kind::Question && !words(text).is_empty();
    let places = starts(rest);
    let is_parted = |text: &str| text.trim_end().ends_with(MARKS);
    if !is_question(rest) {
        return rest;
    }
    let before = |at: usize| is_talk(&rest[..at], Side::Before, is_parted(&rest[..at])) && is_question(&rest[at..]);
    if let Some(at) = places.iter().copied().skip(1).take(AROUND).rev().find(|at| before(*at)) {
        rest = without_link(rest[at..].trim_start());
    }
    let places = starts(rest);
    let first = places.len().saturating_sub(AROUND).max(1);
    let mut after = places.iter().copied().skip(first);
    let is_after = |at: usize| is_talk(&rest[at..], Side::After, is_parted(&rest[..at])) && is_question(&rest[..at]);
    if let Some(at) = after.find(|at| is_after(*at)) {
        rest = rest[..at].trim_end().trim_end_matches(',');
    }
    rest
}

/// On which side of a question something stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// True for small talk beside a question. Where no mark parts them, nothing that could be a word of the question counts.
fn is_talk(text: &str, side: Side, is_parted: bool) -> bool {
    let rules = Rules::get();
    let found = words(text);
    // A mark alone says nothing.
    if found.is_empty() {
        return false;
    }
    let covered = |words: &[String]| cover(rules, words).and_then(|covered| Some((covered.kind()?, covered)));
    if is_parted {
        let kind = covered(&rules.spelled(&found)).map(|(kind, _)| kind);
        return kind.is_some_and(|kind| !matches!(kind, Kind::Question | Kind::Person | Kind::Robot));
    }
    let Some((kind, covered)) = covered(&found) else { return false };
    let is_polite = match (side, kind) {
        (_, Kind::Thanks) => true,
        (Side::Before, Kind::Greeting) => true,
        (Side::Before, Kind::Acknowledgement) => is_there(rules, &found[..1], Role::Consent),
        (Side::After, Kind::Yes) => matches!(found.as_slice(), [word] if PLEASE.contains(&word.as_str())),
        _ => false,
    };
    let nearest = match side {
        Side::Before => covered.found.last(),
        Side::After => covered.found.first(),
    };
    is_polite && !is_there(rules, &found, Role::Asks) && nearest.is_some_and(|(role, _)| *role != Role::Filler)
}

/// "Please", as the words of a text are spelled.
const PLEASE: [&str; 6] = ["please", "pls", "plz", "lutfen", "ltfn", "bite"];

/// Marks that end what is said.
const MARKS: [char; 9] = [',', '.', '!', '?', ':', ';', '-', '…', '\n'];

/// A question without the word that links it to what was said before it: `aber wie lange …`.
fn without_link(question: &str) -> &str {
    let Some((first, rest)) = question.split_once(char::is_whitespace) else { return question };
    let first = words(first);
    let is_link = matches!(first.as_slice(), [word] if LINKS.contains(&word.as_str()));
    if is_link { rest.trim_start() } else { question }
}

/// Words that link a question to what was said before it.
const LINKS: [&str; 18] = [
    "aber", "ama", "but", "and", "und", "ve", "so", "also", "peki", "fakat", "ancak", "yalniz", "well", "da", "de",
    "now", "then", "simdi",
];

/// What parts the clauses of a sentence.
const CLAUSES: [&str; 14] =
    [",", ":", " - ", " – ", "(", ")", " und ", " and ", " ve ", " but ", " aber ", " ama ", " oder ", " or "];

/// True where a clause of a sentence is the wish for a person, whatever is asked in the others.
pub(crate) fn wishes_beside(text: &str) -> bool {
    let rules = Rules::get();
    parts(text).into_iter().any(|part| {
        let words = rules.spelled(&words(part));
        let is_person = |role| matches!(role, Role::PersonSpot | Role::Connect | Role::Somebody);
        // "When my customers want to talk to a person" tells of others.
        if part.len() > JOINED
            || anywhere(rules, &words, is_person).next().is_none()
            || is_there(rules, &words, Role::Others)
        {
            return false;
        }
        let mut places: Vec<usize> =
            CLAUSES.iter().flat_map(|mark| part.match_indices(mark).map(|(at, mark)| at + mark.len())).collect();
        places.extend([0, part.len()]);
        places.sort_unstable();
        let mut clauses = places.windows(2).map(|place| &part[place[0]..place[1]]);
        places.len() > 2 && clauses.any(is_wish) || wish_runs_on(part)
    })
}

/// True for the wish for a person in so many words; a name of one alone may be the end of a list.
fn is_wish(clause: &str) -> bool {
    let rules = Rules::get();
    let clause = without_link(clause.trim());
    let found = rules.spelled(&words(clause.trim_end_matches(|c: char| !c.is_alphanumeric())));
    let says = |role| cover(rules, &found).is_some_and(|covered| covered.has(role));
    let is_asked = says(Role::Connect)
        || is_there(rules, &found, Role::PersonSpot)
        || says(Role::Somebody) && is_there(rules, &found, Role::Please);
    super::understand(clause).kind == Kind::Person && is_asked && !depends(clause)
}

/// Words of a sentence in which a wish and a question follow each other without a mark between them.
const RUN_ON: usize = 20;

/// True where a wish and a question follow each other without a mark between them, in either order.
fn wish_runs_on(part: &str) -> bool {
    let starts: Vec<usize> =
        part.split_whitespace().map(|token| token.as_ptr() as usize - part.as_ptr() as usize).collect();
    // "I do not want to | talk to a person, how long is the warranty?"
    if starts.len() > RUN_ON || refuses_a_person(part) {
        return false;
    }
    let whole_question = |half: &str| asks(half) && stands_alone(half);
    starts.iter().skip(2).any(|at| {
        let (left, right) = part.split_at(*at);
        let ends = words(left).last().is_none_or(|last| !BEFORE_VERB.contains(&last.as_str()));
        names_a_person(left) && is_wish(left) && whole_question(right)
            || ends && names_a_person(right) && is_wish(right) && whole_question(left)
    })
}

/// True where a person is refused in so many words.
fn refuses_a_person(part: &str) -> bool {
    let rules = Rules::get();
    is_there(rules, &rules.spelled(&words(part)), Role::Refusal)
}

/// True where it is said who is wanted: "can I connect" may go on with a thing.
fn names_a_person(part: &str) -> bool {
    let rules = Rules::get();
    let words = rules.spelled(&words(part));
    anywhere(rules, &words, |role| matches!(role, Role::PersonSpot | Role::Somebody)).next().is_some()
}

/// After these words the same sentence goes on.
const BEFORE_VERB: [&str; 24] = [
    "i", "we", "you", "if", "when", "to", "can", "do", "does", "is", "are", "how", "ich", "wir", "wenn", "ob", "das",
    "zu", "um", "der", "die", "bir", "ki", "or",
];
