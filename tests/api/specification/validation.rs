//! Which documents are valid: for each, this server and graphql-js say the same.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use yanit::{config::Config, schema::Api};

use super::{documents::Generator, mutations};
use crate::{
    harness::{
        app::{Options, TestApp},
        graphql_js::GraphqlJs,
    },
    readme, try_it,
};

/// Documents of one run.
const DOCUMENTS: u64 = 1_500;

/// An operation that no document has: what is valid is refused for it, and nothing runs.
const NONE: &str = "ThereIsNoSuchOperation";

/// What this server finds wrong with a document, without running it.
async fn validate(app: &TestApp, document: &str) -> Option<Value> {
    let body = json!({ "query": document, "operationName": NONE });
    let answer: Value = app
        .http
        .post(format!("http://{}/graphql", app.address))
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let error = &answer["errors"][0];
    assert!(answer.get("data").is_none(), "{answer}\n{document}");
    let is_valid = error["message"].as_str().is_some_and(|text| text.contains("no operation with the name"));
    (!is_valid).then(|| answer.clone())
}

/// Rules that graphql-js 16 does not have, in words of their errors: the specification of September 2025 forbids `@skip`
/// and `@include` on a subscription's root, and a nullable variable in a `@oneOf` input also where that must not be null.
const STRICTER: &[&str] = &["can not specify @skip or @include on root fields", "must have exactly one of"];

/// A server whose limits are out of the way.
async fn server() -> TestApp {
    let configure = |config: &mut Config| {
        (config.max_aliases, config.max_directives, config.max_depth) = (1_000, 1_000, 100);
    };
    TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await
}

/// Compares the two; says what they disagree about.
async fn compare(app: &TestApp, reference: &mut GraphqlJs, document: &str) -> Result<bool, String> {
    let (ours, theirs) = (validate(app, document).await, reference.validate(document));
    match (&ours, theirs.is_empty()) {
        (None, true) => Ok(true),
        (Some(answer), false) => {
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            if code.starts_with("GRAPHQL_") { Ok(false) } else { Err(format!("{answer}\n{document}")) }
        }
        (None, false) => Err(format!("graphql-js alone refuses it: {theirs:?}\n{document}")),
        (Some(answer), true) if STRICTER.iter().any(|rule| answer.to_string().contains(rule)) => Ok(false),
        // It leaves `__typename` out when it compares the types of overlapping fields.
        (Some(answer), true) if answer.to_string().contains("different types") && document.contains(": __typename") => {
            Ok(false)
        }
        (Some(answer), true) => Err(format!("this server alone refuses it: {answer}\n{document}")),
    }
}

#[tokio::test]
async fn random_documents_are_valid_here_where_they_are_in_the_reference_implementation() {
    let seed = crate::harness::app::setting("TEST_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(10);
    let (app, mut reference) = (server().await, GraphqlJs::start());
    let types = Api::build(&Config::default()).types().clone();
    let names: Vec<String> = types
        .types
        .values()
        .filter_map(|ty| ty.as_object())
        .flat_map(|object| object.fields.values())
        .flat_map(|field| {
            std::iter::once(field.name.to_string())
                .chain(field.arguments.iter().map(|argument| argument.name.to_string()))
        })
        .collect();
    let (mut valid, mut invalid, mut differences) = (0, 0, Vec::new());
    for number in 0..DOCUMENTS {
        let mut rng = StdRng::seed_from_u64(seed * 1_000_003 + number);
        let mut document = Generator::new(&types, &mut rng, &[]).document();
        let mut changes = Vec::new();
        for _ in 0..rng.random_range(0..3) {
            changes.push(mutations::change(&mut document, &names, &mut rng));
        }
        match compare(&app, &mut reference, &document.to_string()).await {
            Ok(true) => valid += 1,
            Ok(false) => invalid += 1,
            Err(difference) => differences.push(format!("{number} {changes:?} {difference}")),
        }
    }
    assert!(differences.is_empty(), "{} of {DOCUMENTS}, seed {seed}:\n{}", differences.len(), differences.join("\n\n"));
    assert!(valid > DOCUMENTS / 6 && invalid > DOCUMENTS / 6, "{valid} valid, {invalid} invalid");
}

/// What random documents meet seldom or never.
const CASES: &[&str] = &[
    "{ me { id } me { name } }",
    "{ a: me { id } a: me { name } }",
    "{ me { a: id a: name } }",
    "query($a: ID!, $b: ID!) { node(id: $a) { id } node(id: $b) { id } }",
    "query($a: ID) { node(id: $a) { id } }",
    "query($a: ID = \"x\") { node(id: $a) { id } }",
    "query($a: ID = null) { node(id: $a) { id } }",
    "query($a: ID! = \"x\") { node(id: $a) { id } }",
    "query($a: String!) { node(id: $a) { id } }",
    "query($e: String) { mutation: login(input: { email: $e, password: \"x\" }) { accessToken } }",
    "mutation($e: String) { login(input: { email: $e, password: \"x\" }) { accessToken } }",
    "mutation($e: String = null) { login(input: { email: $e, password: \"x\" }) { accessToken } }",
    "mutation($e: String = \"x\") { login(input: { email: $e, password: \"x\" }) { accessToken } }",
    "mutation { login(input: { email: \"x\", email: \"y\", password: \"x\" }) { accessToken } }",
    "mutation { login(input: { email: \"x\", password: \"x\", nothing: 1 }) { accessToken } }",
    "mutation { login(input: \"x\") { accessToken } }",
    "mutation { login(input: { email: x, password: \"x\" }) { accessToken } }",
    "subscription { __typename }",
    "subscription { a: presenceEvents(siteId: 1) { __typename } b: presenceEvents(siteId: 1) { __typename } }",
    "subscription { ...F } fragment F on Subscription { presenceEvents(siteId: 1) { __typename } }",
    "{ node(id: 1) { ... on Article { title } ... on Conversation { title } } }",
    "{ node(id: 1) { ... on Article { t: title } ... on Conversation { t: id } } }",
    "{ node(id: 1) { ... on Article { x: id } ... on Conversation { x: messages { nodes { id } } } } }",
    "{ node(id: 1) { ... on MessageChanged { change } } }",
    "{ ... on User { id } }",
    "{ me { ... on Node { id } ... { name } } }",
    "{ ... @include(if: true) { me { id } } }",
    "query A { me { id } } query A { me { id } }",
    "query A { me { id } } { me { id } }",
    "{ me { id } } { me { id } }",
    "{ me }",
    "{ me { id { x } } }",
    "{ }",
    "{ me { } }",
    "{ node(id: ) { id } }",
    "{ me() { id } }",
    "query() { me { id } }",
    "",
    "# nothing",
    "fragment F on Query { me { id } }",
    "{ ...F } fragment F on Query { ...F }",
    "{ ...F ...F } fragment F on Query { me { id } }",
    "{ ...on } fragment on on Query { me { id } }",
    "{ ...F } fragment F { me { id } }",
    "{ me { id } } fragment F on Missing { id }",
    "query($a: Int = $b, $b: Int) { me { id @skip(if: true) } node(id: $a) { id } x: node(id: $b) { id } }",
    "query($a: Boolean! @skip(if: true)) { me { id @skip(if: $a) } }",
    "{ me { id @skip(if: true) @skip(if: false) } }",
    "{ me { id @skip } }",
    "{ me { id @skip(if: true, unless: false) } }",
    "query @skip(if: true) { me { id } }",
    "{ node(id: \"\\u00e7\\n\\\"\") { id } }",
    "{ node(id: \"\\q\") { id } }",
    "{ node(id: \"\\uD800\") { id } }",
    "{ node(id: \"\\u{1F600}\") { id } }",
    "{ node(id: \"\\uD83D\\uDE00\") { id } }",
    "{ node(id: \"a\tb\") { id } }",
    "{ node(id: 01) { id } }",
    "{ node(id: -0) { id } }",
    "{ sites(first: -0) { nodes { id } } }",
    "mutation { updateVisitor(input: { customData: { a: 1, a: 2 } }) { visitor { id } } }",
    "mutation { updateVisitor(input: { customData: { a: [{ b: 1, b: 2 }] } }) { visitor { id } } }",
    "{ node(id: 1a) { id } }",
    "{ node(id: 1.) { id } }",
    "{ node(id: .5) { id } }",
    "{ node(id: 1.5.5) { id } }",
    "{ node(id: 99999999999999999999) { id } }",
    "{ node(id: 0xF1) { id } }",
    "{ node(id: null) { id } }",
    "{ node(id: [\"x\"]) { id } }",
    "{ node(id: true) { id } }",
    "{ node(id: nul) { id } }",
    "{ node(id: \"x\", id: \"y\") { id } }",
    "\u{feff}{ me { id } }",
    "{ me { id\u{0} } }",
    "{ me { id ? } }",
    "{ me { i\u{130}d } }",
    "query true { me { id } }",
    "query ($true: ID!) { node(id: $true) { id } }",
    "query ($a: [ID!]!) { node(id: $a) { id } }",
    "{ me: node(id: 1) { id } me { id } }",
    "{ nodes(ids: [1]) { id } nodes(ids: [1, 2]) { id } }",
    "{ nodes(ids: [1, 2]) { id } nodes(ids: [1, 2]) { id } }",
    "{ nodes(ids: 1) { id } nodes(ids: [1]) { id } }",
    "{ nodes(ids: []) { id } ... @skip(if: true) { nodes(ids: [1]) { id } } }",
    "subscription { presenceEvents(siteId: 1) { __typename } presenceEvents(siteId: 1) { ... on Gap { from } } }",
    "subscription { presenceEvents(siteId: 1) { __typename } presenceEvents(siteId: 2) { __typename } }",
    "query(\"what\" $a: ID! = \"x\", \"\"\"more\"\"\" $b: ID!) { node(id: $a) { id } x: node(id: $b) { id } }",
    "\"what\" { me { id } }",
    "{ ...F } \"what\" fragment F on Query { me { id } }",
    "{ __schema { types { name } } }",
    "{ __type(name: \"User\") { fields { type { fields { type { fields { name } } } } } } }",
    "{ __schema { types { fields { type { fields { type { name } } } } } } }",
    "{ __schema { types { interfaces { possibleTypes { interfaces { name } } } } } }",
    "{ __type { name } }",
    "{ me { __schema { types { name } } } }",
    "mutation { __schema { types { name } } }",
    "type X { a: Int } { me { id } }",
    "extend type Query { a: Int } { me { id } }",
    "query($x: TransferTarget!) { me { id } node(id: $x) { id } }",
    "query($x: Node) { me { id } }",
    "query($x: Missing) { me { id } }",
    "query($x: Int) { me { id } }",
    "query($x: Int, $x: Int) { node(id: $x) { id } }",
    "mutation($id: ID) { transferConversation(input: { conversationId: \"c\", to: { agentId: $id } }) { __typename } }",
    "mutation($id: ID!) { transferConversation(input: { conversationId: \"c\", to: { agentId: $id } }) { __typename } }",
    "mutation { transferConversation(input: { conversationId: \"c\", to: { agentId: null } }) { __typename } }",
    "mutation { transferConversation(input: { conversationId: \"c\", to: {} }) { __typename } }",
    "{ a: searchArticles(siteKey: \"x\", query: \"y\") { __typename } }",
    "\"description\" query A { me { id } }",
];

#[tokio::test]
async fn chosen_documents_are_valid_here_where_they_are_in_the_reference_implementation() {
    let (app, mut reference) = (server().await, GraphqlJs::start());
    let mut differences = Vec::new();
    for document in CASES {
        if let Err(difference) = compare(&app, &mut reference, document).await {
            differences.push(difference);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[tokio::test]
async fn texts_that_are_nearly_documents_are_read_as_in_the_reference_implementation() {
    const SIGNS: &[&str] = &[
        "{", "}", "(", ")", "[", "]", ":", "=", "!", "$", "@", "...", "|", "&", "\"", "\"\"\"", "#", ",", "a", "on",
        "1", "-", ".", "\\", "\n", "query", "fragment",
    ];
    let seed = 7;
    let (app, mut reference) = (server().await, GraphqlJs::start());
    let types = Api::build(&Config::default()).types().clone();
    let mut differences = Vec::new();
    for number in 0..500 {
        let mut rng = StdRng::seed_from_u64(seed * 1_000_003 + number);
        let mut text: Vec<char> = Generator::new(&types, &mut rng, &[]).document().to_string().chars().collect();
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..text.len());
            if rng.random_bool(0.4) {
                text.remove(at);
            } else {
                let sign = SIGNS[rng.random_range(0..SIGNS.len())];
                text.splice(at..at, sign.chars());
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(difference) = compare(&app, &mut reference, &text).await {
            differences.push(difference);
        }
    }
    assert!(differences.is_empty(), "{} of 500:\n{}", differences.len(), differences.join("\n\n"));
}

#[test]
fn documents_of_readme_graphiql_and_the_demo_page_are_valid() {
    let mut reference = GraphqlJs::start();
    let tabs = yanit::server::graphiql::TABS.iter().map(|tab| tab.query);
    for document in readme::documents().into_iter().chain(tabs).chain(try_it::documents()) {
        assert_eq!(reference.validate(document), Vec::<String>::new(), "{document}");
    }
}
