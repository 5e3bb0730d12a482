//! People at their desks: agents who are there, visitors who wait.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    app::{Options, TestApp},
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

/// An agent's open dashboard.
pub(crate) const SESSION: &str = "subscription S($s: ID!) { agentSession(siteId: $s) { sessionId } }";
const POSITION: &str = "query Q($c: ID!) { queuePosition(conversationId: $c) { isWaiting position waiting estimatedWaitSeconds waitsUntil outcome assignee { id } } }";
const WAIT: &str = "mutation W($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { id } } }";

impl TestApp {
    /// A server whose time stands still, and a site on it.
    pub(crate) async fn still() -> (Self, Site) {
        let app = Self::with(Options { manual_clock: true, ..Options::default() }).await;
        let site = app.site("acme").await;
        (app, site)
    }

    /// An agent with an open dashboard; gone when it is dropped.
    pub(crate) async fn dashboard(&self, site: &Site, agent: &Person) -> Ws {
        let mut ws = Ws::signed_in(&self.ws_url(), Some(&agent.token)).await;
        ws.subscribe("session", SESSION, json!({ "s": site.id })).await;
        ws.next("session").await;
        ws
    }

    /// An agent who may have so many conversations.
    pub(crate) async fn limited(&self, site: &Site, name: &str, most: i32) -> Person {
        let agent = self.agent(site, name).await;
        self.profile(site, &agent, json!({ "maxChats": most })).await;
        agent
    }

    /// Changes what an agent can do.
    pub(crate) async fn profile(&self, site: &Site, agent: &Person, change: Value) {
        let mut input = json!({ "siteId": site.id, "userId": agent.id });
        input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let update = "mutation U($i: UpdateAgentInput!) { updateAgent(input: $i) { agent { id } } }";
        self.run(Some(&site.admin.token), update, json!({ "i": input })).await;
    }

    /// Changes a site's routing settings.
    pub(crate) async fn rules(&self, site: &Site, change: Value) -> i64 {
        let admin = Some(site.admin.token.as_str());
        let query = "query Q($s: ID!) { routingSettings(siteId: $s) { version } }";
        let version = self.run(admin, query, json!({ "s": site.id })).await["routingSettings"]["version"].clone();
        let mut input = json!({ "siteId": site.id, "expectedVersion": version });
        input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let update =
            "mutation U($i: UpdateRoutingSettingsInput!) { updateRoutingSettings(input: $i) { settings { version } } }";
        let changed = self.run(admin, update, json!({ "i": input })).await;
        changed["updateRoutingSettings"]["settings"]["version"].as_i64().expect("a number")
    }

    /// A new visitor who asks for a person.
    pub(crate) async fn waiting(&self, site: &Site) -> (Visitor, String) {
        let visitor = self.visitor(site).await;
        let conversation = self.conversation(&visitor).await;
        self.ask_for_person(&visitor, &conversation).await;
        (visitor, conversation)
    }

    /// A visitor asks for a person.
    pub(crate) async fn ask_for_person(&self, visitor: &Visitor, conversation: &str) {
        self.run(Some(&visitor.token), WAIT, json!({ "i": { "conversationId": conversation } })).await;
    }

    /// Where a conversation stands, for a member of its site.
    pub(crate) async fn position(&self, site: &Site, conversation: &str) -> Value {
        let data = self.run(Some(&site.admin.token), POSITION, json!({ "c": conversation })).await;
        data["queuePosition"].clone()
    }

    /// Where it stands once `fits` is true of it: what happens to it does so right after what caused it.
    pub(crate) async fn until_position(&self, site: &Site, conversation: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.position(site, conversation).await;
            if fits(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came about: {last}");
    }

    /// Waits until a conversation is somebody's; who that is.
    pub(crate) async fn until_assigned(&self, site: &Site, conversation: &str) -> String {
        let assigned = self.until_position(site, conversation, |at| !at["assignee"].is_null()).await;
        text(&assigned["assignee"]["id"])
    }

    /// Waits until a conversation stands at a place.
    pub(crate) async fn until_place(&self, site: &Site, conversation: &str, place: i64) -> Value {
        self.until_position(site, conversation, |at| at["position"] == place).await
    }

    /// Moves time on, a quarter of a minute after the other, until an agent whose dashboards are closed is gone.
    pub(crate) async fn until_gone(&self, site: &Site, agent: &Person) {
        let query = "query Q($s: ID!) { presence(siteId: $s) { agents { user { id } } } }";
        for _ in 0..30 {
            let there = self.run(Some(&site.admin.token), query, json!({ "s": site.id })).await;
            let agents = there["presence"]["agents"].as_array().expect("a list").clone();
            if !agents.iter().any(|one| one["user"]["id"] == agent.id) {
                return;
            }
            self.clock.advance(Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("they stay");
    }

    /// Ends a conversation.
    pub(crate) async fn close(&self, person: &Person, conversation: &str) {
        let close = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
        self.run(Some(&person.token), close, json!({ "i": { "conversationId": conversation } })).await;
    }
}
