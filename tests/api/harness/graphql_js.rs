//! graphql-js, the reference implementation, in a process of its own: `tests/graphql-js/serve.mjs`.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use yanit::{config::Config, schema::Api};

/// The process, with this server's schema.
pub(crate) struct GraphqlJs {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl GraphqlJs {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphql-js");
        assert!(
            folder.join("node_modules/graphql").exists(),
            "graphql-js is not installed: run `npm ci` in tests/graphql-js, or all tests with scripts/test"
        );
        let mut child = Command::new("node")
            .arg("serve.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js is installed");
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut this = Self { child, input, output: BufReader::new(output) };
        this.ask(&json!({ "schema": Api::build(&Config::default()).sdl() }));
        this
    }

    /// One command and its answer.
    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input, "{command}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} to {command}"))
    }

    /// What is wrong with a document; nothing of a valid one.
    pub(crate) fn validate(&mut self, document: &str) -> Vec<String> {
        let answer = self.ask(&json!({ "validate": document }));
        answer["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error.as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for GraphqlJs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
