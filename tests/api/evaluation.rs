//! Measuring assistants by golden questions, and what publishing an article would do to them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, text},
};

const CREATE: &str = "mutation C($i: CreateGoldenQuestionInput!) { createGoldenQuestion(input: $i) { goldenQuestion { id question language expectedArticleId answerContains unanswerable kind } } }";
const IMPORT: &str = "mutation I($i: ImportGoldenQuestionsInput!) { importGoldenQuestions(input: $i) { goldenQuestions { id question } } }";
const UPDATE: &str = "mutation U($i: UpdateGoldenQuestionInput!) { updateGoldenQuestion(input: $i) { goldenQuestion { question expectedArticleId answerContains unanswerable kind } } }";
const DELETE: &str =
    "mutation D($i: DeleteGoldenQuestionInput!) { deleteGoldenQuestion(input: $i) { goldenQuestionId } }";
const LIST: &str = "query L($a: ID!, $k: String) { goldenQuestions(assistantId: $a, kind: $k) { totalCount nodes { id question kind } } }";
const RUN: &str = "mutation R($i: RunEvaluationInput!) { runEvaluation(input: $i) { evaluation { id status total done measures { questions } } } }";
const EVALUATION: &str = "query E($e: ID!) { evaluation(evaluationId: $e) { status total done finishedAt \
 measures { questions passed recall1 recall3 recall10 mrr citationValidity falseAnswerRate abstainRate handoffRate failureRate latencyP50Ms latencyP95Ms } \
 outcomes(first: 50) { totalCount nodes { goldenQuestionId question passed action answer rank citations validCitations latencyMs } } \
 failed: outcomes(first: 50, passed: false) { totalCount nodes { question } } \
 comparedToLast { previousEvaluationId better { question } worse { question } unchanged added } } }";
const PREVIEW: &str = "query P($a: ID!) { previewPublish(articleId: $a) { asked worse { assistantId goldenQuestion { question } } better { goldenQuestion { question } } } }";
const GATE: &str = "mutation G($i: SetEvaluationGateInput!) { setEvaluationGate(input: $i) { gate } }";
const ARTICLE: &str = "mutation A($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
const ARCHIVE: &str = "mutation A($i: ArchiveArticleInput!) { archiveArticle(input: $i) { article { id } } }";

const RETURNS: &str = "Aldığım ürünü kaç gün içinde iade edebilirim?";
const SHIPPING: &str = "Kargo kaç günde gelir?";
const FRANCE: &str = "What is the capital of France?";

/// A site with an assistant, four articles and three golden questions, all of which are treated rightly.
async fn shop(app: &TestApp) -> (Site, String, [String; 2]) {
    let site = app.site("acme").await;
    let assistant = app.assistant(&site, json!({})).await;
    let returns = app.article(&site, "İade koşulları", "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.").await;
    let shipping = app
        .article(&site, "Kargo süreleri", "Kargo iki iş günü içinde gelir. Takip numarası e-posta ile gönderilir.")
        .await;
    app.article(&site, "Çalışma saatleri", "Mağazamız hafta içi dokuzdan altıya kadar açıktır.").await;
    app.article(&site, "Gift cards", "Gift cards are valid for two years.").await;
    let questions = json!([
        { "question": RETURNS, "language": "tr", "expectedArticleId": returns, "answerContains": "14 gün", "kind": "basic" },
        { "question": SHIPPING, "language": "tr", "expectedArticleId": shipping },
        { "question": FRANCE, "language": "en", "unanswerable": true, "kind": "far" },
    ]);
    let input = json!({ "i": { "assistantId": assistant, "questions": questions } });
    let made = app.run(Some(&site.admin.token), IMPORT, input).await;
    assert_eq!(made["importGoldenQuestions"]["goldenQuestions"].as_array().unwrap().len(), 3);
    (site, assistant, [returns, shipping])
}

/// Runs an evaluation to its end.
async fn evaluated(app: &TestApp, site: &Site, assistant: &str) -> Value {
    let admin = Some(site.admin.token.as_str());
    let ordered =
        app.run(admin, RUN, json!({ "i": { "assistantId": assistant } })).await["runEvaluation"]["evaluation"].clone();
    assert_eq!(
        (&ordered["status"], &ordered["done"], &ordered["measures"]),
        (&json!("RUNNING"), &json!(0), &Value::Null)
    );
    for _ in 0..1200 {
        let found = app.run(admin, EVALUATION, json!({ "e": ordered["id"] })).await["evaluation"].clone();
        if found["status"] == "FINISHED" {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the evaluation did not end")
}

fn questions(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["question"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_evaluation_tells_what_each_question_came_to_and_what_changed_since_the_last() {
    let app = TestApp::start().await;
    let (site, assistant, [_, shipping]) = shop(&app).await;
    let first = evaluated(&app, &site, &assistant).await;
    let measures = &first["measures"];
    assert_eq!(
        (&first["total"], &first["done"], &measures["questions"], &measures["passed"]),
        (&json!(3), &json!(3), &json!(3), &json!(3)),
        "{first:#}"
    );
    for share in ["recall1", "recall3", "recall10", "mrr", "citationValidity"] {
        assert_eq!(measures[share], 1.0, "{share}");
    }
    assert_eq!(
        (&measures["falseAnswerRate"], &measures["handoffRate"], &measures["failureRate"]),
        (&json!(0.0), &json!(0.0), &json!(0.0))
    );
    assert!((measures["abstainRate"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
    let (p50, p95) = (measures["latencyP50Ms"].as_f64().unwrap(), measures["latencyP95Ms"].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p95, "{p50} {p95}");
    let outcomes = &first["outcomes"]["nodes"];
    assert_eq!(questions(outcomes), [RETURNS, SHIPPING, FRANCE]);
    assert_eq!(
        (&outcomes[0]["action"], &outcomes[0]["rank"], &outcomes[2]["rank"]),
        (&json!("ANSWER"), &json!(1), &Value::Null)
    );
    assert!(outcomes[0]["answer"].as_str().unwrap().contains("14 gün"));
    assert_ne!(outcomes[2]["action"], "ANSWER");
    assert_eq!((&first["failed"]["totalCount"], &first["comparedToLast"]), (&json!(0), &Value::Null));

    // One article changes, and the difference names the question that it answered.
    app.run(Some(&site.admin.token), ARCHIVE, json!({ "i": { "articleId": shipping } })).await;
    let more = json!({ "i": { "assistantId": assistant, "question": "İade kodu nereden alınır?", "language": "tr", "answerContains": "hesabınızdan" } });
    app.run(Some(&site.admin.token), CREATE, more).await;
    let second = evaluated(&app, &site, &assistant).await;
    let diff = &second["comparedToLast"];
    assert_eq!((questions(&diff["worse"]), questions(&diff["better"])), (vec![SHIPPING], vec![]), "{second:#}");
    assert_eq!((&diff["unchanged"], &diff["added"]), (&json!(2), &json!(1)));
    assert!(questions(&second["failed"]["nodes"]).contains(&SHIPPING));
    assert_eq!(second["measures"]["recall3"], 0.5);
    // Nothing that was asked became a conversation.
    let inbox = "query I($s: ID!) { conversations(siteId: $s) { totalCount } }";
    assert_eq!(
        app.run(Some(&site.admin.token), inbox, json!({ "s": site.id })).await["conversations"]["totalCount"],
        0
    );
}

#[tokio::test]
async fn a_preview_warns_of_what_publishing_would_worsen_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let (site, assistant, _) = shop(&app).await;
    let admin = Some(site.admin.token.as_str());
    let gift = "Hediye paketi yapıyor musunuz?";
    let more =
        json!({ "i": { "assistantId": assistant, "question": gift, "language": "tr", "answerContains": "25 TL" } });
    app.run(admin, CREATE, more).await;
    let draft = async |title: &str, body: &str| {
        let input = json!({ "i": { "siteId": site.id, "title": title, "body": body, "language": "tr" } });
        text(&app.run(admin, ARTICLE, input).await["createArticle"]["article"]["id"])
    };
    let rival = draft(
        "Aldığım ürünü kaç gün içinde iade edebilirim?",
        "Aldığım ürünü kaç gün içinde iade edebilirim? Bu sorunun yanıtı yakında burada olacak.",
    )
    .await;
    let found = app.run(admin, PREVIEW, json!({ "a": rival })).await["previewPublish"].clone();
    assert_eq!(found["asked"], 4);
    let worse: Vec<&str> = found["worse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["goldenQuestion"]["question"].as_str().unwrap())
        .collect();
    assert_eq!(worse, [RETURNS], "{found:#}");
    let good = draft("Hediye paketi", "Her siparişe 25 TL karşılığında hediye paketi yapıyoruz.").await;
    let found = app.run(admin, PREVIEW, json!({ "a": good })).await["previewPublish"].clone();
    assert!(found["worse"].as_array().unwrap().is_empty(), "{found:#}");
    assert_eq!(found["better"][0]["goldenQuestion"]["question"], gift, "{found:#}");
    // The drafts are drafts, and nobody finds them.
    let search = "query S($s: ID!) { searchArticles(siteId: $s, text: \"hediye paketi\") { article { id } } }";
    let shown = app.run(admin, search, json!({ "s": site.id })).await;
    assert!(!shown.to_string().contains(&good) && !shown.to_string().contains(&rival), "{shown}");
    // Who does not want to be warned is not.
    let off = json!({ "i": { "assistantId": assistant, "gate": "OFF" } });
    assert_eq!(app.run(admin, GATE, off).await["setEvaluationGate"]["gate"], "OFF");
    let gate = "query G($a: ID!) { evaluationGate(assistantId: $a) }";
    assert_eq!(app.run(admin, gate, json!({ "a": assistant })).await["evaluationGate"], "OFF");
    let found = app.run(admin, PREVIEW, json!({ "a": rival })).await["previewPublish"].clone();
    assert_eq!((&found["asked"], &found["worse"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn golden_questions_are_checked_and_are_the_admins_business() {
    let app = TestApp::start().await;
    let (site, assistant, [returns, _]) = shop(&app).await;
    let admin = Some(site.admin.token.as_str());
    let question = |more: Value| {
        let mut input = json!({ "assistantId": assistant, "question": "Merhaba?", "language": "tr" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "i": input })
    };
    let other = app.site("other").await;
    let foreign = app.article(&other, "Fremd", "Text.").await;
    for (more, refusal) in [
        (json!({}), "BAD_USER_INPUT/INVALID_COMBINATION"),
        (json!({ "unanswerable": true, "answerContains": "x" }), "BAD_USER_INPUT/INVALID_COMBINATION"),
        (json!({ "question": " ", "unanswerable": true }), "BAD_USER_INPUT/TOO_SHORT"),
        (json!({ "language": "Turkish!", "unanswerable": true }), "BAD_USER_INPUT/INVALID_FORMAT"),
        (json!({ "kind": "k".repeat(51), "unanswerable": true }), "BAD_USER_INPUT/TOO_LONG"),
        (json!({ "expectedArticleId": foreign }), "NOT_FOUND"),
    ] {
        assert_eq!(app.refused(admin, CREATE, question(more)).await, refusal);
    }
    let agent = app.agent(&site, "bob").await;
    assert_eq!(app.refused(Some(&agent.token), LIST, json!({ "a": assistant })).await, "FORBIDDEN");
    assert_eq!(
        app.refused(Some(&other.admin.token), RUN, json!({ "i": { "assistantId": assistant } })).await,
        "NOT_FOUND"
    );

    // All or none, and the error names the one that is wrong.
    let some = |count: usize| vec![json!({ "question": "Soru?", "language": "tr", "unanswerable": true }); count];
    let import = |questions: Vec<Value>| json!({ "i": { "assistantId": assistant, "questions": questions } });
    let mut one_wrong = some(3);
    one_wrong[2]["language"] = json!("!");
    let answer = app.post(admin, IMPORT, import(one_wrong)).await;
    assert_eq!(answer["errors"][0]["extensions"]["field"], "input.questions[2].language", "{answer}");
    assert_eq!(app.refused(admin, IMPORT, import(some(501))).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    assert_eq!(app.run(admin, LIST, json!({ "a": assistant })).await["goldenQuestions"]["totalCount"], 3);
    let basic = app.run(admin, LIST, json!({ "a": assistant, "k": "basic" })).await["goldenQuestions"].clone();
    assert_eq!(basic["totalCount"], 1);

    let id = text(&basic["nodes"][0]["id"]);
    let change = |more: Value| {
        let mut input = json!({ "goldenQuestionId": id });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "i": input })
    };
    let changed = app.run(admin, UPDATE, change(json!({ "answerContains": null, "kind": "new" }))).await;
    let changed = &changed["updateGoldenQuestion"]["goldenQuestion"];
    assert_eq!(
        (&changed["answerContains"], &changed["kind"], &changed["expectedArticleId"]),
        (&Value::Null, &json!("new"), &json!(returns))
    );
    assert_eq!(app.refused(admin, UPDATE, change(json!({ "question": null }))).await, "BAD_USER_INPUT/TOO_SHORT");
    assert_eq!(
        app.refused(admin, UPDATE, change(json!({ "unanswerable": true }))).await,
        "BAD_USER_INPUT/INVALID_COMBINATION"
    );
    app.run(admin, DELETE, change(json!({}))).await;
    assert_eq!(app.refused(admin, DELETE, change(json!({}))).await, "NOT_FOUND");

    let empty = app.assistant(&site, json!({ "name": "Empty" })).await;
    assert_eq!(app.refused(admin, RUN, json!({ "i": { "assistantId": empty } })).await, "CONFLICT/NO_GOLDEN_QUESTIONS");
}
