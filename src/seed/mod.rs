//! Fills an empty database: the demo site, and data for black-box tests.
//!
//! What is not mere filling is made through the API itself, by callers with the rights of users: seeds hold no rules of
//! their own, and what they make is what users could have made.

mod demo;
mod fixture;

use std::{str::FromStr, sync::Arc};

use ::entity::site;
use async_graphql::Variables;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

pub use self::{
    demo::{DEMO_AGENT, Demo, demo, demo_key},
    fixture::fixture,
};
use crate::{
    app::App,
    features::{
        accounts::{
            self,
            token::{self, Bearer},
        },
        sites,
    },
    kernel::{Actor, Ctx, Error, Result, access::SignedIn, ctx::Request},
    ports::db::Db,
};

/// True when nobody has made a site yet, nor anything else that belongs to one.
async fn has_no_site(db: &Db<'_>) -> Result<bool> {
    Ok(site::Entity::find().one(db).await?.is_none())
}

/// Somebody who uses the API, with the rights of whom the token is for.
#[derive(Clone)]
struct Caller<'a> {
    app: &'a App,
    actor: Actor,
    request: Request,
}

impl<'a> Caller<'a> {
    fn new(app: &'a App, actor: Actor) -> Self {
        Self { app, actor, request: Request::default() }
    }

    fn anonymous(app: &'a App) -> Self {
        Self::new(app, Actor::Anonymous)
    }

    /// The bearer of a token, with the roles of this moment.
    async fn with_token(app: &'a App, text: &str) -> Result<Self> {
        let cx = app.cx();
        let actor = match token::read_current(&cx.secrets, text, cx.clock.now())?.bearer {
            Bearer::Visitor { sub, site } => Actor::Visitor { site, visitor: sub },
            Bearer::User { sub, sid } => Actor::User(Arc::new(SignedIn {
                user: sub,
                session: sid,
                superadmin: accounts::session_person(&cx, sub, sid).await?.superadmin,
                memberships: sites::roles_of(&cx.db(), sub).await?,
            })),
            Bearer::Device { .. } => return Err(token::invalid()),
        };
        Ok(Self::new(app, actor))
    }

    /// The same caller on a page of this origin.
    fn at(mut self, origin: Option<&str>) -> Self {
        self.request.origin = origin.map(str::to_owned);
        self
    }

    /// A context for what is made in bulk.
    fn cx(&self) -> Ctx {
        Ctx::new(self.app.ports.clone(), self.actor.clone(), self.request.clone())
    }

    /// Runs a document with the variable `$i`. Returns what its only root field gave.
    async fn call(&self, document: &str, input: Value) -> Result<Value> {
        let variables = Variables::from_json(json!({ "i": input }));
        let request = async_graphql::Request::new(document).variables(variables).data(self.cx());
        let response = self.app.api.execute(request).await;
        if !response.errors.is_empty() {
            return Err(Error::internal(format!("{document}: {:?}", response.errors)));
        }
        let data = response.data.into_json()?;
        let root = data.as_object().and_then(|fields| fields.values().next());
        root.cloned().ok_or_else(|| Error::internal(format!("{document}: no answer")))
    }

    /// The same for the one text of the answer that counts.
    async fn text(&self, document: &str, input: Value, pointer: &str) -> Result<String> {
        text(&self.call(document, input).await?, pointer)
    }
}

/// A text in an answer.
fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Error::internal(format!("no text at {pointer} of {answer}")))
}

/// An id in an answer.
fn id<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T> {
    text.parse().map_err(Error::internal)
}
