//! Data for black-box tests: two sites that must not see each other, everybody who can call, and lists of several pages.

mod documents;
mod site;

use std::{ops::RangeInclusive, time::Duration};

use ::entity::user;
use futures_util::future::try_join_all;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{documents::*, site::site};
use super::{Caller, has_no_site, text};
use crate::{
    app::App,
    features::{
        accounts::{self, NewPerson},
        answers,
        assistants::{self, New},
        sites::{self, NewSite},
    },
    kernel::{Error, Result, error::ErrorCode, secret},
};

/// What is added to a list so that it has more than one page of the longest kind.
const MANY: RangeInclusive<u32> = 1..=101;
/// Longest wait for answers, and how often they are looked for.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// Fills an empty database. Returns who is there and ids to ask for, with passwords and tokens.
///
/// # Errors
/// `CONFLICT` when there is anything in the database already.
pub async fn fixture(app: &App) -> Result<Value> {
    let db = app.ports.database.db();
    if !has_no_site(&db).await? || user::Entity::find().one(&db).await?.is_some() {
        let message =
            "The database is not empty. A fixture fills an empty one only; set YANIT_DATA_DIR to a new folder.";
        return Err(Error::new(ErrorCode::Conflict, message));
    }
    let superadmin = superadmin(app).await?;
    let alpha = Box::pin(site(app, "alpha", &[])).await?;
    let beta = Box::pin(site(app, "beta", &["https://beta.example"])).await?;
    let customer = Box::pin(customer(app)).await?;
    Ok(json!({ "sites": [alpha, beta], "superadmin": superadmin, "customer": customer }))
}

/// Does all background work, and waits for answers that are not due yet: an assistant gives people a moment to go on
/// writing.
async fn settle(app: &App) -> Result<()> {
    let cx = app.cx();
    let begun = Instant::now();
    loop {
        app.drain().await?;
        match answers::unfinished(&cx.db()).await? {
            0 => return Ok(()),
            left if begun.elapsed() > PATIENCE => {
                return Err(Error::internal(format!("{left} answers did not come within {PATIENCE:?}")));
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Somebody with an account.
struct Person<'a> {
    caller: Caller<'a>,
    shown: Value,
}

impl<'a> Person<'a> {
    async fn register(app: &'a App, email: &str, name: &str) -> Result<Self> {
        let input = json!({ "email": email, "password": secret::password(), "name": name });
        let answer = Caller::anonymous(app).call(REGISTER, input.clone()).await?;
        Self::signed_in(app, &input, &answer).await
    }

    /// The person after `answer`, with more sign-ins than one page shows.
    async fn signed_in(app: &'a App, input: &Value, answer: &Value) -> Result<Self> {
        let access = text(answer, "/accessToken")?;
        let caller = Caller::with_token(app, &access).await?;
        let shown = json!({
            "id": answer["user"]["id"],
            "email": input["email"],
            "password": input["password"],
            "accessToken": access,
            "refreshToken": answer["refreshToken"],
        });
        let cx = caller.cx();
        let row = accounts::find(&cx.db(), accounts::signed_in(&caller.actor)?.user).await?;
        let mut tx = cx.begin().await?;
        for _ in MANY {
            accounts::sign_in_in(&mut tx, row.clone()).await?;
        }
        tx.commit().await?;
        Ok(Self { caller, shown })
    }

    /// Learns of roles that were given since.
    async fn look_again(&mut self) -> Result<()> {
        self.caller = Caller::with_token(self.caller.app, &text(&self.shown, "/accessToken")?).await?;
        Ok(())
    }

    /// The same as JSON, with more said of them.
    fn show(mut self, more: Value) -> Value {
        if let (Value::Object(shown), Value::Object(more)) = (&mut self.shown, more) {
            shown.extend(more);
        }
        self.shown
    }
}

impl Caller<'_> {
    /// Sends a message; returns its id.
    async fn say(&self, conversation: &str, body: &str) -> Result<String> {
        self.text(SEND, json!({ "conversationId": conversation, "body": body }), "/message/id").await
    }

    /// The run that wrote the newest message of a conversation.
    async fn last_run(&self, conversation: &str) -> Result<String> {
        self.text(LAST_RUN, json!(conversation), "/messages/nodes/0/runId").await
    }
}

/// A person who may do everything, and so many sites that the list of all has several pages.
async fn superadmin(app: &App) -> Result<Value> {
    let input = json!({ "email": "superadmin@example.com", "password": secret::password() });
    let person = NewPerson::check(&text(&input, "/email")?, &text(&input, "/password")?, "Super Admin")?;
    accounts::create(&app.cx(), person, true).await?;
    let answer = Caller::anonymous(app).call(LOGIN, input.clone()).await?;
    let person = Person::signed_in(app, &input, &answer).await?;
    let mut tx = person.caller.cx().begin().await?;
    for number in MANY {
        sites::insert_in(&mut tx, NewSite::check(&format!("Empty {number:03}"), &[], None)?).await?;
    }
    tx.commit().await?;
    Ok(person.show(json!({})))
}

/// A customer with assistants and conversations of their own.
async fn customer(app: &App) -> Result<Value> {
    let customer = Person::register(app, "customer@example.com", "Can Customer").await?;
    let cx = customer.caller.cx();
    let caller = &customer.caller;
    let create = |name: &str| json!({ "name": name, "language": "tr" });
    let assistant = caller.text(CREATE_ASSISTANT, create("Own"), "/assistant/id").await?;
    let silent = caller.text(CREATE_ASSISTANT, create("Silent"), "/assistant/id").await?;
    let owner = accounts::signed_in(&caller.actor)?.user;
    let space = sites::personal(&cx, owner).await?;
    let mut tx = cx.begin().await?;
    for number in MANY {
        let new = New { name: format!("Own {number:03}"), ..New::default() };
        assistants::insert_in(&mut tx, space, Some(owner), new).await?;
    }
    tx.commit().await?;
    let mut talks = vec![];
    for number in MANY {
        let titled = json!({ "assistantId": silent, "title": format!("Talk {number:03}") });
        talks.push(caller.text(START, titled, "/conversation/id").await?);
    }
    try_join_all(talks.iter().map(|talk| caller.say(talk, "Merhaba!"))).await?;
    // Before any of these messages is looked at: they get no answers.
    caller.call(UPDATE_ASSISTANT, json!({ "assistantId": silent, "enabled": false })).await?;
    let started = json!({ "assistantId": assistant, "title": "Main" });
    let conversation = caller.text(START, started, "/conversation/id").await?;
    for number in MANY {
        caller.say(&conversation, &format!("Mesaj {number}")).await?;
    }
    settle(app).await?;
    let run = caller.last_run(&conversation).await?;
    Ok(customer.show(json!({ "assistantId": assistant, "conversationId": conversation, "runId": run })))
}
