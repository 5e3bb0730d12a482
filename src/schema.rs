//! The schema: the features' roots merged in groups, limits, and the only names for its type.

use std::sync::{Arc, OnceLock};

use apollo_compiler::{
    Node, Schema as Types,
    ast::FieldDefinition,
    name,
    schema::{Component, ExtendedType},
    ty,
    validation::Valid,
};
use async_graphql::{
    ID, MergedObject, MergedSubscription, Request, Response, SDLExportOptions, ScalarType, Schema, ServerError,
    ValidationMode, ValidationResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};
use chrono::{DateTime, NaiveDate};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use uuid::Uuid;

use crate::{
    config::Config,
    features::{
        accounts::{AccountsMutation, AccountsQuery},
        agents::{
            AgentsMutation, AgentsQuery, PresenceMutation, PresenceQuery, PresenceSubscription, UnitsMutation,
            UnitsQuery,
        },
        answers::{
            AnswersMutation, AnswersQuery, AnswersSubscription, DraftsMutation, DraftsQuery, ProvidersSubscription,
            RunCursor, SendingMutation,
        },
        assistants::{AssistantsMutation, AssistantsQuery},
        calendars::{CalendarsMutation, CalendarsQuery},
        canned_responses::{CannedResponsesMutation, CannedResponsesQuery},
        contact_requests::{ContactRequestsMutation, ContactRequestsQuery, ContactRequestsSubscription},
        conversations::{
            ClosingMutation, ConversationsMutation, ConversationsQuery, ConversationsSubscription, FeedbackMutation,
            FeedbackQuery, MentionsMutation, MentionsQuery, MentionsSubscription, SatisfactionMutation,
            SatisfactionQuery,
        },
        desk::DeskSubscription,
        evaluation::{EvaluationMutation, EvaluationQuery},
        knowledge::{KnowledgeMutation, KnowledgeQuery},
        nodes::NodesQuery,
        questions::{QuestionsMutation, QuestionsQuery},
        routing::{
            HandoverMutation, OffersQuery, OffersSubscription, QueueQuery, QueueSubscription, RoutingMutation,
            RoutingQuery,
        },
        sites::{SitesMutation, SitesQuery},
        spending::SpendingQuery,
        upkeep::{UpkeepMutation, UpkeepQuery},
        visitors::{VisitorsMutation, VisitorsQuery},
        widgets::{
            EmergencyMutation, EmergencyQuery, WidgetSettingsMutation, WidgetSettingsQuery, WidgetSubscription,
            WidgetsQuery,
        },
    },
    kernel::{
        error::ErrorReason::{self, InvalidCursor, InvalidFormat},
        journal::Cursor,
    },
};

// A flat merge of many roots overflows the compiler's query depth, so they are merged in groups.

#[derive(MergedObject, Default)]
struct PeopleQuery(AccountsQuery, SitesQuery, SpendingQuery, VisitorsQuery, UpkeepQuery);
#[derive(MergedObject, Default)]
struct TalkQuery(AssistantsQuery, ConversationsQuery, AnswersQuery, DraftsQuery);
#[derive(MergedObject, Default)]
struct StaffQuery(AgentsQuery, UnitsQuery, PresenceQuery, RoutingQuery, QueueQuery, OffersQuery, CalendarsQuery);
#[derive(MergedObject, Default)]
struct QualityQuery(FeedbackQuery, SatisfactionQuery, QuestionsQuery, EvaluationQuery);
#[derive(MergedObject, Default)]
struct HelpersQuery(CannedResponsesQuery, MentionsQuery, ContactRequestsQuery);
#[derive(MergedObject, Default)]
struct FrontQuery(WidgetsQuery, WidgetSettingsQuery, EmergencyQuery);
/// What can be read. Every list is a Relay connection; ids are opaque and show their kind by their prefix.
#[derive(MergedObject, Default)]
struct Query(PeopleQuery, KnowledgeQuery, TalkQuery, StaffQuery, FrontQuery, HelpersQuery, QualityQuery, NodesQuery);

#[derive(MergedObject, Default)]
struct PeopleMutation(AccountsMutation, SitesMutation, VisitorsMutation, UpkeepMutation);
#[derive(MergedObject, Default)]
struct TalkMutation(
    AssistantsMutation,
    SendingMutation,
    ConversationsMutation,
    ClosingMutation,
    AnswersMutation,
    DraftsMutation,
);
#[derive(MergedObject, Default)]
struct StaffMutation(
    AgentsMutation,
    UnitsMutation,
    PresenceMutation,
    RoutingMutation,
    HandoverMutation,
    CalendarsMutation,
);
#[derive(MergedObject, Default)]
struct QualityMutation(FeedbackMutation, SatisfactionMutation, QuestionsMutation, EvaluationMutation);
#[derive(MergedObject, Default)]
struct HelpersMutation(CannedResponsesMutation, MentionsMutation, ContactRequestsMutation);
#[derive(MergedObject, Default)]
struct FrontMutation(WidgetSettingsMutation, EmergencyMutation);
/// What can be changed. Each mutation takes one `input` and answers with what changed; it has happened when it answers.
#[derive(MergedObject, Default)]
struct Mutation(
    PeopleMutation,
    KnowledgeMutation,
    TalkMutation,
    StaffMutation,
    FrontMutation,
    HelpersMutation,
    QualityMutation,
);

/// What can be followed, over WebSocket (`graphql-transport-ws`) or server-sent events. Events with a `cursor` are kept:
/// after a lost connection subscribe again with `after` and nothing is missed or repeated.
#[derive(MergedSubscription, Default)]
struct Subscription(
    ConversationsSubscription,
    AnswersSubscription,
    PresenceSubscription,
    OffersSubscription,
    QueueSubscription,
    WidgetSubscription,
    MentionsSubscription,
    ContactRequestsSubscription,
    ProvidersSubscription,
    DeskSubscription,
);

/// What introspection says of the specification's own scalar, which async-graphql leaves without a word.
const OF_IDS: &str = "Names one thing of this server, for example `conv_01920000000070008000000000000001`. The part \
     before the underscore shows what kind of thing it is. Opaque: compare ids as a whole, and do not make any up.";

/// The API: runs documents. Who asks, and within which limits, is decided before.
#[derive(Clone)]
pub struct Api {
    schema: Schema<Query, Mutation, Subscription>,
    types: Arc<Valid<Types>>,
}

/// The types of the schema, which are the same for every [`Api`] of the process: reading them takes a while.
static TYPES: OnceLock<Arc<Valid<Types>>> = OnceLock::new();

/// The schema once more, which runs nothing and only says what an operation costs. The library tells of that in a place
/// that costs time in every request, so it is asked only about what was refused.
static WEIGHING: OnceLock<Schema<Query, Mutation, Subscription>> = OnceLock::new();

struct Weighing;

impl ExtensionFactory for Weighing {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Weighing {
    async fn validation(
        &self,
        cx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let found = next.run(cx).await?;
        Err(vec![ServerError::new(found.complexity.to_string(), None)])
    }
}

impl Api {
    /// Builds the schema.
    pub fn build(config: &Config) -> Self {
        let mut builder = Schema::build(Query::default(), Mutation::default(), Subscription::default())
            .override_output_type_description::<ID>(OF_IDS)
            .limit_depth(config.max_depth)
            .limit_complexity(config.max_complexity)
            .limit_directives(config.max_directives)
            // Documents are validated before they come here, by all the rules of the specification.
            .validation_mode(ValidationMode::Fast)
            .disable_suggestions();
        if !config.introspection {
            builder = builder.disable_introspection();
        }
        let schema = builder.finish();
        let types = TYPES.get_or_init(|| Arc::new(types_of(&sdl_of(&schema)))).clone();
        Self { schema, types }
    }

    /// Runs a query or mutation.
    pub fn execute(&self, request: Request) -> BoxFuture<'static, Response> {
        let schema = self.schema.clone();
        async move { schema.execute(request).await }.boxed()
    }

    /// Runs any operation; a subscription gives one response an event.
    pub fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.schema.execute_stream(request).boxed()
    }

    /// What an operation costs, by the rule that its limit is checked with: `None` of one that cannot be counted. Nothing
    /// is run.
    pub fn complexity(&self, request: Request) -> Option<usize> {
        let weighing = WEIGHING.get_or_init(|| {
            Schema::build(Query::default(), Mutation::default(), Subscription::default())
                .validation_mode(ValidationMode::Fast)
                .extension(Weighing)
                .finish()
        });
        let told = weighing.execute(request).now_or_never()?;
        told.errors.first()?.message.parse().ok()
    }

    /// The schema in the schema definition language.
    pub fn sdl(&self) -> String {
        sdl_of(&self.schema)
    }

    /// The same schema as a validator and a serializer need it.
    pub fn types(&self) -> &Arc<Valid<Types>> {
        &self.types
    }
}

/// What a scalar of this schema's own takes.
#[derive(Clone, Copy)]
pub(crate) struct ScalarForm {
    /// In words, as "must be …" goes on.
    pub(crate) form: &'static str,
    /// Why anything else is refused.
    pub(crate) reason: ErrorReason,
    /// Whether it can be read.
    pub(crate) reads: fn(Value) -> bool,
}

/// What one of this schema's own scalars takes; `None` of one that takes anything.
pub(crate) fn scalar(name: &str) -> Option<ScalarForm> {
    fn reads<T: ScalarType>(value: Value) -> bool {
        T::parse(value).is_ok()
    }
    let (form, reason, reads): (_, _, fn(Value) -> bool) = match name {
        "DateTime" => (
            r#"a date and time with its offset, such as "2026-10-29T09:00:00Z""#,
            InvalidFormat,
            // The scalar itself takes more than the form that the schema names for it, such as the year 26.
            |value| matches!(&value, Value::String(text) if DateTime::parse_from_rfc3339(text).is_ok()),
        ),
        "NaiveDate" => (r#"a date, such as "2026-10-29""#, InvalidFormat, reads::<NaiveDate>),
        "UUID" => (r#"a UUID, such as "5e0cf5a1-0d5c-4d44-9f65-0e0f3c1d2b11""#, InvalidFormat, reads::<Uuid>),
        "EventCursor" => {
            (r#"the `cursor` of an event that you received, or "beginning""#, InvalidCursor, reads::<Cursor>)
        }
        "RunCursor" => ("the `runCursor` of an event that you received", InvalidCursor, reads::<RunCursor>),
        // A file is put there by a multipart request; the literal text of its place is no file.
        "Upload" => ("a file, sent by a multipart request", InvalidFormat, |_| false),
        _ => return None,
    };
    Some(ScalarForm { form, reason, reads })
}

fn sdl_of(schema: &Schema<Query, Mutation, Subscription>) -> String {
    schema.sdl_with_options(SDLExportOptions::new().include_specified_by().sorted_fields().sorted_arguments())
}

#[expect(clippy::panic, reason = "a schema that is none is a fault of the program, which no test leaves unseen")]
fn types_of(sdl: &str) -> Valid<Types> {
    let mut types = Types::parse(sdl, "schema.graphql")
        .unwrap_or_else(|invalid| panic!("the schema cannot be read: {}", invalid.errors));
    // Introspection of `@oneOf`, which this reader of schemas does not know yet.
    if let Some(ExtendedType::Object(object)) = types.types.get_mut("__Type") {
        let field = FieldDefinition {
            description: None,
            name: name!("isOneOf"),
            arguments: Vec::new(),
            ty: ty!(Boolean),
            directives: Default::default(),
        };
        object.make_mut().fields.insert(field.name.clone(), Component::from(Node::new(field)));
    }
    types.validate().unwrap_or_else(|invalid| panic!("the schema is invalid: {}", invalid.errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scalar_of_this_schema_says_what_it_takes() {
        let api = Api::build(&Config::default());
        for ty in api.types().types.values().filter(|ty| ty.is_scalar() && !ty.is_built_in()) {
            assert_eq!(scalar(ty.name()).is_some(), *ty.name() != "JSON", "{}", ty.name());
        }
    }
}
