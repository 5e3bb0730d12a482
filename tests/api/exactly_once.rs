//! What a `clientId` is, beyond what the law of repetitions says of each operation.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    harness::{
        app::{Options, TestApp, refusal},
        people::{PASSWORD, Site, new_id, text},
    },
    laws::superadmin,
};

const TEAM: &str = "mutation($i: CreateTeamInput!) { createTeam(input: $i) { team { id name } } }";
const INVITE: &str =
    "mutation($i: InviteMemberInput!) { inviteMember(input: $i) { invitationToken invitation { id } } }";
const SITE: &str = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } } }";

async fn team(app: &TestApp, site: &Site, client: &str) -> Value {
    let input = json!({ "siteId": site.id, "name": "Gece", "clientId": client });
    app.post(Some(&site.admin.token), TEAM, json!({ "i": input })).await
}

#[tokio::test]
async fn an_id_is_its_callers_own() {
    let app = TestApp::start().await;
    let (own, other) = (app.site("own").await, app.site("other").await);
    let client = new_id();
    let first = team(&app, &own, &client).await;
    let theirs = team(&app, &other, &client).await;
    assert_eq!((refusal(&first), refusal(&theirs)), (None, None));
    assert_ne!(first["data"]["createTeam"]["team"]["id"], theirs["data"]["createTeam"]["team"]["id"]);
    // Another admin of the same site has ids of their own, too, and meets the name instead.
    let second = app.member(&own, "second", "ADMIN").await;
    let input = json!({ "siteId": own.id, "name": "Gece", "clientId": client });
    assert_eq!(app.refused(Some(&second.token), TEAM, json!({ "i": input })).await, "CONFLICT/NAME_TAKEN");
    // Another operation, too.
    let make = "mutation($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { name } } }";
    let input = json!({ "siteId": own.id, "name": "Destek", "clientId": client });
    app.run(Some(&own.admin.token), make, json!({ "i": input })).await;
}

#[tokio::test]
async fn what_is_gone_is_not_made_again() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let admin = Some(site.admin.token.as_str());
    let client = new_id();
    let first = team(&app, &site, &client).await;
    let delete = "mutation($i: DeleteTeamInput!) { deleteTeam(input: $i) { teamId } }";
    let id = text(&first["data"]["createTeam"]["team"]["id"]);
    app.run(admin, delete, json!({ "i": { "teamId": id } })).await;
    let again = team(&app, &site, &client).await;
    assert_eq!(refusal(&again).as_deref(), Some("NOT_FOUND"));
    assert_eq!(again["errors"][0]["extensions"]["field"], "input.clientId");
    let teams = "query($s: ID!) { teams(siteId: $s) { totalCount } }";
    assert_eq!(app.run(admin, teams, json!({ "s": site.id })).await["teams"]["totalCount"], 0);
    assert_eq!(refusal(&team(&app, &site, &new_id()).await), None);
}

/// An id is known for 7 days, as its description says, and nothing is kept for ever for it.
#[tokio::test]
async fn an_id_is_forgotten_after_seven_days() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("own").await;
    let (kept, client) = (new_id(), new_id());
    let input = |client: &str| json!({ "i": { "name": "Dükkân", "clientId": client } });
    let again = async |client: &str| {
        // A sign-in lasts less than a week.
        let login = "mutation($i: LoginInput!) { login(input: $i) { accessToken } }";
        let who = json!({ "i": { "email": site.admin.email, "password": PASSWORD } });
        let token = text(&app.run(None, login, who).await["login"]["accessToken"]);
        text(&app.run(Some(&token), SITE, input(client)).await["createSite"]["site"]["id"])
    };
    let first = again(&client).await;
    app.clock.advance(Duration::from_secs(4 * 86_400));
    let later = again(&kept).await;
    app.clock.advance(Duration::from_secs(3 * 86_400 - 60));
    assert_eq!(again(&client).await, first, "within 7 days it is the same");
    app.clock.advance(Duration::from_secs(2 * 3_600));
    app.app.order_upkeep().await.unwrap();
    for round in 0.. {
        assert!(round < 600, "the id is never forgotten");
        if again(&client).await != first {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(again(&kept).await, later, "younger ones are known");
}

#[tokio::test]
async fn what_was_changed_since_is_answered_as_it_is() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let client = new_id();
    let first = team(&app, &site, &client).await;
    let rename = "mutation($i: UpdateTeamInput!) { updateTeam(input: $i) { team { name } } }";
    let id = &first["data"]["createTeam"]["team"]["id"];
    app.run(Some(&site.admin.token), rename, json!({ "i": { "teamId": id, "name": "Gündüz" } })).await;
    let again = team(&app, &site, &client).await;
    assert_eq!(again["data"]["createTeam"]["team"], json!({ "id": id, "name": "Gündüz" }));
}

#[tokio::test]
async fn who_lost_the_right_to_make_it_gets_nothing() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let second = app.member(&site, "second", "ADMIN").await;
    let input = json!({ "i": { "siteId": site.id, "name": "Gece", "clientId": new_id() } });
    app.run(Some(&second.token), TEAM, input.clone()).await;
    let members = "query($s: ID!) { siteMembers(siteId: $s) { nodes { id user { id } } } }";
    let members = app.run(Some(&site.admin.token), members, json!({ "s": site.id })).await;
    let nodes = members["siteMembers"]["nodes"].as_array().unwrap().clone();
    let member = nodes.into_iter().find(|member| member["user"]["id"] == second.id).unwrap();
    let remove = "mutation($i: RemoveMemberInput!) { removeMember(input: $i) { member { id } } }";
    app.run(Some(&site.admin.token), remove, json!({ "i": { "memberId": member["id"] } })).await;
    assert_eq!(app.refused(Some(&second.token), TEAM, input).await, "NOT_FOUND");
}

#[tokio::test]
async fn credits_that_are_granted_fifty_times_at_once_are_granted_once() {
    let app = TestApp::start().await;
    let (ada, super_) = (app.person("ada").await, superadmin(&app).await);
    let grant = "mutation($i: GrantCreditsInput!) { grantCredits(input: $i) { credits { totalAmount amount } } }";
    let input = json!({ "i": { "userId": ada.id, "amount": 5, "clientId": new_id() } });
    let all = join_all((0..50).map(|_| app.run(Some(&super_.token), grant, input.clone()))).await;
    assert!(
        all.iter().all(|one| one["grantCredits"]["credits"] == json!({ "totalAmount": 6, "amount": 6 })),
        "{all:?}"
    );
}

#[tokio::test]
async fn an_invitation_that_is_sent_again_has_the_same_token_until_it_is_used() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let admin = Some(site.admin.token.as_str());
    let ada = app.person("ada").await;
    let input = json!({ "i": { "siteId": site.id, "email": ada.email, "role": "AGENT", "clientId": new_id() } });
    let first = app.run(admin, INVITE, input.clone()).await;
    assert_eq!(app.run(admin, INVITE, input.clone()).await, first);
    let token = text(&first["inviteMember"]["invitationToken"]);
    assert_eq!(token.len(), 43);
    let accept = "mutation($i: AcceptInvitationInput!) { acceptInvitation(input: $i) { member { role } } }";
    app.run(Some(&ada.token), accept, json!({ "i": { "token": token } })).await;
    assert_eq!(app.refused(admin, INVITE, input).await, "NOT_FOUND");
    // Nobody else gets that token, whatever ids they guess.
    let others = app.site("other").await;
    let client = new_id();
    let mut tokens = Vec::new();
    for site in [&site, &others] {
        let input = json!({ "siteId": site.id, "email": "b@example.com", "role": "AGENT", "clientId": client });
        let invited = app.run(Some(&site.admin.token), INVITE, json!({ "i": input })).await;
        tokens.push(text(&invited["inviteMember"]["invitationToken"]));
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test]
async fn a_repetition_counts_toward_no_limit() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let make = async |client: &str| {
        let input = json!({ "name": "Dükkân", "clientId": client });
        app.post(Some(&ada.token), SITE, json!({ "i": input })).await
    };
    let client = new_id();
    let at_once = join_all((0..8).map(|_| make(&client))).await;
    for _ in 0..20 {
        assert_eq!(make(&client).await, at_once[0]);
    }
    for _ in 0..99 {
        assert_eq!(refusal(&make(&new_id()).await), None);
    }
    assert_eq!(refusal(&make(&new_id()).await).as_deref(), Some("RATE_LIMITED"));
    // What was made is there, also when there is nothing left.
    assert_eq!(make(&client).await, at_once[0]);
}

#[tokio::test]
async fn of_several_articles_the_refused_ones_can_be_sent_again_under_their_ids() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let make = "mutation($i: CreateArticlesInput!) { createArticles(input: $i) {
        createdCount results { article { id slug } error { reason field } } } }";
    let article = |slug: &str, client: &str| json!({ "title": "İade", "body": "On dört gün.", "language": "tr", "slug": slug, "clientId": client });
    let ask = async |articles: Vec<Value>| {
        let input = json!({ "siteId": site.id, "articles": articles });
        app.run(Some(&site.admin.token), make, json!({ "i": input })).await["createArticles"].take()
    };
    let (one, two) = (new_id(), new_id());
    let first = ask(vec![article("iade", &one), article("iade", &two)]).await;
    assert_eq!(first["createdCount"], 1);
    assert_eq!(first["results"][1]["error"], json!({ "reason": "SLUG_TAKEN", "field": "input.articles[1].slug" }));
    let again = ask(vec![article("iade", &one), article("iade-2", &two)]).await;
    assert_eq!(again["results"][0]["article"]["id"], first["results"][0]["article"]["id"]);
    assert_eq!(again["results"][1]["article"]["slug"], "iade-2");
    // In the other order, and one of them with other content.
    let last = ask(vec![article("iade-2", &two), article("baska", &one)]).await;
    assert_eq!(last["results"][0]["article"], again["results"][1]["article"]);
    let mismatch = json!({ "reason": "IDEMPOTENCY_MISMATCH", "field": "input.articles[1].clientId" });
    assert_eq!(last["results"][1]["error"], mismatch);
}

#[tokio::test]
async fn files_are_compared_by_what_is_in_them() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    let document = "mutation($i: ImportArticlesInput!) { importArticles(input: $i) { articleImport { id } } }";
    let client = new_id();
    let upload = async |content: &str| {
        let operations = json!({ "query": document, "variables": { "i": {
            "siteId": site.id, "files": [{ "file": null }], "clientId": client } } });
        let part = |head: &str, content: &str| {
            format!("--a-boundary\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        };
        let form = [
            part("name=\"operations\"", &operations.to_string()),
            part("name=\"map\"", "{\"0\":[\"variables.i.files.0.file\"]}"),
            part("name=\"0\"; filename=\"iade.md\"", content),
            "--a-boundary--\r\n".to_owned(),
        ];
        let request = app.http.post(app.url()).header("GraphQL-Preflight", "1").bearer_auth(&site.admin.token);
        let request = request.header("content-type", "multipart/form-data; boundary=a-boundary").body(form.concat());
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let first = upload("# İade\n\nOn dört gün.").await;
    assert!(first["data"]["importArticles"]["articleImport"]["id"].is_string(), "{first}");
    assert_eq!(upload("# İade\n\nOn dört gün.").await, first);
    assert_eq!(refusal(&upload("# İade\n\nOtuz gün.").await).as_deref(), Some("CONFLICT/IDEMPOTENCY_MISMATCH"));
}

#[tokio::test]
async fn a_visitors_start_that_is_sent_again_finds_its_conversation_also_when_it_is_closed() {
    let app = TestApp::start().await;
    let site = app.site("own").await;
    app.assistant(&site, json!({})).await;
    let visitor = app.visitor(&site).await;
    let start =
        "mutation($i: StartConversationInput!) { startConversation(input: $i) { started conversation { id } } }";
    let input = json!({ "i": { "clientId": new_id() } });
    let first = app.run(Some(&visitor.token), start, input.clone()).await;
    assert_eq!(first["startConversation"]["started"], true);
    assert_eq!(app.run(Some(&visitor.token), start, input.clone()).await, first);
    let id = &first["startConversation"]["conversation"]["id"];
    let close = "mutation($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
    app.run(Some(&site.admin.token), close, json!({ "i": { "conversationId": id } })).await;
    assert_eq!(app.run(Some(&visitor.token), start, input).await, first);
    let next = app.run(Some(&visitor.token), start, json!({ "i": { "clientId": new_id() } })).await;
    assert_eq!(next["startConversation"]["started"], true);
    assert_ne!(&next["startConversation"]["conversation"]["id"], id);
}
