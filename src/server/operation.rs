//! One operation, whichever way it came: read, checked against the limits, counted against the caller's rate, run.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{
    ServerError, UploadValue, Variables,
    parser::types::{OperationDefinition, OperationType, Selection},
};
use futures_util::FutureExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    Server,
    answer::{About, Answer, TOO_COMPLEX, server_error},
    hub, inputs, lexer,
    plan::Plan,
};
use crate::{
    kernel::{
        access::Actor,
        ctx::{Ctx, Request},
        error::{Error, ErrorCode, ErrorReason, Result},
        quotas::{self, Expense},
    },
    schema::Api,
};

/// What a client asks for: the parameters of the GraphQL-over-HTTP specification.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<Extensions>,
}

/// What a client may send beside the parameters; only the names matter here.
pub(super) type Extensions = std::collections::HashMap<String, serde::de::IgnoredAny>;

/// The parameters after they were found complete.
#[derive(Debug, Default)]
pub(super) struct Params {
    /// The document.
    pub(super) query: String,
    /// Which of its operations.
    pub(super) operation_name: Option<String>,
    /// Its variables.
    pub(super) variables: Variables,
}

/// An operation that may run.
pub(super) struct Prepared {
    /// What it is.
    pub(super) kind: OperationType,
    /// How many fields of the root it selects, fragments expanded.
    pub(super) root_fields: u32,
    /// Ready for the schema, but for the context.
    pub(super) request: async_graphql::Request,
    /// What is remembered of it, to say more where it is refused.
    pub(super) given: Given,
    /// It asks about the schema.
    introspects: bool,
    /// Its answer may be long.
    long: bool,
    /// It asks for one thing and nothing else, so that what this thing says of itself counts for the whole answer.
    pub(super) alone: bool,
    /// What it asks for, and so what its answer has.
    pub(super) plan: Arc<Plan>,
    /// By which its execution is shared, if it can be.
    pub(super) shared: Option<Arc<hub::Key>>,
}

/// What is remembered of a request, to say more where it is refused.
pub(super) struct Given {
    /// Ids that were given.
    ids: inputs::Ids,
    plan: Arc<Plan>,
    /// Those of requests that may cost too much.
    variables: Option<Variables>,
    api: Api,
    max_complexity: usize,
}

impl Given {
    /// Names what errors are about: of an id its place, of a cost the number.
    pub(super) fn explain(&self, errors: &mut [ServerError]) {
        self.ids.name(errors);
        if let [error] = errors
            && error.message == TOO_COMPLEX
        {
            *error = server_error(self.too_complex());
        }
    }

    fn too_complex(&self) -> Error {
        let found = self.variables.as_ref().and_then(|variables| {
            let mut request = async_graphql::Request::new(String::new()).variables(variables.clone());
            request.set_parsed_query(self.plan.document(variables));
            self.api.complexity(request)
        });
        let most = self.max_complexity;
        let costs = match found {
            Some(found) => format!("The operation costs {found} points; at most {most} are allowed."),
            None => format!("The operation costs more than {most} points, which is the most that is allowed."),
        };
        let message = format!(
            "{costs} A field costs 1, and in a list as often as the list may have entries: ask for shorter pages with \
             `first`, for fewer lists within lists, or in several requests."
        );
        Error::new(ErrorCode::GraphqlValidationFailed, message).reason(ErrorReason::TooComplex)
    }
}

impl Params {
    /// Reads the parameters from a JSON text.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` when it is not a request, `GRAPHQL_VALIDATION_FAILED` when it nests too deeply.
    pub(super) fn from_json(text: &[u8], max_nesting: usize) -> Result<Self> {
        lexer::check_json(text, max_nesting)?;
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(bad_request("Send one operation a request; lists of operations are not accepted."));
        }
        let raw: RawParams = serde_json::from_slice(text).map_err(|error| {
            if error.is_data() {
                bad_request("`query` and `operationName` must be texts, `variables` and `extensions` objects.")
            } else {
                bad_request(format!(
                    "The request is not valid JSON (line {}, column {}).",
                    error.line(),
                    error.column()
                ))
            }
        })?;
        Self::new(raw.query, raw.operation_name, raw.variables.unwrap_or_default(), &raw.extensions.unwrap_or_default())
    }

    /// Completes parameters that came some other way.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` without a document, or what makes clients of persisted queries send it.
    pub(super) fn new(
        query: Option<String>,
        operation_name: Option<String>,
        variables: Variables,
        extensions: &Extensions,
    ) -> Result<Self> {
        let query = query.ok_or_else(|| {
            if extensions.contains_key("persistedQuery") {
                // Clients look for this very text.
                Error::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported")
            } else {
                bad_request("`query` is missing.")
            }
        })?;
        Ok(Self { query, operation_name: operation_name.filter(|name| !name.is_empty()), variables })
    }
}

/// A request that cannot be read.
pub(super) fn bad_request(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::BadUserInput, message)
}

impl Server {
    /// Counts a request against its caller's rate.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the time after which it is worth trying again.
    pub(super) async fn admit(&self, actor: &Actor, request: &Request) -> Result<()> {
        quotas::spend(&self.ports, &requests(actor, request, 1)).await
    }

    /// Counts the fields of a mutation: each beyond the first as a request, so that one request does not hold a thousand,
    /// and those of guests as changes.
    async fn admit_changes(&self, prepared: &Prepared, cx: &Ctx) -> Result<()> {
        if prepared.kind != OperationType::Mutation {
            return Ok(());
        }
        let further = prepared.root_fields.saturating_sub(1);
        let mut expenses = if further > 0 { requests(&cx.actor, &cx.request, further) } else { vec![] };
        let guest = match &cx.actor {
            Actor::Visitor { visitor, .. } => Some(visitor.to_string()),
            Actor::User(person) if person.memberships.is_empty() && !person.superadmin => Some(person.user.to_string()),
            Actor::User(_) | Actor::Anonymous | Actor::System => None,
        };
        expenses.extend(guest.map(|guest| quotas::CHANGES_OF_GUEST.of(guest).times(prepared.root_fields)));
        quotas::spend(&self.ports, &expenses).await
    }

    /// Reads and checks a document and picks the operation.
    pub(super) fn prepare(
        &self,
        params: Params,
        uploads: Vec<UploadValue>,
        cx: &Ctx,
    ) -> Result<Prepared, Vec<ServerError>> {
        let ours = |error: Error| vec![server_error(error)];
        let config = &self.ports.config;
        let valid = self.documents.get(&params.query, config)?;
        let name = params.operation_name.as_deref();
        let operation = valid.operation(name).map_err(ours)?;
        let ids = self.documents.check_variables(&valid, operation, &params.variables, uploads.len(), config)?;
        let plan = self.documents.plan(&valid, operation, &params.variables, config).map_err(ours)?;
        let kind = plan.operation().ty;
        let shared = (kind == OperationType::Subscription)
            .then(|| hub::key(&params.query, name, plan.operation(), &params.variables, &cx.actor))
            .flatten();
        let long = valid.is_long(operation);
        let given = Given {
            ids,
            plan: plan.clone(),
            // Mutations come with long texts, and seldom ask for much.
            variables: (long || kind != OperationType::Mutation).then(|| params.variables.clone()),
            api: self.api.clone(),
            max_complexity: config.max_complexity,
        };
        let document = plan.document(&params.variables);
        let mut request = async_graphql::Request::new(String::new()).variables(params.variables);
        request.uploads = uploads;
        request.set_parsed_query(document);
        let root_fields = u32::try_from(plan.operation().selection_set.node.items.len()).unwrap_or(u32::MAX);
        let introspects = valid.introspects;
        Ok(Prepared { kind, root_fields, request, given, introspects, long, alone: plan.is_alone(), plan, shared })
    }

    /// Runs a query or a mutation within its time.
    pub(super) async fn execute(&self, prepared: Prepared, cx: &Ctx) -> Answer {
        let about = About { request_id: &cx.request.id };
        let kind = name_of(prepared.kind);
        let began = Instant::now();
        if let Err(error) = self.admit_changes(&prepared, cx).await {
            let answer = Answer::refused(server_error(error), about);
            self.metrics.refused_operation(kind, answer.code);
            return answer;
        }
        let span = tracing::info_span!("request", request.id = about.request_id);
        let limit = Duration::from_secs(self.ports.config.request_timeout_seconds);
        let run = self.api.execute(prepared.request.data(cx.clone()));
        let work = async {
            let _turn = self.turns.take(cx.request.address, prepared.long).await;
            let _introspecting = if prepared.introspects { self.introspecting.acquire().await.ok() } else { None };
            let mut response = AssertUnwindSafe(run).catch_unwind().instrument(span).await?;
            prepared.given.explain(&mut response.errors);
            // Within the turn, so that few answers stand in memory twice.
            Ok(Answer::new(response, &prepared.plan, about))
        };
        let answer = match timeout(limit, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Answer::refused(server_error(panicked(panic)), about),
            Err(_) => Answer::refused(
                server_error(
                    Error::new(ErrorCode::Unavailable, "The request took longer than allowed and was given up.")
                        .reason(ErrorReason::Timeout),
                ),
                about,
            ),
        };
        let took = began.elapsed();
        self.metrics.answered(kind, answer.code, took);
        tracing::debug!(
            request.id = about.request_id,
            operation.kind = kind,
            code = answer.code,
            duration_ms = took.as_secs_f64() * 1_000.0,
            "Answered a request."
        );
        answer
    }
}

/// What a panic becomes. Its text goes to the log only.
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let text = panic
        .downcast::<String>()
        .map(|text| *text)
        .or_else(|panic| panic.downcast::<&'static str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|_| "without a text".to_owned());
    Error::internal(format!("a resolver panicked: {text}"))
}

/// The word for a kind of operation in metrics and logs.
pub(super) fn name_of(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

/// What so many requests of a caller spend. Visitors and accounts cost nothing to make, so they count for their address,
/// too.
fn requests(actor: &Actor, request: &Request, units: u32) -> Vec<Expense> {
    let from_address = || quotas::REQUESTS_FROM_ADDRESS.by_address(request).times(units);
    match actor {
        Actor::System => vec![],
        Actor::User(person) => vec![
            quotas::REQUESTS_OF_PERSON.of(person.user).times(units),
            quotas::REQUESTS_OF_PEOPLE_FROM_ADDRESS.by_address(request).times(units),
        ],
        Actor::Visitor { visitor, .. } => vec![quotas::REQUESTS_OF_VISITOR.of(visitor).times(units), from_address()],
        Actor::Anonymous => vec![from_address()],
    }
}

/// The root field of an operation that has exactly one, without directives.
pub(super) fn only_root(operation: &OperationDefinition) -> Option<&async_graphql::parser::types::Field> {
    match operation.selection_set.node.items.as_slice() {
        [one] => match &one.node {
            Selection::Field(field) if field.node.directives.is_empty() => Some(&field.node),
            Selection::Field(_) | Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        },
        _ => None,
    }
}
