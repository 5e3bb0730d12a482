//! Ollama's own API: `POST {base}/api/chat` answers a JSON object a line, the last one with `"done": true`, a
//! `done_reason`, and the counts of tokens. An error after the first line comes as a line, `{"error": "…"}`.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{
    ChatModel, Endpoint, Finish, ModelError, Prompt, Reply,
    chat_completions::messages,
    exchange::{Answer, Counted, Framing, Manner, Optional, Wire, error, in_stream, number, text},
};

static WIRE: Wire =
    Wire { framing: Framing::Lines, read, end: "\"done\": true", manner: Manner::FULL, optional: &[Optional::System] };

/// The smallest context that is asked for, in tokens: Ollama's own default on small machines.
const CONTEXT: usize = 4_096;

/// A server of Ollama.
#[derive(Clone, Debug)]
pub struct Ollama(Endpoint);

impl Ollama {
    /// The endpoint's address is what stands before `/api/chat`, `http://127.0.0.1:11434`. A key is for a proxy before it.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

impl ChatModel for Ollama {
    fn reply(&self, prompt: Prompt) -> Reply {
        let at = self.0.clone();
        self.0.reply(
            &WIRE,
            prompt,
            Box::new(move |prompt, model, _| {
                let body = json!({
                    "model": model,
                    "messages": messages(prompt),
                    "stream": true,
                    "options": {
                        "temperature": prompt.temperature,
                        "num_predict": prompt.max_tokens,
                        "num_ctx": context(prompt),
                    },
                });
                at.bearer(at.post(at.url(&["api", "chat"]), &body))
            }),
        )
    }

    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        self.0.health(self.0.bearer(self.0.get(self.0.url(&["api", "tags"]))))
    }
}

/// The context to ask for, in tokens of at least 2.5 characters: Ollama cuts what is longer in silence. A power of two,
/// because another size makes Ollama load the model again.
fn context(prompt: &Prompt) -> usize {
    let characters: usize = prompt.turns.iter().map(|turn| turn.text.chars().count()).sum();
    let question = (prompt.system.chars().count() + characters) * 2 / 5;
    let answer = usize::try_from(prompt.max_tokens).unwrap_or(CONTEXT);
    (question + answer).next_power_of_two().max(CONTEXT)
}

/// Reads a line. `message.thinking` is not shown.
fn read(answer: &mut Answer, line: &Map<String, Value>) -> Result<Option<String>, ModelError> {
    if let Some(error) = error(line) {
        return answer.fail(in_stream(error)).map(|()| None);
    }
    let tokens = |name: &str| line.get(name).and_then(number);
    answer.count(Counted { prompt: tokens("prompt_eval_count"), completion: tokens("eval_count"), total: None });
    let said = answer.say(line.get("message").and_then(|message| text(&message["content"])));
    if line.get("done").is_some_and(|done| done == true) {
        answer.ends(line.get("done_reason").unwrap_or(&Value::Null))?;
        // Older servers give no reason.
        answer.finish = answer.finish.or(Some(Finish::Stop));
        answer.close();
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::{super::Turn, *};
    use crate::ports::ai::Speaker;

    #[test]
    fn the_context_has_room_for_question_and_answer_and_seldom_changes() {
        let of = |length: usize, max_tokens| {
            let turns = vec![Turn { speaker: Speaker::Visitor, text: "x".repeat(length) }];
            context(&Prompt { system: String::new(), turns, model: None, temperature: 0.0, max_tokens })
        };
        assert_eq!((of(10, 400), of(6_500, 500), of(10_000, 500)), (4_096, 4_096, 8_192));
    }
}
