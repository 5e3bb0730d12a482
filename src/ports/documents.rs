//! Text of PDF files, read in a process of its own.
//!
//! A PDF is a program of a stranger: it may loop, need all memory, or end the reader. So the `yanit` program starts
//! itself (`yanit read-pdf`) with bounded memory and processor time, gives it the file and takes the text; whatever
//! happens there, the server goes on. One file is read at a time.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Processor time for a file.
#[cfg(target_os = "linux")]
const PROCESSOR_TIME: Duration = Duration::from_secs(30);
/// Longest reading of a file, on a machine that is busy with other things, too.
const TIME: Duration = Duration::from_secs(180);
/// Pages of a file that are read.
const PAGES_MAX: usize = 500;
/// Most that the reader may say, in bytes.
const TEXT_MAX: u64 = 8 * 1024 * 1024;
/// How often it is looked whether the reader has ended.
const POLL: Duration = Duration::from_millis(10);
/// Memory of the reader, in bytes.
#[cfg(target_os = "linux")]
const MEMORY: u64 = 768 * 1024 * 1024;

/// Reads files. Clones share the line.
#[derive(Clone, Debug)]
pub struct Documents {
    program: PathBuf,
    line: Arc<Semaphore>,
}

/// What a PDF says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfText {
    /// The text of each page.
    pub pages: Vec<String>,
}

/// Why a PDF cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unreadable {
    /// It is no PDF, or damaged.
    Broken,
    /// It needs a password.
    Encrypted,
    /// It has pages, but no text: they are pictures.
    Scanned,
    /// It has more than 500 pages.
    TooManyPages,
    /// Reading took more processor time (30 seconds) or memory (768 MiB) than there is for it.
    TooLarge,
    /// The reader cannot be started on this machine.
    NoReader,
}

impl Documents {
    /// Files are read by this program's `read-pdf`.
    pub fn new(program: PathBuf) -> Self {
        Self { program, line: Arc::new(Semaphore::new(1)) }
    }

    /// The text of a PDF.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn pdf(&self, file: Vec<u8>) -> Result<PdfText, Unreadable> {
        let turn = self.line.clone().acquire_owned().await.map_err(|_| Unreadable::NoReader)?;
        let program = self.program.clone();
        let work = move || {
            let _turn = turn;
            ask(&program, &file)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unreadable::NoReader))
    }
}

/// Starts the reader, gives it the file and takes what it says, within its time.
fn ask(program: &Path, file: &[u8]) -> Result<PdfText, Unreadable> {
    let mut reader = Command::new(program)
        .arg("read-pdf")
        // Nothing of this server's secrets is in the reader's environment.
        .env_clear()
        // The limit counts what the allocator may use, not what it uses: it must not take a gibibyte in advance.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            tracing::error!(error = %error, "the reader of PDF files cannot be started");
            Unreadable::NoReader
        })?;
    let (Some(mut stdin), Some(stdout)) = (reader.stdin.take(), reader.stdout.take()) else {
        return Err(Unreadable::NoReader);
    };
    let (status, said) = thread::scope(|threads| {
        // A reader that has seen enough closes its end; what it says counts.
        threads.spawn(move || stdin.write_all(file));
        let said = threads.spawn(move || {
            let mut said = Vec::new();
            stdout.take(TEXT_MAX).read_to_end(&mut said).map(|_| said)
        });
        let status = wait(&mut reader);
        (status, said.join())
    });
    match (status, said) {
        (Some(status), Ok(Ok(said))) if status.success() => {
            // Libraries may print; the answer is the last line.
            let last = said.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
            last.and_then(|line| serde_json::from_slice(line).ok()).unwrap_or(Err(Unreadable::Broken))
        }
        // Killed by a limit, here or there, or by an allocation that failed.
        _ => Err(Unreadable::TooLarge),
    }
}

/// How the reader ended; nothing when it was ended because its time was over.
fn wait(reader: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + TIME;
    loop {
        match reader.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) | Err(_) => {
                // Its pipes close with it, which ends the two threads.
                let _ = reader.kill();
                let _ = reader.wait();
                return None;
            }
        }
    }
}

/// What `yanit read-pdf` does: reads a PDF from `input` and gives the line to print. Bounds its own process first.
pub fn read_pdf(mut input: impl std::io::Read) -> String {
    bound();
    let mut file = Vec::new();
    let text = match input.read_to_end(&mut file) {
        // Odd files make the library panic; that is a damaged file and not worth a core dump.
        Ok(_) => std::panic::catch_unwind(|| extract(&file)).unwrap_or(Err(Unreadable::Broken)),
        Err(_) => Err(Unreadable::Broken),
    };
    serde_json::to_string(&text).unwrap_or_default()
}

fn extract(file: &[u8]) -> Result<PdfText, Unreadable> {
    if !file.starts_with(b"%PDF-") {
        return Err(Unreadable::Broken);
    }
    let document = match pdf_extract::Document::load_mem(file) {
        Ok(document) => document,
        Err(_) if has(file, b"/Encrypt") => return Err(Unreadable::Encrypted),
        Err(_) => return Err(Unreadable::Broken),
    };
    let count = document.get_pages().len();
    if count > PAGES_MAX {
        return Err(Unreadable::TooManyPages);
    }
    drop(document);
    let pages = match pdf_extract::extract_text_from_mem_by_pages(file) {
        // It stops without a word at a page that it cannot read.
        Ok(pages) if pages.len() == count && count > 0 => pages,
        Ok(_) | Err(_) if has(file, b"/Encrypt") => return Err(Unreadable::Encrypted),
        Ok(_) | Err(_) => return Err(Unreadable::Broken),
    };
    match pages.iter().flat_map(|page| page.chars()).any(char::is_alphanumeric) {
        true => Ok(PdfText { pages }),
        false => Err(Unreadable::Scanned),
    }
}

fn has(file: &[u8], word: &[u8]) -> bool {
    file.windows(word.len()).any(|part| part == word)
}

/// Takes away from this process what no honest file needs.
#[cfg(target_os = "linux")]
fn bound() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (resource, most) in [(Resource::Data, MEMORY), (Resource::Cpu, PROCESSOR_TIME.as_secs()), (Resource::Core, 0)] {
        // Where a limit cannot be set there is still the time that the server waits.
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    }
}

#[cfg(not(target_os = "linux"))]
fn bound() {}
