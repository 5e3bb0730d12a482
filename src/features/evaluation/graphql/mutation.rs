//! Changing golden questions, and running evaluations.

use ::entity::{
    evaluation_gate::Gate,
    ids::{ArticleId, AssistantId, GoldenQuestionId},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::{
        actions,
        golden::{self, Changes, Draft},
    },
    types::{Evaluation, EvaluationSettings, GoldenQuestion},
};
use crate::kernel::{CtxExt, Once, Result};

/// A new golden question.
#[derive(Debug, InputObject)]
struct CreateGoldenQuestionInput {
    /// The assistant to measure by it.
    assistant_id: AssistantId,
    /// What is asked, 1 to 2,000 characters.
    question: String,
    /// The language it is asked in, like `tr` or `en-GB`.
    language: String,
    /// The article that answers it.
    expected_article_id: Option<ArticleId>,
    /// Words that a right answer shows, exactly; at most 500 characters.
    answer_contains: Option<String>,
    /// No article answers it: any answer is wrong. Instead of the two above, of which one is needed otherwise.
    #[graphql(default = false)]
    unanswerable: bool,
    /// A name of your own for a part of the questions, at most 50 characters.
    kind: Option<String>,
    /// Your own id of the question, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same question and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// The golden question that was made.
#[derive(SimpleObject)]
struct CreateGoldenQuestionPayload {
    /// The new question.
    golden_question: GoldenQuestion,
}

/// One of the golden questions to import.
#[derive(Debug, InputObject)]
struct ImportedGoldenQuestion {
    /// What is asked, 1 to 2,000 characters.
    question: String,
    /// The language it is asked in, like `tr` or `en-GB`.
    language: String,
    /// The article that answers it.
    expected_article_id: Option<ArticleId>,
    /// Words that a right answer shows, exactly; at most 500 characters.
    answer_contains: Option<String>,
    /// No article answers it: any answer is wrong. Instead of the two above, of which one is needed otherwise.
    #[graphql(default = false)]
    unanswerable: bool,
    /// A name of your own for a part of the questions, at most 50 characters.
    kind: Option<String>,
}

/// Golden questions to import.
#[derive(Debug, InputObject)]
struct ImportGoldenQuestionsInput {
    /// The assistant to measure by them.
    assistant_id: AssistantId,
    /// The questions, 1 to 500.
    questions: Vec<ImportedGoldenQuestion>,
    /// Your own id of the import, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives the same questions, as far as they were not deleted, and never makes them twice. Leave it out only if you
    /// never retry.
    client_id: Option<Uuid>,
}

/// The golden questions that were imported.
#[derive(SimpleObject)]
struct ImportGoldenQuestionsPayload {
    /// The new questions, in the order in which they were given.
    golden_questions: Vec<GoldenQuestion>,
}

/// What to change of a golden question; what is left out stays.
#[derive(Debug, InputObject)]
struct UpdateGoldenQuestionInput {
    /// Which question.
    golden_question_id: GoldenQuestionId,
    /// What is asked, 1 to 2,000 characters. Not null.
    question: MaybeUndefined<String>,
    /// The language it is asked in. Not null.
    language: MaybeUndefined<String>,
    /// The article that answers it; null where any does.
    expected_article_id: MaybeUndefined<ArticleId>,
    /// Words that a right answer shows; null for none.
    answer_contains: MaybeUndefined<String>,
    /// No article answers it; null is no.
    unanswerable: MaybeUndefined<bool>,
    /// A name of your own for a part of the questions; null takes it away.
    kind: MaybeUndefined<String>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the question since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// The golden question that was changed.
#[derive(SimpleObject)]
struct UpdateGoldenQuestionPayload {
    /// The question as it is now.
    golden_question: GoldenQuestion,
}

/// A golden question to delete.
#[derive(Debug, InputObject)]
struct DeleteGoldenQuestionInput {
    /// Which question.
    golden_question_id: GoldenQuestionId,
}

/// What was deleted.
#[derive(SimpleObject)]
struct DeleteGoldenQuestionPayload {
    /// The id that is gone.
    golden_question_id: GoldenQuestionId,
}

/// What to evaluate.
#[derive(Debug, InputObject)]
struct RunEvaluationInput {
    /// The assistant.
    assistant_id: AssistantId,
    /// Your own id of the evaluation, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same evaluation and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// An evaluation that was ordered.
#[derive(SimpleObject)]
struct RunEvaluationPayload {
    /// It runs in the background; ask for it again with `evaluation`.
    evaluation: Evaluation,
}

/// Whether publishing is measured by an assistant's golden questions.
#[derive(Debug, InputObject)]
struct SetEvaluationGateInput {
    /// The assistant.
    assistant_id: AssistantId,
    /// What happens before an article is published.
    gate: Gate,
    /// The `version` of `evaluationSettings` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the
    /// gate since; without it, the last change counts.
    expected_version: Option<i32>,
}

/// The gate as it is now.
#[derive(SimpleObject)]
struct SetEvaluationGatePayload {
    /// What happens before an article is published.
    gate: Gate,
    /// The same, with its version.
    settings: EvaluationSettings,
}

/// Changing how assistants are measured.
#[derive(Default)]
pub struct EvaluationMutation;

#[Object]
impl EvaluationMutation {
    /// Makes a golden question. For the admins of the assistant's site; an assistant has at most 2,000.
    async fn create_golden_question(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new question.")] input: CreateGoldenQuestionInput,
    ) -> Result<CreateGoldenQuestionPayload> {
        let once = Once::new(ctx.cx(), "createGoldenQuestion", input.client_id, &input);
        let draft = Draft {
            question: input.question,
            language: input.language,
            expected_article: input.expected_article_id,
            answer_contains: input.answer_contains,
            unanswerable: input.unanswerable,
            kind: input.kind,
        };
        let mut rows = golden::create(ctx.cx(), input.assistant_id, vec![draft], |_| "input".into(), &once).await?;
        let row = rows.pop().ok_or_else(|| crate::kernel::Error::internal("no question was made"))?;
        Ok(CreateGoldenQuestionPayload { golden_question: row.into() })
    }

    /// Makes up to 500 golden questions at once, all or none; an error names the question that is wrong by its place:
    /// `input.questions.3.language`. For the admins of the assistant's site.
    async fn import_golden_questions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The questions.")] input: ImportGoldenQuestionsInput,
    ) -> Result<ImportGoldenQuestionsPayload> {
        let once = Once::new(ctx.cx(), "importGoldenQuestions", input.client_id, &input);
        let draft = |given: ImportedGoldenQuestion| Draft {
            question: given.question,
            language: given.language,
            expected_article: given.expected_article_id,
            answer_contains: given.answer_contains,
            unanswerable: given.unanswerable,
            kind: given.kind,
        };
        let drafts = input.questions.into_iter().map(draft).collect();
        let place = |index| format!("input.questions[{index}]");
        let rows = golden::create(ctx.cx(), input.assistant_id, drafts, place, &once).await?;
        Ok(ImportGoldenQuestionsPayload { golden_questions: rows.into_iter().map(GoldenQuestion::from).collect() })
    }

    /// Changes a golden question; what earlier evaluations say of it stays. For the admins of the assistant's site.
    async fn update_golden_question(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateGoldenQuestionInput,
    ) -> Result<UpdateGoldenQuestionPayload> {
        let changes = Changes {
            question: input.question,
            language: input.language,
            expected_article: input.expected_article_id,
            answer_contains: input.answer_contains,
            unanswerable: input.unanswerable,
            kind: input.kind,
        };
        let row = golden::update(ctx.cx(), input.golden_question_id, input.expected_version, changes).await?;
        Ok(UpdateGoldenQuestionPayload { golden_question: row.into() })
    }

    /// Deletes a golden question; what earlier evaluations say of it stays. For the admins of the assistant's site.
    async fn delete_golden_question(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which question.")] input: DeleteGoldenQuestionInput,
    ) -> Result<DeleteGoldenQuestionPayload> {
        let golden_question_id = golden::delete(ctx.cx(), input.golden_question_id).await?;
        Ok(DeleteGoldenQuestionPayload { golden_question_id })
    }

    /// Asks an assistant all its golden questions, as visitors would, in the background. Refused with
    /// `EVALUATION_RUNNING` while another one of the assistant runs, and with `NO_GOLDEN_QUESTIONS` when it has none. For
    /// the admins of its site.
    async fn run_evaluation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant.")] input: RunEvaluationInput,
    ) -> Result<RunEvaluationPayload> {
        let once = Once::new(ctx.cx(), "runEvaluation", input.client_id, &input);
        Ok(RunEvaluationPayload { evaluation: actions::run(ctx.cx(), input.assistant_id, &once).await?.into() })
    }

    /// Says whether an assistant's golden questions are asked by `previewPublish`. For the admins of its site.
    async fn set_evaluation_gate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant and its gate.")] input: SetEvaluationGateInput,
    ) -> Result<SetEvaluationGatePayload> {
        let SetEvaluationGateInput { assistant_id, gate, expected_version } = input;
        let row = actions::set_gate(ctx.cx(), assistant_id, expected_version, gate).await?;
        Ok(SetEvaluationGatePayload { gate: row.gate, settings: row.into() })
    }
}
