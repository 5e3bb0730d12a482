//! An assistant's answer in the API.

use ::entity::{
    ids::SiteId,
    message::{self, AnswerAction},
};
use async_graphql::{Context, Object};

use super::super::{
    answer::{self, AnswerSpan, Offer},
    model::Citation,
};
use crate::{
    features::sites::offered::WaysKey,
    kernel::{Ctx, CtxExt, Result},
};

/// What an assistant answered: text and sources, how sure it is, and what it does.
#[derive(Clone, Debug)]
pub(crate) struct AssistantAnswer {
    site: SiteId,
    text: String,
    citations: Vec<Citation>,
    confidence: f64,
    action: AnswerAction,
}

impl AssistantAnswer {
    /// The answer that a message holds; `None` for what no assistant wrote.
    pub(crate) fn of(message: &message::Model) -> Result<Option<Self>> {
        let Some(action) = message.action else { return Ok(None) };
        let citations = message.citations.clone().map(serde_json::from_value).transpose()?;
        Ok(Some(Self {
            site: message.site_id,
            text: message.body.clone(),
            citations: citations.unwrap_or_default(),
            confidence: message.confidence.unwrap_or_default(),
            action,
        }))
    }
}

/// An assistant's answer. What it does is decided by the server and never read from the text.
#[Object]
impl AssistantAnswer {
    /// Markdown. A model marks what rests on a source with `[n]`, the `number` of a citation. Links and images that no
    /// source holds have been taken out.
    #[graphql(complexity = 10)]
    async fn text(&self) -> &str {
        &self.text
    }

    /// The sources it rests on: literal quotes, made by the server from the passages that were found.
    async fn citations(&self) -> &[Citation] {
        &self.citations
    }

    /// Which part of the text rests on which of them.
    async fn spans(&self) -> Vec<AnswerSpan> {
        answer::spans(&self.text, &self.citations)
    }

    /// How likely what was found answers the question: 0 to 1. Comparable between answers of one site.
    async fn confidence(&self) -> f64 {
        self.confidence
    }

    /// What it is.
    async fn action(&self) -> AnswerAction {
        self.action
    }

    /// What to offer the visitor beside it: a way to a person where it does not know, of those that the site's widget has.
    async fn offers(&self, ctx: &Context<'_>) -> Result<Vec<Offer>> {
        offered(ctx.cx(), self.site, answer::offers(self.action)).await
    }
}

/// Those of some offers that a site has: its widget shows them, and there are people.
pub(super) async fn offered(cx: &Ctx, site: SiteId, offers: &[Offer]) -> Result<Vec<Offer>> {
    if offers.is_empty() {
        return Ok(vec![]);
    }
    let Some(ways) = cx.load(WaysKey(site)).await?.filter(|ways| ways.are_people_there) else { return Ok(vec![]) };
    Ok(offers.iter().copied().filter(|offer| offer.is_on(&ways.features)).collect())
}
