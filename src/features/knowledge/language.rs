//! Guesses in which of the three languages of this product a short text is written.

pub use understanding::Language;

/// Common words of each language that the other two do not have, in folded letters (without accents).
const WORDS: [(Language, &[&str]); 3] = [
    (
        Language::Turkish,
        &[
            "acaba",
            "ama",
            "ben",
            "bana",
            "benim",
            "bir",
            "bu",
            "bunu",
            "cok",
            "daha",
            "degil",
            "diye",
            "gibi",
            "hangi",
            "icin",
            "ile",
            "istiyorum",
            "kac",
            "kadar",
            "merhaba",
            "mi",
            "misiniz",
            "mu",
            "musunuz",
            "nasil",
            "ne",
            "neden",
            "nedir",
            "nerede",
            "nereden",
            "olur",
            "sey",
            "siz",
            "size",
            "sonra",
            "tesekkurler",
            "var",
            "ve",
            "veya",
            "yok",
            "zaman",
            "lutfen",
            "miyim",
            "oldu",
            "selam",
        ],
    ),
    (
        Language::English,
        &[
            "and", "are", "can", "could", "did", "do", "does", "for", "from", "get", "have", "hello", "how", "i", "is",
            "it", "long", "my", "not", "of", "on", "please", "thanks", "that", "the", "there", "this", "to", "we",
            "what", "when", "where", "which", "why", "with", "would", "you", "your", "much", "many", "if", "or",
        ],
    ),
    (
        Language::German,
        &[
            "aber", "auf", "bei", "bitte", "danke", "das", "dem", "den", "der", "die", "ein", "eine", "einen", "es",
            "fur", "gibt", "habe", "haben", "hallo", "ich", "ihr", "ihre", "ist", "kann", "kein", "keine", "man",
            "mein", "meine", "meinen", "mich", "mir", "mit", "nach", "nicht", "oder", "sich", "sie", "sind", "und",
            "uns", "von", "wann", "warum", "wenn", "wie", "wird", "wo", "zu", "zum", "zur", "muss",
        ],
    ),
];

/// The language of a text, by its letters and by common words; absent when nothing speaks for any.
pub fn detect(text: &str) -> Option<Language> {
    let mut points = [0_usize; 3];
    for letter in text.chars() {
        match letter {
            'ı' | 'ğ' | 'ş' | 'İ' | 'Ğ' | 'Ş' => points[0] += 2,
            'ç' | 'Ç' => points[0] += 1,
            'ß' | 'ä' | 'Ä' => points[2] += 2,
            _ => {}
        }
    }
    let folded = exact_index::text::fold(text);
    for word in folded.split(|c: char| !c.is_alphanumeric()) {
        for (index, (_, words)) in WORDS.iter().enumerate() {
            if words.contains(&word) {
                points[index] += 2;
            }
        }
        // Turkish says much in endings; no common English or German word ends so.
        if word.len() > 6
            && ["iyorum", "iyor", "uyor", "siniz", "lari", "leri", "abilir", "ebilir"]
                .iter()
                .any(|end| word.ends_with(end))
        {
            points[0] += 1;
        }
    }
    let best = points.iter().copied().max().filter(|most| *most > 0)?;
    points.iter().position(|count| *count == best).map(|index| WORDS[index].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_apart() {
        for (text, language) in [
            ("Siparişim nerede?", Language::Turkish),
            ("siparisim nerede kaldi", Language::Turkish),
            ("KARGO ÜCRETİ NE KADAR", Language::Turkish),
            ("Where is my parcel?", Language::English),
            ("How long does delivery take", Language::English),
            ("Wo ist mein Paket?", Language::German),
            ("Wie lange habe ich Zeit für die Rückgabe?", Language::German),
        ] {
            assert_eq!(detect(text), Some(language), "{text}");
        }
        assert_eq!(detect("12345 ???"), None);
    }

    #[test]
    fn tags_are_read_by_their_first_part() {
        assert_eq!(Language::of_tag("en-GB"), Some(Language::English));
        assert_eq!(Language::of_tag("TR"), Some(Language::Turkish));
        assert_eq!(Language::of_tag("fr"), None);
    }
}
