//! `yanit evaluate`, run as people run it: a process, its exit code and what it prints.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

/// Articles and questions of two businesses in three languages.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evaluate")
}

/// The exit code, what was printed, and complaints.
fn evaluate(folder: &Path, options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yanit"));
    // Away from any settings file.
    command.current_dir(std::env::temp_dir()).arg("evaluate").arg(folder).args(options);
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A copy of the example in which one file is changed.
struct Changed(PathBuf);

impl Changed {
    fn new(file: &str, change: impl FnOnce(&mut Value)) -> Self {
        let name = format!("yanit-evaluate-test-{}", uuid::Uuid::from_u128(rand::random()).simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder");
        for file in ["articles.json", "questions.json", "unanswerable.json"] {
            fs::copy(example().join(file), folder.join(file)).expect("a copy");
        }
        let mut value = serde_json::from_slice(&fs::read(folder.join(file)).expect("a file")).expect("JSON");
        change(&mut value);
        fs::write(folder.join(file), value.to_string()).expect("written");
        Self(folder)
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The numbers of the row that begins with a name, in the table after a heading.
fn row(text: &str, heading: &str, name: &str) -> Vec<f64> {
    let table = text.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading} in {text}"));
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(name));
    let row = row.unwrap_or_else(|| panic!("no row {name} in {table}"));
    row.split_whitespace().skip(1).map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()
}

#[test]
fn a_folder_is_measured_and_what_was_wanted_decides_the_exit_code() {
    let (code, text, errors) = evaluate(&example(), &["--min-recall3", "80", "--max-false", "60"]);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.lines().last().unwrap().starts_with("OK: recall@1"), "{text}");
    let all = row(&text, "RETRIEVAL", "all");
    assert_eq!((all.len(), all[0]), (13, 6.0));
    for name in ["tr", "en", "de", "shop", "library", "ascii_turkish", "cross_language", "same_language"] {
        assert_eq!(row(&text, "RETRIEVAL", name).len(), 13, "{name}");
    }
    // Recall never falls with more places, and the few articles of a business are all among ten by meaning.
    for leg in all[1..].chunks(4) {
        assert!(leg[0] <= leg[1] && leg[1] <= leg[2] && leg[3] <= 1.0, "{leg:?}");
    }
    assert_eq!((all[7], all[11]), (100.0, 100.0));
    // Quotes of the built-in answerer are literal wherever there are any.
    let answers = row(&text, "QUESTIONS WITH AN ANSWER", "all");
    assert!(answers[1] > 0.0 && answers[2] <= answers[1] && answers[3] <= answers[2], "{answers:?}");
    assert!((answers[1] + answers[5] + answers[6] + answers[7] + answers[8] - 100.0).abs() < 0.3, "{answers:?}");
    assert_eq!(answers[9], 100.0);
    let refused = row(&text, "QUESTIONS WITHOUT AN ANSWER", "all");
    assert_eq!((refused[0], refused[2], refused[4]), (1.0, 1.0, 2.0));
    assert_eq!(refused[1], 0.0, "a question about France is answered: {text}");
    assert!(text.contains("p50") && text.contains("p99"), "{text}");

    let wrong = Changed::new("questions.json", |questions| {
        // The nearest articles of a question about four things are those four.
        questions[1]["question"] = json!("Opening hours, gift wrapping, jobs and Garantie");
    });
    let (code, text, _) = evaluate(&wrong.0, &["--min-recall3", "100"]);
    let last = text.lines().last().unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(last.starts_with("FAILED (recall@3 83.3 % is below --min-recall3 100 %): recall@1"), "{last}");
}

#[test]
fn answers_to_what_cannot_be_answered_fail_the_bound() {
    let answered = Changed::new("unanswerable.json", |questions| {
        questions[0]["question"] = json!("Aldığım ürünü kaç gün içinde iade edebilirim?");
    });
    let (code, text, _) = evaluate(&answered.0, &["--max-false", "10"]);
    let last = text.lines().last().unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(last.starts_with("FAILED (false answers ") && last.contains("above --max-false 10 %"), "{last}");
}

#[test]
fn what_is_wrong_with_a_folder_is_said_by_file_entry_and_field() {
    let (code, _, errors) = evaluate(Path::new("/nowhere/at/all"), &[]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("articles.json cannot be read"), "{errors}");
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 9] = [
        ("articles.json", |it| *it = json!({}), "articles.json: must be a JSON array"),
        ("articles.json", |it| *it = json!([]), "articles.json: there must be at least one article"),
        (
            "articles.json",
            |it| it[1]["title"] = json!(""),
            "articles.json, entry 2 (`kargo`), field `title`: must not be empty",
        ),
        ("articles.json", |it| it[1]["id"] = json!("iade"), "entry 2 (`iade`), field `id`: entry 1 has the same id"),
        ("articles.json", |it| it[0]["lang"] = json!("Turkish!"), "articles.json, entry `iade`"),
        (
            "questions.json",
            |it| it[2]["article"] = json!("x"),
            "entry 3 (`q3`), field `article`: articles.json has no article `x`",
        ),
        (
            "questions.json",
            |it| it[2]["answer_contains"] = json!("noon"),
            "field `answer_contains`: these words do not stand in",
        ),
        ("questions.json", |it| it[2]["cross_language"] = json!("no"), "field `cross_language`: must be true or false"),
        (
            "unanswerable.json",
            |it| it[1]["kind"] = json!("middle"),
            "entry 2 (`u2`), field `kind`: must be `far` or `near`",
        ),
    ];
    for (file, change, expected) in cases {
        let folder = Changed::new(file, change);
        let (code, printed, errors) = evaluate(&folder.0, &[]);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(expected), "{errors}\nlacks {expected}");
    }
    for (options, expected) in [
        (vec!["--embedder", "nowhere"], "--embedder: `nowhere` is none"),
        (vec!["--embedder", "http://127.0.0.1:9/v1"], "--embedder-model"),
        (vec!["--embedder", "http://127.0.0.1:9/v1", "--embedder-model", "m"], "does not answer"),
    ] {
        let (code, _, errors) = evaluate(&example(), &options);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    for options in [["--min-recall3", "101"], ["--max-false", "many"], ["--provider", "oracle"]] {
        let (code, _, errors) = evaluate(&example(), &options);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(options[0]), "{errors}");
    }
}

/// Fourteen sites of one to five articles in three languages, with questions that their articles answer and questions
/// about anything else.
#[test]
fn a_site_of_a_few_articles_answers_what_they_say_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small-sites");
    let (code, text, errors) = evaluate(&folder, &["--max-false", "4"]);
    assert_eq!(code, Some(0), "{text}{errors}");
    let answers = row(&text, "QUESTIONS WITH AN ANSWER", "all");
    // Answered at all, and of that from the right article.
    assert!(answers[1] >= 80.0 && answers[4] >= 97.0, "{text}");
    for language in ["tr", "en", "de"] {
        assert!(row(&text, "QUESTIONS WITH AN ANSWER", language)[1] >= 72.0, "{language} {text}");
    }
}

/// G7: README's command, with what README prints.
#[test]
fn the_command_of_readme_is_content_with_its_own_folder() {
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("yanit evaluate ")).expect("README shows it");
    let mut words = line.split_whitespace().skip(2);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(words.next().expect("a folder"));
    let options: Vec<&str> = words.collect();
    assert!(options.contains(&"--min-recall3") && options.contains(&"--max-false"), "{line}");
    let (code, text, errors) = evaluate(&folder, &options);
    assert_eq!(code, Some(0), "{line}: {text}{errors}");
}
