//! Sentence embeddings inside the binary: multilingual-e5-small in 4 bits, for Turkish, English and German.
//!
//! An own inference engine of a few hundred lines without dependencies. The weights are part of the program (`weights/README.md`:
//! origin and licence), so search by meaning works offline and without set-up.
//!
//! ```
//! use embedder::{Embedder, Kind};
//!
//! let embedder = Embedder::load()?;
//! let question = embedder.embed(Kind::Query, "Where is my parcel?");
//! let article = embedder.embed(Kind::Passage, "Kargo takibi. Siparişinizin nerede olduğunu takip numarasıyla görebilirsiniz.");
//! let cosine: f32 = question.iter().zip(&article).map(|(a, b)| a * b).sum();
//! assert!(cosine > 0.2);
//! # Ok::<(), embedder::LoadError>(())
//! ```
//!
//! Limits: Latin script only (others become unknown pieces); 512 tokens at a time, longer texts are averaged over windows.
//! An embedding takes milliseconds to seconds of one core and never waits: call it where blocking is fine.
//!
//! Reading order: `format` (the file) → `tokenizer` → `model` → `ops` and `kernel` (arithmetic; `simd` is its AVX2 half) → `centre`.

mod centre;
mod format;
mod kernel;
mod model;
mod ops;
#[cfg(target_arch = "x86_64")]
mod simd;
mod tokenizer;

pub use format::LoadError;

/// Numbers in a vector.
pub const DIMENSION: usize = format::HIDDEN;

/// Identifies the vectors' meaning: model, precision, vocabulary. Store it beside every index; vectors of another model do not compare.
pub const MODEL: &str = "multilingual-e5-small-q4-tr-en-de";

/// Tokens of a text that count (about 16,000 characters); what comes after them is not read, which bounds the time an embedding takes.
pub const MAX_TOKENS: usize = 8 * WINDOW;

/// Tokens of a window, without `<s>` and `</s>`.
const WINDOW: usize = format::POSITIONS - 2;

static WEIGHTS: &[u8] = include_bytes!("../weights/e5-small-tr-en-de-q4.bin");
static CENTRE: &[u8] = include_bytes!("../weights/language-centre.f32");

/// What a text is for. The model was trained to tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something asked.
    Query,
    /// Something that may answer. Best as `"{title}. {text}"`, about 500 characters.
    Passage,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Query => "query: ",
            Self::Passage => "passage: ",
        }
    }
}

/// The loaded model. Never changes, so threads may share it; each call works in its own memory (0.3 MB for a question, up to 5 MB).
pub struct Embedder {
    tokenizer: tokenizer::Tokenizer,
    model: model::Model,
    centre: centre::Centre,
    kernel: kernel::Kernel,
}

impl Embedder {
    /// Reads the built-in weights, and finds out what the processor can do.
    pub fn load() -> Result<Self, LoadError> {
        let file = format::File::parse(WEIGHTS)?;
        Ok(Self {
            tokenizer: tokenizer::Tokenizer::new(&file)?,
            model: model::Model::new(&file)?,
            centre: centre::Centre::parse(CENTRE)?,
            kernel: kernel::Kernel::detect(),
        })
    }

    /// The text's vector: `DIMENSION` numbers of length 1, centred, so that a cosine (here the dot product) compares meaning
    /// across languages: around 0.0 to 0.2 for unrelated and 0.3 to 0.7 for related texts.
    ///
    /// Any text has a vector; that of an empty or wholly unknown one means little. Should a vector have no direction, it is all zeros.
    pub fn embed(&self, kind: Kind, text: &str) -> Vec<f32> {
        let mut vector = self.embed_raw(kind, text);
        self.centre.apply(kind, &mut vector);
        vector
    }

    /// The model's own vector, of length 1, before centring. Cosines lie between 0.70 and 0.92 and prefer texts of one language:
    /// for comparing engines, not for search.
    pub fn embed_raw(&self, kind: Kind, text: &str) -> Vec<f32> {
        let mut ids = Vec::new();
        self.tokenizer.tokens(kind.prefix().chars().chain(text.chars()), |id| {
            ids.push(id);
            ids.len() < MAX_TOKENS
        });
        // The mean over all tokens of all windows, but for a factor that normalising takes out.
        let mut sum = [0.0; DIMENSION];
        let mut window = Vec::with_capacity(format::POSITIONS);
        for part in ids.chunks(WINDOW) {
            window.clear();
            window.push(format::BEGIN);
            window.extend_from_slice(part);
            window.push(format::END);
            self.model.add_up(self.kernel, &window, &mut sum);
        }
        let mut vector = sum.to_vec();
        centre::normalise(&mut vector);
        vector
    }

    /// Tokens of the whole text, without what the model adds (the kind's prefix, `<s>`, `</s>`). About 4 characters each.
    pub fn count_tokens(&self, text: &str) -> usize {
        let mut count = 0;
        self.tokenizer.tokens(text.chars(), |_| {
            count += 1;
            true
        });
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn both_kernels_give_the_same_vectors() {
        let fast = Embedder::load().unwrap();
        let portable = Embedder { kernel: kernel::Kernel::Portable, ..Embedder::load().unwrap() };
        for text in ["", "Siparişim nerede?", &"Wie lange habe ich Zeit für die Rückgabe? ".repeat(12)] {
            let (a, b) = (fast.embed(Kind::Query, text), portable.embed(Kind::Query, text));
            assert!(cosine(&a, &b) > 0.999, "{text:?}: {}", cosine(&a, &b));
        }
    }

    #[test]
    fn threads_may_share_it() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Embedder>();
    }
}
