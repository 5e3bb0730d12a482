//! Sites and people, made through the API as users make them.

use serde_json::{Value, json};

use super::app::TestApp;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

/// A site with its admin.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) admin: Person,
}

/// Somebody on a site's page.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) id: String,
    pub(crate) token: String,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

impl TestApp {
    /// A registered person; a customer until invited somewhere.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let email = format!("{name}-{}@example.com", uuid::Uuid::from_u128(rand::random()).simple());
        let data = self
            .run(
                None,
                "mutation R($i: RegisterInput!) { register(input: $i) { user { id } accessToken refreshToken } }",
                json!({ "i": { "email": email, "password": PASSWORD, "name": name } }),
            )
            .await;
        let payload = &data["register"];
        Person {
            id: text(&payload["user"]["id"]),
            email,
            token: text(&payload["accessToken"]),
            refresh: text(&payload["refreshToken"]),
        }
    }

    /// A site whose admin is a new person.
    pub(crate) async fn site(&self, name: &str) -> Site {
        let admin = self.person(&format!("{name}-admin")).await;
        let data = self
            .run(
                Some(&admin.token),
                "mutation S($i: CreateSiteInput!) { createSite(input: $i) { site { id publicKey } } }",
                json!({ "i": { "name": name, "locale": "tr" } }),
            )
            .await;
        let site = &data["createSite"]["site"];
        Site { id: text(&site["id"]), key: text(&site["publicKey"]), admin }
    }

    /// A new agent of a site.
    pub(crate) async fn agent(&self, site: &Site, name: &str) -> Person {
        self.member(site, name, "AGENT").await
    }

    /// A new member of a site.
    pub(crate) async fn member(&self, site: &Site, name: &str, role: &str) -> Person {
        let person = self.person(name).await;
        let data = self
            .run(
                Some(&site.admin.token),
                "mutation I($i: InviteMemberInput!) { inviteMember(input: $i) { invitationToken } }",
                json!({ "i": { "siteId": site.id, "email": person.email, "role": role } }),
            )
            .await;
        self.run(
            Some(&person.token),
            "mutation A($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { __typename } }",
            json!({ "i": { "token": data["inviteMember"]["invitationToken"] } }),
        )
        .await;
        person
    }

    /// A new visitor of a site.
    pub(crate) async fn visitor(&self, site: &Site) -> Visitor {
        let data = self
            .run(
                None,
                "mutation V($i: StartVisitorSessionInput!) { startVisitorSession(input: $i) { token visitorId } }",
                json!({ "i": { "siteKey": site.key } }),
            )
            .await;
        let session = &data["startVisitorSession"];
        Visitor { id: text(&session["visitorId"]), token: text(&session["token"]) }
    }

    /// An assistant of a site.
    pub(crate) async fn assistant(&self, site: &Site, more: Value) -> String {
        let mut input = json!({ "siteId": site.id, "name": "Fincan", "language": "tr", "debounceMs": 0 });
        if let (Some(input), Some(more)) = (input.as_object_mut(), more.as_object()) {
            input.extend(more.clone());
        }
        let data = self
            .run(
                Some(&site.admin.token),
                "mutation A($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }",
                json!({ "i": input }),
            )
            .await;
        text(&data["createAssistant"]["assistant"]["id"])
    }

    /// A published article, indexed when this returns.
    pub(crate) async fn article(&self, site: &Site, title: &str, body: &str) -> String {
        let data = self
            .run(
                Some(&site.admin.token),
                "mutation C($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }",
                json!({ "i": { "siteId": site.id, "title": title, "body": body, "language": "tr" } }),
            )
            .await;
        let id = text(&data["createArticle"]["article"]["id"]);
        self.run(
            Some(&site.admin.token),
            "mutation P($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }",
            json!({ "i": { "articleId": id } }),
        )
        .await;
        // A worker may have taken the job already, so draining would not wait for it.
        for _ in 0..600 {
            let query = "query A($a: ID!) { article(articleId: $a) { indexedVersion } }";
            let data = self.run(Some(&site.admin.token), query, json!({ "a": id })).await;
            if !data["article"]["indexedVersion"].is_null() {
                return id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the article was not indexed")
    }

    /// The first group of unanswered questions of a site, as soon as there is one.
    pub(crate) async fn unanswered(&self, site: &Site) -> String {
        let query = "query Q($s: ID!) { unansweredQuestions(siteId: $s) { nodes { id } } }";
        for _ in 0..600 {
            let data = self.run(Some(&site.admin.token), query, json!({ "s": site.id })).await;
            if let Some(id) = data["unansweredQuestions"]["nodes"][0]["id"].as_str() {
                return id.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("no question was grouped")
    }

    /// A visitor's conversation.
    pub(crate) async fn conversation(&self, visitor: &Visitor) -> String {
        let data = self
            .run(Some(&visitor.token), "mutation { startConversation(input: {}) { conversation { id } } }", json!({}))
            .await;
        text(&data["startConversation"]["conversation"]["id"])
    }

    /// Changes a conversation by a mutation whose input names it, and more besides.
    pub(crate) async fn change(&self, token: &str, document: &str, conversation: &str, more: Value) -> Value {
        let mut input = json!({ "conversationId": conversation });
        input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.run(Some(token), document, json!({ "i": input })).await
    }

    /// Sends a message; returns it.
    pub(crate) async fn say(&self, token: &str, conversation: &str, body: &str) -> Value {
        self.say_as(token, conversation, body, &new_id()).await
    }

    /// The same with a client id.
    pub(crate) async fn say_as(&self, token: &str, conversation: &str, body: &str, client_id: &str) -> Value {
        let data = self
            .run(
                Some(token),
                SEND,
                json!({ "i": { "conversationId": conversation, "body": body, "clientId": client_id } }),
            )
            .await;
        data["sendMessage"]["message"].clone()
    }
}

pub(crate) const SEND: &str = "mutation Send($i: SendMessageInput!) { sendMessage(input: $i) { message { id seq body clientId authorKind createdAt } } }";

/// A client-made id.
pub(crate) fn new_id() -> String {
    uuid::Uuid::from_u128(rand::random()).to_string()
}

/// A JSON text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text was expected, not {value}")).to_owned()
}

/// What those of one kind have said in a conversation that was read with its messages.
pub(crate) fn said<'a>(conversation: &'a Value, kind: &str) -> Vec<&'a str> {
    let nodes = conversation["messages"]["nodes"].as_array().expect("a list");
    nodes.iter().filter(|node| node["authorKind"] == kind).filter_map(|node| node["body"].as_str()).collect()
}
