//! A model that says what it is told: for tests, and for demos without a vendor.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{Cause, ChatModel, Finish, ModelError, Piece, Prompt, Reply, Usage};

/// One step of an answer.
type Line = Result<Piece, ModelError>;

/// How many prompts are remembered.
const REMEMBERED: usize = 100;

/// Makes up a whole answer at once.
type Play = Box<dyn Fn(&Prompt) -> Vec<Line> + Send + Sync>;

enum Script {
    Played(Play),
    /// Hands each call to the test, which says what comes next.
    Stepped(mpsc::UnboundedSender<Call>),
}

/// Plays given answers and failures.
pub struct Scripted {
    script: Script,
    prompts: Mutex<VecDeque<Prompt>>,
}

impl Scripted {
    fn new(script: Script) -> Self {
        Self { script, prompts: Mutex::default() }
    }

    /// Answers every prompt with what `script` makes of it.
    pub fn with(script: impl Fn(&Prompt) -> Vec<Line> + Send + Sync + 'static) -> Self {
        Self::new(Script::Played(Box::new(script)))
    }

    /// Answers every prompt with `text`, a word a piece.
    pub fn saying(text: &str) -> Self {
        let lines = spoken(text);
        Self::with(move |_| lines.clone())
    }

    /// Plays one list a call, in order, and gives up when there are no more.
    pub fn playing(answers: impl IntoIterator<Item = Vec<Line>>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::with(move |_| {
            let next = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| vec![Err(ModelError::give_up(Cause::Refused, "the script has ended"))])
        })
    }

    /// Says nothing by itself: each call waits for the test, so that tests need not sleep.
    pub fn stepped() -> (Self, Calls) {
        let (sender, calls) = mpsc::unbounded_channel();
        (Self::new(Script::Stepped(sender)), Calls { calls })
    }

    /// The latest prompts, at most 100, oldest first.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn remember(&self, prompt: &Prompt) {
        let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        if prompts.len() == REMEMBERED {
            prompts.pop_front();
        }
        prompts.push_back(prompt.clone());
    }
}

impl ChatModel for Scripted {
    fn reply(&self, prompt: Prompt) -> Reply {
        self.remember(&prompt);
        match &self.script {
            Script::Played(script) => stream::iter(script(&prompt)).boxed(),
            Script::Stepped(calls) => {
                let (lines, said) = mpsc::unbounded_channel();
                // With nobody left to step it, the stream ends at once, as a cut answer does.
                let _ = calls.send(Call { prompt, lines });
                stream::unfold(said, async |mut said| said.recv().await.map(|line| (line, said))).boxed()
            }
        }
    }
}

/// The calls of a stepped script, for the test.
pub struct Calls {
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Calls {
    /// The next call, once it is made; `None` when the model is gone.
    pub async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

/// One call, waiting for its answer. Dropping it before the end cuts the answer.
pub struct Call {
    /// What was asked.
    pub prompt: Prompt,
    lines: mpsc::UnboundedSender<Line>,
}

impl Call {
    /// Says the next words; false when nobody listens any more.
    pub fn say(&self, text: &str) -> bool {
        self.lines.send(Ok(Piece::Text(text.to_owned()))).is_ok()
    }

    /// Completes the answer.
    pub fn finish(self, finish: Finish, usage: Option<Usage>) {
        let _ = self.lines.send(Ok(Piece::Done { finish, usage }));
    }

    /// Ends the answer with a failure.
    pub fn fail(self, error: ModelError) {
        let _ = self.lines.send(Err(error));
    }

    /// Returns once the reader has dropped the stream.
    pub async fn cancelled(&self) {
        self.lines.closed().await;
    }
}

/// A complete answer, a word a piece, each token counted as a word.
fn spoken(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = text.split_inclusive(' ').map(|word| Ok(Piece::Text(word.to_owned()))).collect();
    let completion_tokens = lines.len().try_into().unwrap_or(u32::MAX);
    lines.push(Ok(Piece::Done { finish: Finish::Stop, usage: Some(Usage { prompt_tokens: 0, completion_tokens }) }));
    lines
}
