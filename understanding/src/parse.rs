//! Phrases over the words of a message.

use super::{
    Kind, Languages,
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
        for (nth, pattern) in rules.beginning(words[at]).filter(|(_, pattern)| !pattern.role.is_spot()) {
            // Of equal ways that with fewer fillers.
            let cost = costs[at] + if pattern.role == Role::Filler { 3 } else { 2 };
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
        let is_silent = matches!(role, Role::Filler | Role::Picture);
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
    let said = beginning.filter(|pattern| !pattern.role.is_spot() && pattern.role != Role::Filler);
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
        let all = self.found.iter().fold(Languages::ANY, |all, (_, said)| all.and(*said));
        if all == Languages::default() { Languages::ANY } else { all }
    }
}

/// Whether a robot or a person is asked for, whatever stands beside it.
pub(crate) fn spot(rules: &Rules, words: &[String], cover: Option<&Cover>) -> Option<Kind> {
    if words.len() > SPOT_WORDS {
        return None;
    }
    if is_there(rules, words, Role::Against) {
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
        if asks(part) {
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

/// See [`super::asking_part`].
pub(crate) fn asking_part(text: &str) -> Option<&str> {
    let parts = parts(text);
    let mut asking = parts.iter().filter(|part| asks(part));
    let only = asking.next()?.trim();
    (asking.next().is_none() && only.len() < text.trim().len()).then_some(only)
}

/// Sentences, lines, and what stands on either side of a joint that joins two questions.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = vec![];
    for line in text.split_inclusive('\n') {
        for sentence in line.split_inclusive(['?', '!', '.', ';']) {
            let joint = JOINTS.iter().flat_map(|joint| sentence.match_indices(joint)).map(|(at, _)| at).find(|at| {
                let (left, right) = sentence.split_at(*at);
                asks(left) && asks(right) && !ends_asking(left)
            });
            match joint {
                Some(at) => parts.extend([&sentence[..at], &sentence[at..]]),
                None => parts.push(sentence),
            }
        }
    }
    parts
}

/// True for what asks by itself.
fn asks(part: &str) -> bool {
    let words = words(part);
    words.len() > 1 && is_there(Rules::get(), &words, Role::Asks) && super::understand(part).kind == Kind::Question
}

/// True for "how" of "how and where".
fn ends_asking(part: &str) -> bool {
    let rules = Rules::get();
    let found = words(part);
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let mut patterns = rules.patterns.iter().filter(|pattern| pattern.role == Role::Asks);
    let last = words.len().saturating_sub(1);
    let is_turkish_particle = words.last().is_some_and(|last| ["kac", "nerede", "nedir", "nasil"].contains(last));
    !is_turkish_particle
        && patterns.any(|pattern| {
            pattern.language != Some(super::Language::Turkish)
                && rules.ends(pattern, &words, last).contains(&words.len())
        })
}

fn without_joint(question: &str) -> &str {
    let joint = JOINTS.iter().find_map(|joint| question.strip_prefix(joint.trim_start()));
    joint.unwrap_or(question).trim()
}

/// Words of a follow-up that say nothing by themselves, up to so many letters.
const SHORT: usize = 2;

/// See [`super::goes_on`].
pub(crate) fn goes_on(text: &str) -> bool {
    let rules = Rules::get();
    let found = words(text);
    let words: Vec<&str> = found.iter().map(String::as_str).collect();
    let mut is_told = vec![false; words.len()];
    let silent = |role: Role| matches!(role, Role::Asks | Role::Filler | Role::Acknowledgement | Role::FollowUp);
    for pattern in rules.patterns.iter().filter(|pattern| silent(pattern.role)) {
        for at in 0..words.len() {
            let end = rules.ends(pattern, &words, at).into_iter().max().unwrap_or(at);
            is_told[at..end].iter_mut().for_each(|told| *told = true);
        }
    }
    let topics = words.iter().zip(&is_told).filter(|(word, told)| !**told && word.chars().count() > SHORT).count();
    topics == 0 || topics <= 2 && (is_there(rules, &found, Role::FollowUp) || !is_there(rules, &found, Role::Asks))
}
