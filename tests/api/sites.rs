//! Sites, members and invitations, as an integrator uses them.

use std::time::Duration;

use serde_json::{Value, json};
use yanit::features::accounts::{self, NewPerson};

use crate::harness::app::{Options, TestApp};

const CREATE: &str = "mutation($input: CreateSiteInput!) { createSite(input: $input) {
    site { id name publicKey allowedOrigins locale myRole } } }";
const MEMBERS: &str = "query($site: ID!) { siteMembers(siteId: $site) { totalCount edges { node {
    id role user { id name email } } } } }";
const INVITE: &str = "mutation($input: InviteMemberInput!) { inviteMember(input: $input) {
    invitationToken invitation { id email role expired invitedBy { name } } } }";
const ACCEPT: &str = "mutation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
    site { id myRole } member { id role user { id email } } auth { accessToken } } }";
const ROLE: &str = "mutation($id: ID!, $role: MemberRole!) { changeMemberRole(input: { memberId: $id, role: $role }) {
    member { role } } }";
const REMOVE: &str = "mutation($id: ID!) { removeMember(input: { memberId: $id }) { member { id } } }";
const UPDATE: &str = "mutation($input: UpdateSiteInput!) { updateSite(input: $input) {
    site { name allowedOrigins locale } } }";
const SITE: &str = "query($site: ID!) { site(siteId: $site) { id myRole } }";
const SITES: &str = "{ sites { totalCount edges { node { id } } } }";
const INVITATIONS: &str = "query($site: ID!) { invitations(siteId: $site) { totalCount edges { node { id email } } } }";

/// A server on which time stands until the test moves it.
async fn started() -> TestApp {
    TestApp::with(Options { manual_clock: true, ..Options::default() }).await
}

fn refusal(answer: &Value) -> (&str, &str) {
    let extensions = &answer["errors"][0]["extensions"];
    (extensions["code"].as_str().unwrap_or_default(), extensions["reason"].as_str().unwrap_or_default())
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}")).to_owned()
}

/// An access token of a new account.
async fn person(app: &TestApp, email: &str) -> String {
    let query = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
    let input = json!({ "email": email, "password": "correct horse battery", "name": "Somebody" });
    text(&app.post(None, query, json!({ "input": input })).await, "/data/register/accessToken")
}

/// An access token of somebody who may do everything.
async fn superadmin(app: &TestApp) -> String {
    let root = NewPerson::check("root@example.com", "correct horse battery", "Root").expect("it is fine");
    accounts::create(&app.app.cx(), root, true).await.expect("an account");
    let login = "mutation { login(input: { email: \"root@example.com\", password: \"correct horse battery\" }) {
        accessToken } }";
    text(&app.post(None, login, json!({})).await, "/data/login/accessToken")
}

/// A site and the token of its admin.
async fn site(app: &TestApp, admin: &str) -> (String, String) {
    let token = person(app, admin).await;
    let made = app.post(Some(&token), CREATE, json!({ "input": { "name": "Acme" } })).await;
    (text(&made, "/data/createSite/site/id"), token)
}

/// A further member's token and membership id.
async fn member(app: &TestApp, site: &str, admin: &str, email: &str, role: &str) -> (String, String) {
    let token = person(app, email).await;
    // Lists are in order of time, and the clock stands.
    app.clock.advance(Duration::from_secs(1));
    let input = json!({ "siteId": site, "email": email, "role": role });
    let invited = app.post(Some(admin), INVITE, json!({ "input": input })).await;
    let input = json!({ "token": text(&invited, "/data/inviteMember/invitationToken") });
    let accepted = app.post(Some(&token), ACCEPT, json!({ "input": input })).await;
    (token, text(&accepted, "/data/acceptInvitation/member/id"))
}

async fn members(app: &TestApp, token: &str, site: &str) -> Value {
    app.post(Some(token), MEMBERS, json!({ "site": site })).await["data"]["siteMembers"].take()
}

#[tokio::test]
async fn whoever_makes_a_site_is_its_admin_at_once() {
    let app = started().await;
    let token = person(&app, "ada@example.com").await;
    assert_eq!(app.post(Some(&token), SITES, json!({})).await["data"]["sites"]["totalCount"], 0);
    let input = json!({ "name": " Acme ", "allowedOrigins": ["HTTPS://Acme.example/", "https://*.acme.example"] });
    let made = app.post(Some(&token), CREATE, json!({ "input": input })).await["data"]["createSite"]["site"].take();
    assert_eq!((&made["name"], &made["locale"], &made["myRole"]), (&json!("Acme"), &json!("en"), &json!("ADMIN")));
    assert_eq!(made["allowedOrigins"], json!(["https://acme.example", "https://*.acme.example"]));
    assert!(text(&made, "/publicKey").starts_with("pk_"));
    let sites = app.post(Some(&token), SITES, json!({})).await;
    assert_eq!(sites["data"]["sites"]["edges"][0]["node"]["id"], made["id"]);
    assert_eq!(refusal(&app.post(None, CREATE, json!({ "input": { "name": "x" } })).await).0, "UNAUTHENTICATED");
}

#[tokio::test]
async fn sites_of_others_do_not_exist_for_one() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let (_, other_admin) = self::site(&app, "eve@example.com").await;
    let customer = person(&app, "carl@example.com").await;
    let members = members(&app, &admin, &site).await;
    let member = text(&members, "/edges/0/node/id");
    for token in [&other_admin, &customer] {
        let variables = json!({ "site": site, "id": member, "role": "AGENT", "input": {
            "siteId": site, "name": "x", "email": "x@example.com", "role": "AGENT" } });
        for query in [SITE, MEMBERS, INVITATIONS, ROLE, REMOVE] {
            let answer = app.post(Some(token), query, variables.clone()).await;
            assert_eq!(refusal(&answer).0, "NOT_FOUND", "{query} {answer}");
        }
        let update = json!({ "input": { "siteId": site, "name": "x" } });
        assert_eq!(refusal(&app.post(Some(token), UPDATE, update).await).0, "NOT_FOUND");
    }
    let everything = superadmin(&app).await;
    assert_eq!(app.post(Some(&everything), SITES, json!({})).await["data"]["sites"]["totalCount"], 2);
    let seen = app.post(Some(&everything), SITE, json!({ "site": site })).await;
    assert_eq!(seen["data"]["site"]["id"], site.as_str());
}

#[tokio::test]
async fn an_agent_sees_the_site_and_changes_nothing() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let (agent, _) = member(&app, &site, &admin, "bob@example.com", "AGENT").await;
    let seen = app.post(Some(&agent), SITE, json!({ "site": site })).await;
    assert_eq!(seen["data"]["site"]["myRole"], "AGENT");
    let list = members(&app, &agent, &site).await;
    assert_eq!(list["totalCount"], 2);
    assert_eq!(list["edges"][0]["node"]["user"]["email"], "ada@example.com");
    let admins_row = text(&list, "/edges/0/node/id");
    let update = json!({ "input": { "siteId": site, "name": "x" } });
    let invite = json!({ "input": { "siteId": site, "email": "x@example.com", "role": "ADMIN" } });
    let role = json!({ "id": admins_row, "role": "AGENT" });
    for (query, variables) in [
        (UPDATE, update),
        (INVITE, invite),
        (ROLE, role.clone()),
        (REMOVE, role),
        (INVITATIONS, json!({ "site": site })),
    ] {
        assert_eq!(refusal(&app.post(Some(&agent), query, variables).await).0, "FORBIDDEN", "{query}");
    }
}

#[tokio::test]
async fn settings_change_in_part_and_a_new_key_replaces_the_old_one() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let input = json!({ "siteId": site, "locale": "tr", "allowedOrigins": ["https://acme.example"] });
    let changed = app.post(Some(&admin), UPDATE, json!({ "input": input })).await["data"]["updateSite"]["site"].take();
    assert_eq!(changed, json!({ "name": "Acme", "allowedOrigins": ["https://acme.example"], "locale": "tr" }));
    let wrong = json!({ "input": { "siteId": site, "allowedOrigins": ["acme.example"] } });
    let refused = app.post(Some(&admin), UPDATE, wrong).await;
    assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "INVALID_FORMAT"));
    let rotate = "mutation($site: ID!) { rotateSiteKey(input: { siteId: $site }) { site { publicKey } } }";
    let one = app.post(Some(&admin), rotate, json!({ "site": site })).await;
    let two = app.post(Some(&admin), rotate, json!({ "site": site })).await;
    assert_ne!(one["data"]["rotateSiteKey"]["site"]["publicKey"], two["data"]["rotateSiteKey"]["site"]["publicKey"]);
}

#[tokio::test]
async fn a_new_key_and_what_is_written_in_the_site_do_not_wait_for_each_other() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let rename = "mutation($i: RenameConversationInput!) { renameConversation(input: $i) { conversation { title } } }";
    let rotate = "mutation($i: RotateSiteKeyInput!) { rotateSiteKey(input: $i) { site { id } } }";
    let mut conversations = vec![];
    for _ in 0..4 {
        conversations.push(app.conversation(&app.visitor(&site).await).await);
    }
    // A new title takes the journal's head before it refers to the site, a message the other way round.
    let admin = &site.admin.token;
    let write = async |conversation: &String| {
        for number in 0..15 {
            let title = json!({ "i": { "conversationId": conversation, "title": format!("Title {number}") } });
            app.run(Some(admin), rename, title).await;
            app.say(admin, conversation, "Merhaba").await;
        }
    };
    let replace = async {
        for _ in 0..15 {
            app.run(Some(admin), rotate, json!({ "i": { "siteId": site.id } })).await;
        }
    };
    // Each fails unless it is answered without an error, and the database ends whoever waits in a circle with one.
    tokio::join!(futures_util::future::join_all(conversations.iter().map(write)), replace);
}

#[tokio::test]
async fn a_new_person_accepts_with_a_name_and_a_password() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let input = json!({ "siteId": site, "email": "New@Example.com", "role": "AGENT" });
    let invited = app.post(Some(&admin), INVITE, json!({ "input": input })).await["data"]["inviteMember"].take();
    assert_eq!(invited["invitation"]["invitedBy"]["name"], "Somebody");
    let token = text(&invited, "/invitationToken");
    let bare = app.post(None, ACCEPT, json!({ "input": { "token": token } })).await;
    assert_eq!(refusal(&bare), ("BAD_USER_INPUT", "INVALID_COMBINATION"));
    let input = json!({ "input": { "token": token, "name": "Nell", "password": "correct horse battery" } });
    let accepted = app.post(None, ACCEPT, input.clone()).await["data"]["acceptInvitation"].take();
    assert_eq!(accepted["site"]["myRole"], "AGENT");
    assert_eq!(accepted["member"]["user"]["email"], "new@example.com");
    let seen = app.post(Some(&text(&accepted, "/auth/accessToken")), SITE, json!({ "site": site })).await;
    assert_eq!(seen["data"]["site"]["myRole"], "AGENT");
    assert_eq!(refusal(&app.post(None, ACCEPT, input).await), ("CONFLICT", "INVITATION_INVALID"));
    let list = app.post(Some(&admin), INVITATIONS, json!({ "site": site })).await;
    assert_eq!(list["data"]["invitations"]["totalCount"], 0);
    let again = json!({ "input": { "siteId": site, "email": "new@example.com", "role": "ADMIN" } });
    assert_eq!(refusal(&app.post(Some(&admin), INVITE, again).await), ("CONFLICT", "ALREADY_MEMBER"));
}

#[tokio::test]
async fn an_invitation_is_for_one_address_and_a_week_and_the_newest_counts() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let bob = person(&app, "bob@example.com").await;
    let eve = person(&app, "eve@example.com").await;
    let invite = json!({ "input": { "siteId": site, "email": "bob@example.com", "role": "AGENT" } });
    let first = text(&app.post(Some(&admin), INVITE, invite.clone()).await, "/data/inviteMember/invitationToken");
    let second = text(&app.post(Some(&admin), INVITE, invite.clone()).await, "/data/inviteMember/invitationToken");
    let accept = |token: &str| json!({ "input": { "token": token, "name": "B", "password": "correct horse battery" } });
    assert_eq!(refusal(&app.post(Some(&bob), ACCEPT, accept(&first)).await).1, "INVITATION_INVALID");
    assert_eq!(refusal(&app.post(Some(&eve), ACCEPT, accept(&second)).await).0, "FORBIDDEN");
    assert_eq!(refusal(&app.post(None, ACCEPT, accept(&second)).await), ("CONFLICT", "EMAIL_TAKEN"));
    let list = app.post(Some(&admin), INVITATIONS, json!({ "site": site })).await;
    assert_eq!(list["data"]["invitations"]["totalCount"], 1);
    let id = text(&list, "/data/invitations/edges/0/node/id");
    let revoke = "mutation($id: ID!) { revokeInvitation(input: { invitationId: $id }) { invitation { id } } }";
    assert_eq!(refusal(&app.post(Some(&eve), revoke, json!({ "id": id })).await).0, "NOT_FOUND");
    assert!(app.post(Some(&admin), revoke, json!({ "id": id })).await["errors"].is_null());
    assert_eq!(refusal(&app.post(Some(&bob), ACCEPT, accept(&second)).await).1, "INVITATION_INVALID");
    let third = text(&app.post(Some(&admin), INVITE, invite).await, "/data/inviteMember/invitationToken");
    app.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let login = "mutation { login(input: { email: \"bob@example.com\", password: \"correct horse battery\" }) {
        accessToken } }";
    let bob = text(&app.post(None, login, json!({})).await, "/data/login/accessToken");
    assert_eq!(refusal(&app.post(Some(&bob), ACCEPT, accept(&third)).await).1, "INVITATION_INVALID");
}

#[tokio::test]
async fn a_site_keeps_an_admin_also_when_all_leave_at_once() {
    let app = started().await;
    let (site, ada) = site(&app, "ada@example.com").await;
    let ada_row = text(&members(&app, &ada, &site).await, "/edges/0/node/id");
    let alone = app.post(Some(&ada), REMOVE, json!({ "id": ada_row })).await;
    assert_eq!(refusal(&alone), ("CONFLICT", "LAST_ADMIN"));
    let (bob, bob_row) = member(&app, &site, &ada, "bob@example.com", "ADMIN").await;
    let (cem, cem_row) = member(&app, &site, &ada, "cem@example.com", "ADMIN").await;
    let step_down = |row: &str| json!({ "id": row, "role": "AGENT" });
    let (one, two, three) = tokio::join!(
        app.post(Some(&ada), ROLE, step_down(&ada_row)),
        app.post(Some(&bob), REMOVE, json!({ "id": bob_row })),
        app.post(Some(&cem), ROLE, step_down(&cem_row)),
    );
    let refused: Vec<_> = [&one, &two, &three].into_iter().filter(|answer| !answer["errors"].is_null()).collect();
    assert_eq!(refused.len(), 1, "{one} {two} {three}");
    assert_eq!(refusal(refused[0]), ("CONFLICT", "LAST_ADMIN"));
}

#[tokio::test]
async fn a_changed_role_counts_from_the_next_request_on() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let (bob, bob_row) = member(&app, &site, &admin, "bob@example.com", "AGENT").await;
    let update = json!({ "input": { "siteId": site, "name": "Bobs" } });
    assert_eq!(refusal(&app.post(Some(&bob), UPDATE, update.clone()).await).0, "FORBIDDEN");
    let changed = app.post(Some(&admin), ROLE, json!({ "id": bob_row, "role": "ADMIN" })).await;
    assert_eq!(changed["data"]["changeMemberRole"]["member"]["role"], "ADMIN");
    assert!(app.post(Some(&bob), UPDATE, update).await["errors"].is_null());
    assert!(app.post(Some(&admin), REMOVE, json!({ "id": bob_row })).await["errors"].is_null());
    assert_eq!(refusal(&app.post(Some(&bob), SITE, json!({ "site": site })).await).0, "NOT_FOUND");
}

#[tokio::test]
async fn an_agent_may_leave() {
    let app = started().await;
    let (site, admin) = site(&app, "ada@example.com").await;
    let (bob, bob_row) = member(&app, &site, &admin, "bob@example.com", "AGENT").await;
    assert!(app.post(Some(&bob), REMOVE, json!({ "id": bob_row })).await["errors"].is_null());
    assert_eq!(members(&app, &admin, &site).await["totalCount"], 1);
}
