//! Any thing by its id, and what errors can say.

use std::str::FromStr;

use ::entity::ids::AnyId;
use async_graphql::{Context, ID, Interface, Object, SimpleObject};

use super::{
    accounts, agents, answers, assistants, calendars, canned_responses, contact_requests,
    conversations::graphql::types::{self as conversations, Conversation, Message},
    evaluation, knowledge, questions, sites, upkeep, visitors,
};
use crate::kernel::{
    Ctx, CtxExt, Error, ErrorReason, Result,
    error::{ErrorCode, ErrorReason as Reason},
};

/// Most ids of one `nodes` query.
const MAX: usize = 100;

/// A thing with an id of its own, as `node(id:)` finds it.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque; shows by its prefix of what kind the thing is."))]
enum Node {
    /// A person with an account.
    User(accounts::User),
    /// A site.
    Site(sites::Site),
    /// A visitor.
    Visitor(visitors::Visitor),
    /// An article.
    Article(knowledge::Article),
    /// An assistant.
    Assistant(assistants::Assistant),
    /// A conversation.
    Conversation(Conversation),
    /// A message.
    Message(Message),
    /// A run.
    Run(answers::Run),
    /// One of your sign-ins.
    Session(accounts::Session),
    /// A person's role in a site.
    SiteMember(sites::SiteMember),
    /// An invitation.
    Invitation(sites::Invitation),
    /// A department.
    Department(agents::Department),
    /// A team.
    Team(agents::Team),
    /// A special day.
    SpecialDay(calendars::graphql::SpecialDay),
    /// A canned response.
    CannedResponse(canned_responses::CannedResponse),
    /// A contact request.
    ContactRequest(contact_requests::ContactRequest),
    /// An import of articles.
    ArticleImport(knowledge::ArticleImport),
    /// A group of unanswered questions.
    QuestionGroup(questions::QuestionGroup),
    /// A golden question.
    GoldenQuestion(evaluation::GoldenQuestion),
    /// An evaluation.
    Evaluation(evaluation::Evaluation),
    /// Background work that was given up.
    FailedJob(upkeep::FailedJob),
}

/// All codes and reasons that errors carry in their `extensions`.
#[derive(SimpleObject)]
struct ErrorCatalogue {
    /// `extensions.code`: what kind of failure it is.
    codes: Vec<ErrorCode>,
    /// `extensions.reason`: why exactly, where there is more to say.
    reasons: Vec<Reason>,
}

/// Queries about things of any kind.
#[derive(Default)]
pub struct NodesQuery;

#[Object]
impl NodesQuery {
    /// The thing with this id, whatever its kind; null when there is none within your reach.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Any id of this API.")] id: ID) -> Result<Option<Node>> {
        find(ctx.cx(), "id", &id).await
    }

    /// The same for several ids, in their order, null where there is nothing; at most 100.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Any ids of this API.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX {
            return Err(Error::bad_input(
                "ids",
                ErrorReason::TooLong,
                format!("`ids` has {} ids; at most {MAX} are allowed.", ids.len()),
            ));
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.push(find(ctx.cx(), "ids", id).await?);
        }
        Ok(found)
    }

    /// Every code and reason that an error can carry in its `extensions`, for generating clients.
    async fn error_catalogue(&self) -> ErrorCatalogue {
        fn all<T: async_graphql::resolver_utils::EnumType>() -> Vec<T> {
            T::items().iter().map(|item| item.value).collect()
        }
        ErrorCatalogue { codes: all(), reasons: all() }
    }
}

async fn find(cx: &Ctx, field: &'static str, id: &ID) -> Result<Option<Node>> {
    let id =
        AnyId::from_str(id).map_err(|error| Error::bad_input(field, ErrorReason::MalformedId, error.to_string()))?;
    Ok(match id {
        AnyId::ConversationId(id) => conversations::node(cx, id).await?.map(Node::Conversation),
        AnyId::MessageId(id) => conversations::message_node(cx, id).await?.map(Node::Message),
        AnyId::RunId(id) => answers::node(cx, id).await?.map(Node::Run),
        AnyId::AssistantId(id) => assistants::node(cx, id).await?.map(Node::Assistant),
        AnyId::UserId(id) => {
            let is_colleague = sites::is_colleague(cx, id).await?;
            seen(accounts::user_node(cx, id, is_colleague).await)?.map(Node::User)
        }
        AnyId::SiteId(id) => seen(sites::site_node(cx, id).await)?.map(Node::Site),
        AnyId::VisitorId(id) => seen(visitors::node(cx, id).await)?.map(Node::Visitor),
        AnyId::ArticleId(id) => seen(knowledge::article_node(cx, id).await)?.map(Node::Article),
        AnyId::SessionId(id) => seen(accounts::session_node(cx, id).await)?.map(Node::Session),
        AnyId::MembershipId(id) => seen(sites::member_node(cx, id).await)?.map(Node::SiteMember),
        AnyId::InvitationId(id) => seen(sites::invitation_node(cx, id).await)?.map(Node::Invitation),
        AnyId::DepartmentId(id) => seen(agents::department_node(cx, id).await)?.map(Node::Department),
        AnyId::TeamId(id) => seen(agents::team_node(cx, id).await)?.map(Node::Team),
        AnyId::SpecialDayId(id) => seen(calendars::special_day_node(cx, id).await)?.map(Node::SpecialDay),
        AnyId::CannedResponseId(id) => seen(canned_responses::node(cx, id).await)?.map(Node::CannedResponse),
        AnyId::ContactRequestId(id) => seen(contact_requests::node(cx, id).await)?.map(Node::ContactRequest),
        AnyId::ImportId(id) => seen(knowledge::import_node(cx, id).await)?.map(Node::ArticleImport),
        AnyId::QuestionGroupId(id) => seen(questions::node(cx, id).await)?.map(Node::QuestionGroup),
        AnyId::GoldenQuestionId(id) => seen(evaluation::golden_node(cx, id).await)?.map(Node::GoldenQuestion),
        AnyId::EvaluationId(id) => seen(evaluation::evaluation_node(cx, id).await)?.map(Node::Evaluation),
        AnyId::JobId(id) => seen(upkeep::node(cx, id).await)?.map(Node::FailedJob),
        // No type of the schema has such an id.
        AnyId::LeaseId(_) | AnyId::ChunkId(_) | AnyId::QuestionExampleId(_) => None,
    })
}

/// Nothing, where the caller may not see it.
fn seen<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.is_transient() => Err(error),
        Err(_) => Ok(None),
    }
}
