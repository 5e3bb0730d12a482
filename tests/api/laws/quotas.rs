//! Whatever strangers may call meets a limit: the rules of `permissions.rs` say what that is, so that a new operation is
//! among them by itself.

use serde_json::{Value, json};
use yanit::config::Config;

use super::{
    introspected, name,
    permissions::{RULES, Root, World, roots},
};
use crate::harness::{app::refusal, wire};

const TYPING: &str = "mutation($i: SetTypingInput!) { setTyping(input: $i) { __typename } }";

/// The operations that an actor, by its place in a rule, may use, with arguments.
async fn allowed<'a>(world: &mut World, roots: &'a [Root<'a>], actor: usize) -> Vec<(&'a Root<'a>, Value)> {
    let mut found = Vec::new();
    for (field, template, letters) in RULES {
        if letters.replace(' ', "").chars().nth(actor) != Some('A') {
            continue;
        }
        // The things are made by people with limits of their own, from other addresses.
        world.app.from = std::net::Ipv4Addr::from(u32::from(world.app.from).wrapping_add(0x0001_0000));
        let arguments = world.arguments(template).await;
        let named = roots.iter().filter(|root| name(root.field) == *field);
        found.extend(named.map(|root| (root, arguments.clone())));
    }
    assert!(found.len() > 5, "{}", found.len());
    found
}

/// Asks for nothing in particular until that is too much.
async fn spend(world: &World, token: Option<&str>, document: &str, variables: &Value) {
    for _ in 0..200 {
        if refusal(&world.app.post(token, document, variables.clone()).await).as_deref() == Some("RATE_LIMITED") {
            return;
        }
    }
    panic!("{document} meets no limit");
}

/// The refusal of an operation once its caller's quota is spent by something else. Time goes on, and a unit may be there
/// again when the operation comes; so it is tried a few times.
async fn refused(
    world: &World,
    token: Option<&str>,
    (document, variables): (&str, Value),
    root: &Root<'_>,
    arguments: Value,
) -> Value {
    for _ in 0..5 {
        spend(world, token, document, &variables).await;
        let answer = match root.kind {
            "subscription" => events(world, token, root, &arguments).await,
            _ => world.ask(token, root, arguments.clone()).await,
        };
        if refusal(&answer).as_deref() == Some("RATE_LIMITED") {
            return answer;
        }
    }
    panic!("{} meets no limit", name(root.field));
}

/// The answer to a subscription that is refused, asked for as server-sent events.
async fn events(world: &World, token: Option<&str>, root: &Root<'_>, arguments: &Value) -> Value {
    let from = world.app.from.to_string();
    let signed = format!("Bearer {}", token.unwrap_or_default());
    let headers = [
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("x-forwarded-for", from.as_str()),
        ("authorization", signed.as_str()),
    ];
    let body = json!({ "query": root.document(arguments), "variables": arguments }).to_string();
    wire::send(&world.app.url(), "POST", "/graphql/stream", &headers, body.as_bytes()).await.json()
}

#[tokio::test]
async fn every_operation_of_strangers_meets_a_limit() {
    let schema = introspected().await;
    let roots = roots(&schema);
    let few = |config: &mut Config| (config.visitor_rate_per_minute, config.anonymous_rate_per_minute) = (20, 40);
    let mut world = World::with(few).await;
    let visitor = world.token_of("visitor own", "").await;
    for (actor, token) in [(0, None), (1, visitor.as_deref())] {
        for (root, arguments) in allowed(&mut world, &roots, actor).await {
            let answer = refused(&world, token, ("{ __typename }", json!({})), root, arguments).await;
            assert!(answer["errors"][0]["extensions"]["retryAfter"].is_i64(), "{}: {answer}", name(root.field));
        }
    }
}

#[tokio::test]
async fn every_change_by_a_visitor_meets_a_limit() {
    let schema = introspected().await;
    let roots = roots(&schema);
    let mut world = World::with(|config| config.changes_per_minute = 20).await;
    let visitor = world.token_of("visitor own", "").await;
    let mut operations = allowed(&mut world, &roots, 1).await;
    operations.retain(|(root, _)| root.kind == "mutation");
    let typing = json!({ "i": { "conversationId": world.things["conversation"], "isTyping": true } });
    for (root, arguments) in operations {
        let answer = refused(&world, visitor.as_deref(), (TYPING, typing.clone()), root, arguments).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("Too many changes by one person: 20 per minute are allowed."), "{message}");
    }
}
