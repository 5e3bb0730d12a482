//! Text to piece ids: a SentencePiece unigram model.
//!
//! Each character is replaced by the normalisation table, runs of spaces are joined, each word gets a leading `▁` (U+2581)
//! and is cut into the pieces whose scores add up to the most (Viterbi). No piece reaches over a word's start,
//! so words are cut one at a time, and memory does not grow with the text. A space at the end starts a word of nothing but `▁`:
//! the reference engine, from which the fixture comes, keeps it, so an empty question still is one piece more than its prefix.

use crate::format::{File, LoadError, UNKNOWN, VOCABULARY};

const WORD_START: char = '\u{2581}';
/// A run of characters without a space is cut after this many bytes, which bounds the work memory.
const WORD_LIMIT: usize = 1024;
/// An unknown character costs this much more than the least likely piece.
const UNKNOWN_COST: f32 = 10.0;
/// Slots of the hash table: a power of two, less than half of them used.
const SLOTS: usize = 1 << 17;
const EMPTY: u32 = u32::MAX;
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Letters that decomposed text (macOS file names, some keyboards) writes as letter and mark: mark, then letter and composed letter in turn.
/// The table in the file maps single characters only.
const COMPOSED: [(char, &str); 10] = [
    ('\u{300}', "AÀEÈIÌOÒUÙaàeèiìoòuù"),
    ('\u{301}', "AÁEÉIÍOÓUÚYÝaáeéiíoóuúyý"),
    ('\u{302}', "AÂEÊIÎOÔUÛaâeêiîoôuû"),
    ('\u{303}', "AÃNÑOÕaãnñoõ"),
    ('\u{306}', "GĞgğAĂaă"),
    ('\u{307}', "IİZŻzż"),
    ('\u{308}', "AÄOÖUÜaäoöuüEËIÏeëiï"),
    ('\u{30a}', "AÅaå"),
    ('\u{30c}', "CČSŠZŽcčsšzž"),
    ('\u{327}', "CÇSŞcçsş"),
];

pub(crate) struct Tokenizer {
    offsets: &'static [[u8; 4]],
    blob: &'static [u8],
    scores: Vec<f32>,
    unknown_score: f32,
    longest: usize,
    /// Open addressing over the pieces' bytes: ids, or `EMPTY`.
    slots: Vec<u32>,
    /// Replaced code points in rising order, with their range in `replacements`.
    replaced: Vec<(char, u32, u32)>,
    replacements: Vec<char>,
}

impl Tokenizer {
    pub(crate) fn new(file: &File) -> Result<Self, LoadError> {
        let pieces = &file.pieces;
        let scores: Vec<f32> = pieces.scores.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let lowest = scores.iter().copied().fold(0.0, f32::min);
        if !lowest.is_finite() || scores.iter().any(|score| score.is_nan()) {
            return Err(LoadError::Unexpected("score"));
        }
        let mut tokenizer = Self {
            offsets: pieces.offsets,
            blob: pieces.blob,
            scores,
            unknown_score: lowest - UNKNOWN_COST,
            longest: 0,
            slots: vec![EMPTY; SLOTS],
            replaced: Vec::new(),
            replacements: Vec::new(),
        };
        tokenizer.index_pieces()?;
        tokenizer.read_replacements(file.normalisation)?;
        Ok(tokenizer)
    }

    fn index_pieces(&mut self) -> Result<(), LoadError> {
        // The first ids stand for no text: a visitor who writes "</s>" must not end the sentence.
        for id in UNKNOWN + 1..VOCABULARY as u32 {
            let (start, end) = self.range(id);
            let Some(piece) = self.blob.get(start..end).filter(|piece| !piece.is_empty()) else {
                return Err(LoadError::Unexpected("piece"));
            };
            self.longest = self.longest.max(piece.len());
            let mut slot = slot_of(piece.iter().fold(HASH_START, |hash, byte| step(hash, *byte)));
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            self.slots[slot] = id;
        }
        Ok(())
    }

    fn read_replacements(&mut self, table: &[u8]) -> Result<(), LoadError> {
        let wrong = LoadError::Unexpected("normalisation table");
        let mut rest = table;
        while let Some((head, after)) = rest.split_first_chunk::<5>() {
            let from = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let (to, after) = after.split_at_checked(usize::from(head[4]) * 4).ok_or(wrong.clone())?;
            let start = self.replacements.len() as u32;
            for code in to.as_chunks().0 {
                self.replacements.push(char::from_u32(u32::from_le_bytes(*code)).ok_or(wrong.clone())?);
            }
            let from = char::from_u32(from).ok_or(wrong.clone())?;
            if self.replaced.last().is_some_and(|last| last.0 >= from) {
                return Err(wrong);
            }
            self.replaced.push((from, start, self.replacements.len() as u32));
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Hands the ids of the text's pieces, one by one, to `each`, until that returns false.
    /// Neighbouring unknown characters of a word become one unknown piece.
    pub(crate) fn tokens(&self, text: impl Iterator<Item = char>, mut each: impl FnMut(u32) -> bool) {
        let mut work = Work::default();
        let mut open = true;
        let mut space_last = false;
        self.normalised(text, |c| {
            space_last = c == ' ' || c == WORD_START;
            if space_last {
                open = self.cut(&mut work, &mut each);
            } else {
                if work.fresh {
                    work.push(WORD_START);
                }
                work.push(c);
                if work.bytes.len() >= WORD_LIMIT {
                    open = self.cut(&mut work, &mut each);
                    work.fresh = false;
                }
            }
            open
        });
        if open && space_last {
            work.push(WORD_START);
        }
        if open {
            self.cut(&mut work, &mut each);
        }
    }

    /// Hands the characters of the text to `each`, composed and replaced, until that returns false.
    fn normalised(&self, text: impl Iterator<Item = char>, mut each: impl FnMut(char) -> bool) {
        let mut text = text.peekable();
        while let Some(mut c) = text.next() {
            while let Some(composed) = text.peek().and_then(|mark| compose(c, *mark)) {
                c = composed;
                text.next();
            }
            let open = match c {
                ' '..='~' => each(c),
                '\0' => true,
                _ => match self.replaced.binary_search_by_key(&c, |entry| entry.0) {
                    Ok(at) => {
                        let (_, start, end) = self.replaced[at];
                        self.replacements[start as usize..end as usize].iter().all(|to| each(*to))
                    }
                    Err(_) => each(c),
                },
            };
            if !open {
                return;
            }
        }
    }

    /// Cuts the collected word into pieces and forgets it. False once `each` wants no more.
    fn cut(&self, work: &mut Work, each: &mut impl FnMut(u32) -> bool) -> bool {
        let word = &work.bytes;
        let length = word.len();
        let starts_character = |at: usize| word.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        // best[e]: the highest score of a cut that ends before byte e, with the start and id of its last piece.
        work.best.clear();
        work.best.resize(length + 1, (f32::NEG_INFINITY, 0, UNKNOWN));
        work.best[0].0 = 0.0;
        for start in (0..length).filter(|at| starts_character(*at)) {
            let score = work.best[start].0;
            let mut hash = HASH_START;
            let mut first = true;
            for end in start + 1..=length.min(start + self.longest.max(4)) {
                hash = step(hash, word[end - 1]);
                if !starts_character(end) {
                    continue;
                }
                let found = self.find(hash, &word[start..end]);
                let piece = match found {
                    Some(id) => Some((score + self.scores[id as usize], start, id)),
                    None if first => Some((score + self.unknown_score, start, UNKNOWN)),
                    None => None,
                };
                first = false;
                if let Some(piece) = piece.filter(|piece| piece.0 > work.best[end].0) {
                    work.best[end] = piece;
                }
            }
        }
        work.ids.clear();
        let mut at = length;
        while at > 0 {
            let (_, start, id) = work.best[at];
            if id != UNKNOWN || work.ids.last() != Some(&UNKNOWN) {
                work.ids.push(id);
            }
            at = start;
        }
        work.bytes.clear();
        work.fresh = true;
        work.ids.iter().rev().all(|id| each(*id))
    }

    fn find(&self, hash: u64, bytes: &[u8]) -> Option<u32> {
        let mut slot = slot_of(hash);
        loop {
            let id = self.slots[slot];
            if id == EMPTY {
                return None;
            }
            let (start, end) = self.range(id);
            if &self.blob[start..end] == bytes {
                return Some(id);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    fn range(&self, id: u32) -> (usize, usize) {
        let offset = |at: usize| u32::from_le_bytes(self.offsets[at]) as usize;
        (offset(id as usize), offset(id as usize + 1))
    }
}

/// Memory used again for each word.
struct Work {
    bytes: Vec<u8>,
    /// The next character starts a word.
    fresh: bool,
    best: Vec<(f32, usize, u32)>,
    ids: Vec<u32>,
}

impl Default for Work {
    fn default() -> Self {
        Self { bytes: Vec::new(), fresh: true, best: Vec::new(), ids: Vec::new() }
    }
}

impl Work {
    fn push(&mut self, c: char) {
        self.fresh = false;
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// One byte of the FNV-1a hash. The table is fixed, so visitors cannot make it collide.
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn slot_of(hash: u64) -> usize {
    (hash ^ (hash >> 32)) as usize % SLOTS
}

fn compose(letter: char, mark: char) -> Option<char> {
    if !('\u{300}'..='\u{327}').contains(&mark) {
        return None;
    }
    let (_, letters) = COMPOSED.iter().find(|entry| entry.0 == mark)?;
    let mut letters = letters.chars();
    while let (Some(plain), Some(composed)) = (letters.next(), letters.next()) {
        if plain == letter {
            return Some(composed);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        Tokenizer::new(&File::parse(crate::WEIGHTS).unwrap()).unwrap()
    }

    fn pieces(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        tokenizer.tokens(text.chars(), |id| {
            let (start, end) = tokenizer.range(id);
            all.push(String::from_utf8(tokenizer.blob[start..end].to_vec()).unwrap());
            true
        });
        all
    }

    #[test]
    fn words_are_cut_into_likely_pieces() {
        let t = tokenizer();
        assert_eq!(pieces(&t, "query: return"), ["▁que", "ry", ":", "▁return"]);
        assert_eq!(pieces(&t, "  iki \t\n boşluk"), pieces(&t, "iki boşluk"));
        assert_eq!(pieces(&t, "ﬁyat\u{a0}１"), pieces(&t, "fiyat 1"));
        assert_eq!(pieces(&t, "son \n"), ["▁son", "▁"]);
        assert_eq!(pieces(&t, " \u{2581} \n"), ["▁"]);
        assert!(pieces(&t, "").is_empty());
    }

    #[test]
    fn decomposed_letters_equal_composed_ones() {
        let t = tokenizer();
        let decomposed = "I\u{307}ade s\u{327}ifre du\u{308}n yag\u{306}mur A\u{308}rger";
        assert_eq!(pieces(&t, decomposed), pieces(&t, "İade şifre dün yağmur Ärger"));
    }

    #[test]
    fn control_pieces_are_never_read_from_text() {
        let t = tokenizer();
        t.tokens("<s> </s> <pad> <unk>".chars(), |id| {
            assert!(id > UNKNOWN);
            true
        });
    }

    #[test]
    fn unknown_characters_join_and_long_words_are_cut() {
        let t = tokenizer();
        assert_eq!(pieces(&t, "ქართული a"), ["▁", "<unk>", "▁a"]);
        assert_eq!(pieces(&t, "a\0b"), pieces(&t, "ab"));
        assert!(pieces(&t, &"x".repeat(100_000)).len() > 1000);
        for odd in ["\u{301}\u{301}", "\u{200d}\u{fe0f}", "👨‍👩‍👧‍👦🇹🇷", "\u{10ffff}", "\u{fdfa}"]
        {
            assert!(!pieces(&t, &odd.repeat(5_000)).is_empty() || odd.starts_with('\u{200d}'), "{odd:?}");
        }
    }

    #[test]
    fn reading_stops_when_told_to() {
        let mut count = 0;
        tokenizer().tokens("bir iki üç dört beş ".repeat(1000).chars(), |_| {
            count += 1;
            count < 3
        });
        assert_eq!(count, 3);
    }
}
