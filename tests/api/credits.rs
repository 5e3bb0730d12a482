//! Credits: one at sign-up, one for each new conversation with an assistant that charges.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Person, text},
};

const START: &str = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
const ME: &str = "{ me { id credits { totalAmount amount } } }";

async fn credits(app: &TestApp, person: &Person) -> Value {
    app.run(Some(&person.token), ME, json!({})).await["me"]["credits"].clone()
}

#[tokio::test]
async fn two_at_once_cannot_spend_the_same_credit() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true, "chargesCredit": true })).await;
    let ada = app.person("ada").await;
    assert_eq!(credits(&app, &ada).await, json!({ "totalAmount": 1, "amount": 1 }));
    let start = || app.post(Some(&ada.token), START, json!({ "i": { "assistantId": assistant } }));
    let (one, two) = tokio::join!(start(), start());
    let (made, refused): (Vec<Value>, Vec<Value>) =
        [one, two].into_iter().partition(|answer| answer.get("errors").is_none());
    assert_eq!((made.len(), refused.len()), (1, 1), "{made:?} {refused:?}");
    let error = &refused[0]["errors"][0];
    assert_eq!(error["extensions"]["reason"], "INSUFFICIENT_CREDIT");
    assert!(text(&error["message"]).contains("credit is insufficient"), "{error}");
    assert_eq!(credits(&app, &ada).await, json!({ "totalAmount": 1, "amount": 0 }));
    let mine = "{ myConversations { totalCount } }";
    assert_eq!(app.run(Some(&ada.token), mine, json!({})).await["myConversations"]["totalCount"], 1);
}

#[tokio::test]
async fn a_repetition_costs_nothing_and_neither_does_an_assistant_that_does_not_charge() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let charging = app.assistant(&site, json!({ "openToCustomers": true, "chargesCredit": true })).await;
    let free = app.assistant(&site, json!({ "openToCustomers": true })).await;
    let ada = app.person("ada").await;
    app.run(Some(&ada.token), START, json!({ "i": { "assistantId": free } })).await;
    let client = uuid::Uuid::from_u128(rand::random());
    let input = json!({ "i": { "assistantId": charging, "clientId": client } });
    let first = app.run(Some(&ada.token), START, input.clone()).await;
    assert_eq!(app.run(Some(&ada.token), START, input).await, first);
    assert_eq!(credits(&app, &ada).await["amount"], 0);
    // Only a superadmin gives more.
    let grant = "mutation G($i: GrantCreditsInput!) { grantCredits(input: $i) { credits { totalAmount amount } } }";
    let me = app.run(Some(&ada.token), ME, json!({})).await["me"]["id"].clone();
    let input = json!({ "i": { "userId": me, "amount": 2 } });
    assert_eq!(app.refused(Some(&site.admin.token), grant, input.clone()).await, "FORBIDDEN");
    let create = "mutation A($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
    let input = json!({ "i": { "siteId": site.id, "name": "X", "chargesCredit": true } });
    assert_eq!(app.refused(Some(&site.admin.token), create, input).await, "BAD_USER_INPUT/INVALID_COMBINATION");
}
