//! Nobody gets more of a subscription because somebody else follows it: every subscription, asked for by everybody there
//! can be, once alone and once while all who may follow the very same document.
//!
//! A new subscription fails here until it has a line in [`FOLLOWED`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    introspected, name,
    permissions::{Root, roomy, roots, superadmin},
};
use crate::harness::{
    app::TestApp,
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

/// In what a note says.
const NOTE: &str = "zumrut-not-7391";
/// In what is said to everybody in a conversation.
const SAID: &str = "zumrut-soz-7391";
/// In a private conversation.
const PRIVATE: &str = "zumrut-ozel-7391";
const MARKS: [&str; 3] = [NOTE, SAID, PRIVATE];

/// Every subscription with its arguments, and what makes it speak. The conversations are `visitor`'s; `own`, which Alice,
/// an agent, leads as a customer of the site that she works for; and `private`, with an assistant of her own.
const FOLLOWED: &[(&str, &str, Speaks)] = &[
    ("messages", r#"{"conversationId":"$visitor"}"#, Speaks::Visitor),
    ("messages", r#"{"conversationId":"$own"}"#, Speaks::Own),
    ("messages", r#"{"conversationId":"$private"}"#, Speaks::Private),
    ("conversationEvents", r#"{"conversationId":"$visitor"}"#, Speaks::Visitor),
    ("conversationEvents", r#"{"conversationId":"$own"}"#, Speaks::Own),
    ("conversationEvents", r#"{"conversationId":"$private"}"#, Speaks::Private),
    ("inboxEvents", r#"{"siteId":"$site"}"#, Speaks::Visitor),
    ("inboxEvents", r#"{"siteId":"$site"}"#, Speaks::Own),
    ("inboxEvents", r#"{"siteId":"$site"}"#, Speaks::Private),
    ("staffEvents", r#"{"siteId":"$site"}"#, Speaks::Visitor),
    ("staffEvents", r#"{"siteId":"$site"}"#, Speaks::Own),
    ("staffEvents", r#"{"siteId":"$site"}"#, Speaks::Private),
    ("queuePosition", r#"{"conversationId":"$visitor"}"#, Speaks::AtOnce),
    ("queuePosition", r#"{"conversationId":"$own"}"#, Speaks::AtOnce),
    ("queuePosition", r#"{"conversationId":"$private"}"#, Speaks::AtOnce),
    ("queueEvents", r#"{"siteId":"$site"}"#, Speaks::AtOnce),
    ("chatOffers", r#"{"siteId":"$site"}"#, Speaks::AtOnce),
    // Opens dashboards, of which presence tells.
    ("agentSession", r#"{"siteId":"$site"}"#, Speaks::AtOnce),
    ("presenceEvents", r#"{"siteId":"$site","after":"beginning"}"#, Speaks::AtOnce),
    ("mentionEvents", r#"{"siteId":"$site","after":"beginning"}"#, Speaks::AtOnce),
    ("contactRequestEvents", r#"{"siteId":"$site","after":"beginning"}"#, Speaks::AtOnce),
    ("providerEvents", r#"{"siteId":"$site","after":"beginning"}"#, Speaks::AtOnce),
    ("assistantRun", r#"{"runId":"$run"}"#, Speaks::AtOnce),
    ("assistantRun", r#"{"runId":"$privateRun"}"#, Speaks::AtOnce),
    ("widgetMode", r#"{"siteId":"$site"}"#, Speaks::AtOnce),
];

/// What makes a subscription say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    /// Something happens in the conversation of the visitor.
    Visitor,
    /// Something happens in the conversation that Alice leads as a customer.
    Own,
    /// Something happens in Alice's private conversation.
    Private,
    /// It begins with something.
    AtOnce,
}

/// What somebody gets: a refusal, or kinds of events, each with the marks in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Refused(String),
    Events(BTreeSet<(String, Vec<&'static str>)>),
}

struct World {
    app: TestApp,
    site: Site,
    visitor: Visitor,
    alice: Person,
    bob: Person,
    actors: Vec<(&'static str, Option<String>)>,
    things: BTreeMap<&'static str, String>,
}

impl World {
    async fn new() -> Self {
        let app = roomy(|_| {}).await;
        let (site, other) = (app.site("own").await, app.site("other").await);
        let (visitor, elsewhere) = (app.visitor(&site).await, app.visitor(&other).await);
        let (alice, bob) = (app.agent(&site, "alice").await, app.agent(&site, "bob").await);
        let actors = vec![
            ("anonymous", None),
            ("visitor", Some(visitor.token.clone())),
            ("visitor of another site", Some(elsewhere.token)),
            ("customer", Some(app.person("customer").await.token)),
            ("alice", Some(alice.token.clone())),
            ("bob", Some(bob.token.clone())),
            ("admin", Some(site.admin.token.clone())),
            ("agent of another site", Some(app.agent(&other, "agent").await.token)),
            ("superadmin", Some(superadmin(&app).await.token)),
        ];
        let mut world = Self { app, site, visitor, alice, bob, actors, things: BTreeMap::new() };
        world.fill().await;
        world
    }

    async fn fill(&mut self) {
        let app = &self.app;
        app.article(&self.site, "İade", "# İade\n\nİade on dört gün içinde yapılır.").await;
        let open = app.assistant(&self.site, json!({ "name": "Open", "openToCustomers": true })).await;
        let make = "mutation($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
        let mine = json!({ "i": { "name": "Benim", "debounceMs": 0 } });
        let mine = app.run(Some(&self.alice.token), make, mine).await;
        let mine = text(&mine["createAssistant"]["assistant"]["id"]);
        let start = "mutation($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
        let with = |assistant: &str| json!({ "i": { "assistantId": assistant } });
        let visitor = app.conversation(&self.visitor).await;
        let own = app.run(Some(&self.alice.token), start, with(&open)).await;
        let private = app.run(Some(&self.alice.token), start, with(&mine)).await;
        self.things = BTreeMap::from([
            ("site", self.site.id.clone()),
            ("visitor", visitor),
            ("own", text(&own["startConversation"]["conversation"]["id"])),
            ("private", text(&private["startConversation"]["conversation"]["id"])),
        ]);
        for (word, conversation, token) in
            [("run", "visitor", &self.visitor.token), ("privateRun", "private", &self.alice.token)]
        {
            let run = self.answered(&self.things[conversation], token, "İade kaç gün?").await;
            self.things.insert(word, run);
        }
        let note = "mutation($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
        let mentioned = [&self.alice.id, &self.bob.id];
        let input = json!({ "conversationId": self.things["visitor"], "body": NOTE, "mentionIds": mentioned });
        self.app.run(Some(&self.site.admin.token), note, json!({ "i": input })).await;
        let input =
            json!({ "conversationId": self.things["visitor"], "body": NOTE, "mentionIds": [self.site.admin.id] });
        self.app.run(Some(&self.bob.token), note, json!({ "i": input })).await;
        let leave = "mutation($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
        let input = json!({ "i": { "message": "Merhaba", "email": "a@example.com" } });
        self.app.run(Some(&self.visitor.token), leave, input).await;
        // From here on only people speak.
        let pause = "mutation($i: PauseAssistantInput!) { pauseAssistant(input: $i) { conversation { id } } }";
        for conversation in ["visitor", "own"] {
            let input = json!({ "i": { "conversationId": self.things[conversation] } });
            self.app.run(Some(&self.site.admin.token), pause, input).await;
        }
        let off = "mutation($i: UpdateAssistantInput!) { updateAssistant(input: $i) { assistant { id } } }";
        let input = json!({ "i": { "assistantId": mine, "enabled": false } });
        self.app.run(Some(&self.alice.token), off, input).await;
    }

    /// Asks, waits for the answer and returns its run.
    async fn answered(&self, conversation: &str, token: &str, question: &str) -> String {
        let follow = "subscription($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") {
            __typename ... on RunFinished { runId } } }";
        let mut ws = Ws::signed_in(&self.app.ws_url(), Some(token)).await;
        ws.subscribe("1", follow, json!({ "c": conversation })).await;
        self.app.say(token, conversation, question).await;
        let events = ws.until("1", |event| event["conversationEvents"]["runId"].is_string()).await;
        text(&events[events.len() - 1]["conversationEvents"]["runId"])
    }

    fn arguments(&self, template: &str) -> Value {
        let filled = self.things.iter().fold(template.to_owned(), |text, (word, id)| {
            text.replace(&format!("\"${word}\""), &json!(id).to_string())
        });
        serde_json::from_str(&filled).expect("arguments are JSON")
    }

    /// Something happens: a note, where there can be one, and then words to everybody, which hold `fence`.
    async fn act(&self, speaks: Speaks, fence: &str) {
        let (conversation, who, writes) = match speaks {
            Speaks::Visitor => ("visitor", &self.visitor.token, Some(&self.site.admin.token)),
            Speaks::Own => ("own", &self.alice.token, Some(&self.bob.token)),
            Speaks::Private => ("private", &self.alice.token, None),
            Speaks::AtOnce => return,
        };
        let conversation = &self.things[conversation];
        let note = async |token: &str, conversation: &str| {
            let add = "mutation($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
            let input = json!({ "i": { "conversationId": conversation, "body": format!("{NOTE} {fence}-note") } });
            self.app.run(Some(token), add, input).await;
        };
        if let Some(token) = writes {
            note(token, conversation).await;
        }
        let mark = if speaks == Speaks::Private { PRIVATE } else { SAID };
        self.app.say(who, conversation, &format!("{mark} {fence}.")).await;
        if speaks == Speaks::Private {
            // What ends the waiting of those who follow the site's inbox, in which this never shows. The note is among the
            // newest messages there, as it is where something else happens.
            note(&self.site.admin.token, &self.things["visitor"]).await;
            self.app.say(&self.visitor.token, &self.things["visitor"], &format!("{SAID} {fence}.")).await;
        }
    }
}

/// One who follows, or tries to.
struct Follower {
    actor: &'static str,
    field: String,
    ws: Ws,
    seen: BTreeSet<(String, Vec<&'static str>)>,
    refused: Option<String>,
}

impl std::fmt::Display for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} who follows {}", self.actor, self.field)
    }
}

impl Follower {
    async fn new(world: &World, root: &Root<'_>, arguments: &Value, actor: usize) -> Self {
        let (actor, token) = &world.actors[actor];
        let mut ws = Ws::signed_in(&world.app.ws_url(), token.as_deref()).await;
        ws.subscribe("s", &root.document(arguments), arguments.clone()).await;
        Self { actor, field: name(root.field).to_owned(), ws, seen: BTreeSet::new(), refused: None }
    }

    /// Reads for a while; true once there was what is waited for, or a refusal.
    async fn reads(&mut self, until: Option<&str>, wait: Duration) -> bool {
        while self.refused.is_none() {
            let Some(message) = self.ws.try_next_json(wait).await else { return false };
            if message["type"] == "error" {
                self.refused = Some(text(&message["payload"][0]["extensions"]["code"]));
                return true;
            }
            let all = message.to_string();
            let marks = MARKS.into_iter().filter(|mark| all.contains(mark)).collect();
            let data = &message["payload"]["data"];
            let kind = data.as_object().and_then(|data| data.values().next()).map(|event| text(&event["__typename"]));
            self.seen.insert((kind.unwrap_or_default(), marks));
            if until.is_none_or(|fence| all.contains(&format!("{fence}."))) {
                return true;
            }
        }
        true
    }

    fn outcome(self) -> Outcome {
        match self.refused {
            Some(code) => Outcome::Refused(code),
            // Whether a run or a viewer is told of in between is a matter of time; what is marked is not.
            None => Outcome::Events(self.seen.into_iter().filter(|(_, marks)| !marks.is_empty()).collect()),
        }
    }
}

/// Lets things happen until each of them was told of one.
async fn warm_up(world: &World, speaks: Speaks, followers: &mut [Follower]) {
    if speaks == Speaks::AtOnce {
        for follower in followers {
            assert!(follower.reads(None, Duration::from_secs(30)).await, "{follower} hears nothing");
        }
        return;
    }
    let mut waiting: Vec<&mut Follower> = followers.iter_mut().collect();
    for round in 0..30 {
        let fence = format!("warm-{round}-{:x}", rand::random::<u32>());
        world.act(speaks, &fence).await;
        let mut silent = Vec::new();
        for follower in waiting {
            if !follower.reads(Some(&fence), Duration::from_millis(300)).await {
                silent.push(follower);
            }
        }
        waiting = silent;
        if waiting.is_empty() {
            return;
        }
    }
    panic!("{} hears nothing", waiting[0]);
}

/// What each of them gets of one more happening.
async fn hear(world: &World, speaks: Speaks, mut followers: Vec<Follower>) -> BTreeMap<&'static str, Outcome> {
    warm_up(world, speaks, &mut followers).await;
    if speaks != Speaks::AtOnce {
        for follower in &mut followers {
            follower.seen.clear();
        }
        let fence = format!("last-{:x}", rand::random::<u32>());
        world.act(speaks, &fence).await;
        for follower in &mut followers {
            // Words come last; of what is told in between, such as receipts, there may be more.
            assert!(follower.reads(Some(&fence), Duration::from_secs(30)).await, "{follower} hears nothing");
        }
    }
    followers.into_iter().map(|follower| (follower.actor, follower.outcome())).collect()
}

#[tokio::test]
async fn every_subscription_is_followed_here() {
    let schema = introspected().await;
    let there: BTreeSet<&str> =
        roots(&schema).iter().filter(|root| root.kind == "subscription").map(|root| name(root.field)).collect();
    let followed: BTreeSet<&str> = FOLLOWED.iter().map(|(field, ..)| *field).collect();
    assert_eq!(there, followed, "give each subscription a line in FOLLOWED");
}

#[tokio::test]
async fn who_else_follows_changes_nothing_of_what_anybody_gets() {
    let schema = introspected().await;
    let roots = roots(&schema);
    let world = World::new().await;
    let everybody = 0..world.actors.len();
    let mut wrong = Vec::new();
    for (field, template, speaks) in FOLLOWED {
        let root = roots.iter().find(|root| root.kind == "subscription" && name(root.field) == *field);
        let (root, arguments) = (root.expect("it is in the schema"), world.arguments(template));
        let mut alone = BTreeMap::new();
        for actor in everybody.clone() {
            let follower = Follower::new(&world, root, &arguments, actor).await;
            alone.extend(hear(&world, *speaks, vec![follower]).await);
        }
        let mut crowd = Vec::new();
        for actor in everybody.clone() {
            crowd.push(Follower::new(&world, root, &arguments, actor).await);
        }
        warm_up(&world, *speaks, &mut crowd).await;
        // In the other order, so that each of them comes behind each other one.
        let mut among = Vec::new();
        for actor in everybody.clone().rev() {
            among.push(Follower::new(&world, root, &arguments, actor).await);
        }
        for (actor, outcome) in hear(&world, *speaks, among).await {
            if alone[actor] != outcome {
                wrong.push(format!("{field}{template} by {actor}: {:?} alone, {outcome:?} among others", alone[actor]));
            }
        }
        for (actor, outcome) in &alone {
            let Outcome::Events(events) = outcome else { continue };
            let shows = |mark| events.iter().any(|(_, marks)| marks.contains(&mark));
            let staff = ["alice", "bob", "admin", "superadmin"].contains(actor);
            if shows(PRIVATE) && !["alice", "superadmin"].contains(actor) {
                wrong.push(format!("{field}{template} shows {actor} a private conversation"));
            }
            if shows(NOTE) && (!staff || template.contains("$own") && *actor == "alice") {
                wrong.push(format!("{field}{template} shows {actor} a note: {events:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}
