//! What was measured, as tables for a terminal and a summary in the last line.

use std::fmt::Write;

use ::entity::{assistant::Provider, message::AnswerAction};

use super::{Asked, Kind, LEGS, Refused, Report, Run, Wanted};
use crate::features::evaluation::model::{Ranks, percentile, share};

/// Width of the first column.
const NAME: usize = 18;

/// The tables and what they come to.
pub(super) fn report(run: &Run<'_>, wanted: &Wanted) -> Report {
    let mut text = String::new();
    head(run, &mut text);
    retrieval(run, &mut text);
    answers(run, &mut text);
    refusals(run, &mut text);
    latency(run, &mut text);
    let misses = misses(run, wanted);
    let verdict = if misses.is_empty() { "OK".to_owned() } else { format!("FAILED ({})", misses.join("; ")) };
    text.push_str(&format!("{verdict}: {}", summary(run)));
    Report { text, is_good_enough: misses.is_empty() }
}

/// A line of a table; nothing can go wrong when writing to a text.
fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(args);
    text.push('\n');
}

fn head(run: &Run<'_>, text: &mut String) {
    let folder = run.folder;
    let provider = match run.provider {
        Provider::BuiltIn => "the built-in answerer".to_owned(),
        model @ (Provider::OpenaiCompatible
        | Provider::Openai
        | Provider::AzureOpenai
        | Provider::Mistral
        | Provider::Ollama
        | Provider::Anthropic
        | Provider::Gemini) => format!("a model ({model:?})"),
    };
    line(
        text,
        format_args!(
            "{} articles of {} businesses, each searched alone; {} questions with an answer, {} without.\n\
             Embedder {}; answers by {provider}. Indexed {} passages in {:.1} s.\n",
            folder.articles.len(),
            folder.businesses().len(),
            run.asked.len(),
            run.refused.len(),
            run.embedder,
            run.indexing.1,
            run.indexing.0.as_secs_f64(),
        ),
    );
}

/// A named part of the answerable questions.
struct Group<'a> {
    name: String,
    asked: Vec<&'a Asked<'a>>,
}

/// All; by language; by business; and the special ones.
fn groups<'a>(run: &'a Run<'a>) -> Vec<Group<'a>> {
    let part = |name: String, fits: &dyn Fn(&Asked<'_>) -> bool| Group {
        name,
        asked: run.asked.iter().filter(|asked| fits(asked)).collect(),
    };
    let mut groups = vec![part("all".into(), &|_| true)];
    for language in run.folder.languages() {
        groups.push(part(language.to_owned(), &|asked| asked.question.language == language));
    }
    for business in run.folder.businesses() {
        groups.push(part(business.to_owned(), &|asked| asked.question.business == business));
    }
    groups.push(part("ascii_turkish".into(), &|asked| asked.question.ascii_turkish));
    groups.push(part("cross_language".into(), &|asked| asked.question.cross_language));
    groups.push(part("same_language".into(), &|asked| !asked.question.cross_language));
    groups
}

fn ranks<'a>(asked: impl IntoIterator<Item = &'a &'a Asked<'a>>, leg: usize) -> Ranks {
    asked.into_iter().map(|asked| asked.places[leg]).collect()
}

fn retrieval(run: &Run<'_>, text: &mut String) {
    text.push_str("RETRIEVAL  recall@1, @3, @10 in %, mean reciprocal rank of the first 10\n");
    line(text, format_args!("{:<NAME$} {:>5}  {:^24}  {:^24}  {:^24}", "", "", "lexical", "dense", "fused"));
    let columns = format!("{:>5} {:>5} {:>5} {:>6}", "@1", "@3", "@10", "MRR");
    line(text, format_args!("{:<NAME$} {:>5}  {columns}  {columns}  {columns}", "", "n"));
    for group in groups(run) {
        let mut row = format!("{:<NAME$} {:>5}", group.name, group.asked.len());
        for leg in 0..LEGS.len() {
            let ranks = ranks(&group.asked, leg);
            let recall = |k| 100.0 * ranks.recall(k);
            let _ =
                write!(row, "  {:>5.1} {:>5.1} {:>5.1} {:>6.3}", recall(1), recall(3), recall(10), ranks.reciprocal());
        }
        line(text, format_args!("{row}"));
    }
    text.push('\n');
}

fn answers(run: &Run<'_>, text: &mut String) {
    text.push_str(
        "QUESTIONS WITH AN ANSWER  in % of n; article: answered from the right one; text: and showing the right words;\n\
         precision: of what was answered, from the right article; quotes: citations that are literal\n",
    );
    line(
        text,
        format_args!(
            "{:<NAME$} {:>5}  {:>8} {:>8} {:>8} {:>9}  {:>10} {:>9} {:>6} {:>6}  {:>6}",
            "",
            "n",
            "answered",
            "article",
            "text",
            "precision",
            "asked back",
            "abstained",
            "handed",
            "failed",
            "quotes"
        ),
    );
    for Group { name, asked } in groups(run) {
        let n = asked.len();
        let percent = |fits: &dyn Fn(&Asked<'_>) -> bool| 100.0 * share(count(&asked, fits), n);
        let ended = |wanted: Option<AnswerAction>| percent(&|asked| asked.measured.trial.action == wanted);
        let citations = asked.iter().map(|asked| asked.measured.trial.citations.len()).sum();
        let valid = asked.iter().map(|asked| asked.measured.valid_citations).sum();
        let answered = count(&asked, &|asked| asked.is_answered());
        let right = count(&asked, &|asked| asked.measured.right_article);
        line(
            text,
            format_args!(
                "{name:<NAME$} {n:>5}  {:>8.1} {:>8.1} {:>8.1} {:>9.1}  {:>10.1} {:>9.1} {:>6.1} {:>6.1}  {:>6.1}",
                ended(Some(AnswerAction::Answer)),
                percent(&|asked| asked.measured.right_article),
                percent(&|asked| asked.measured.right_article && asked.measured.right_text),
                100.0 * share(right, answered),
                ended(Some(AnswerAction::Clarify)),
                ended(Some(AnswerAction::Abstain)),
                ended(Some(AnswerAction::Handoff)),
                ended(None),
                100.0 * share(valid, citations),
            ),
        );
    }
    text.push('\n');
}

fn count(asked: &[&Asked<'_>], fits: &dyn Fn(&Asked<'_>) -> bool) -> usize {
    asked.iter().filter(|asked| fits(asked)).count()
}

fn refusals(run: &Run<'_>, text: &mut String) {
    text.push_str("QUESTIONS WITHOUT AN ANSWER  that got one nevertheless, in % of n\n");
    line(
        text,
        format_args!("{:<NAME$} {:>5} {:>7}  {:>5} {:>7}  {:>5} {:>7}", "", "n", "far", "n", "near", "n", "all"),
    );
    let mut row = |name: &str, fits: &dyn Fn(&Refused<'_>) -> bool| {
        let mut cells = String::new();
        for kind in [Some(Kind::Far), Some(Kind::Near), None] {
            let (wrong, n) = false_answers(run, &|refused| fits(refused) && kind.is_none_or(|kind| refused.is(kind)));
            let shown = if n == 0 { "-".to_owned() } else { format!("{:.1}", 100.0 * share(wrong, n)) };
            let _ = write!(cells, " {n:>5} {shown:>7} ");
        }
        line(text, format_args!("{name:<NAME$}{}", cells.trim_end()));
    };
    row("all", &|_| true);
    for language in run.folder.languages() {
        row(language, &|refused| refused.question.language == language);
    }
    for business in run.folder.businesses() {
        row(business, &|refused| refused.question.business == business);
    }
    text.push('\n');
}

/// How many of some unanswerable questions got an answer, and how many there are.
fn false_answers(run: &Run<'_>, fits: &dyn Fn(&Refused<'_>) -> bool) -> (usize, usize) {
    let of_them: Vec<&Refused<'_>> = run.refused.iter().filter(|refused| fits(refused)).collect();
    (of_them.iter().filter(|refused| refused.is_answered()).count(), of_them.len())
}

fn latency(run: &Run<'_>, text: &mut String) {
    let (p50, p99) = times(run);
    line(text, format_args!("LATENCY  from the question to the whole answer, one at a time: p50 {p50}, p99 {p99}\n"));
}

fn times(run: &Run<'_>) -> (String, String) {
    let asked = run.asked.iter().map(|asked| asked.measured.latency);
    let all: Vec<_> = asked.chain(run.refused.iter().map(|refused| refused.measured.latency)).collect();
    let shown = |percent| format!("{:.1} ms", percentile(&all, percent).as_secs_f64() * 1_000.0);
    (shown(50), shown(99))
}

/// Recall@3 of the fused order and the share of false answers, in percent.
fn figures(run: &Run<'_>) -> (f64, f64) {
    let fused: Ranks = run.asked.iter().map(|asked| asked.places[2]).collect();
    let (wrong, n) = false_answers(run, &|_| true);
    (100.0 * fused.recall(3), 100.0 * share(wrong, n))
}

/// What is worse than was wanted.
fn misses(run: &Run<'_>, wanted: &Wanted) -> Vec<String> {
    let (recall, wrong) = figures(run);
    let mut misses = vec![];
    if let Some(least) = wanted.min_recall3.filter(|least| recall < *least) {
        misses.push(format!("recall@3 {recall:.1} % is below --min-recall3 {least} %"));
    }
    if let Some(most) = wanted.max_false.filter(|most| wrong > *most) {
        misses.push(format!("false answers {wrong:.1} % are above --max-false {most} %"));
    }
    misses
}

fn summary(run: &Run<'_>) -> String {
    let fused: Ranks = run.asked.iter().map(|asked| asked.places[2]).collect();
    let n = run.asked.len();
    let answered = run.asked.iter().filter(|asked| asked.is_answered()).count();
    let right = run.asked.iter().filter(|asked| asked.measured.right_article).count();
    let percent = |fits: &dyn Fn(&Refused<'_>) -> bool| {
        let (wrong, n) = false_answers(run, fits);
        100.0 * share(wrong, n)
    };
    let (p50, p99) = times(run);
    format!(
        "recall@1/@3/@10 {:.1}/{:.1}/{:.1} %, MRR {:.3}; answered {:.1} %, precision {:.1} %; false answers {:.1} % \
         (far {:.1} %, near {:.1} %); p50 {p50}, p99 {p99}",
        100.0 * fused.recall(1),
        100.0 * fused.recall(3),
        100.0 * fused.recall(10),
        fused.reciprocal(),
        100.0 * share(answered, n),
        100.0 * share(right, answered),
        percent(&|_| true),
        percent(&|refused| refused.is(Kind::Far)),
        percent(&|refused| refused.is(Kind::Near)),
    )
}
