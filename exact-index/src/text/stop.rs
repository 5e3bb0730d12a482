/// Folded function words and question words of Turkish, English and German, sorted.
///
/// They are in every support question and in every article, so they would decide between articles
/// by chance. Words that can be the topic stay (`para`, `free`, `Zeit`), also where one language's
/// function word is another one's noun and the latter matters more.
const STOP_WORDS: &[&str] = &[
    "a", "aber", "about", "acaba", "after", "all", "alle", "allem", "allen", "aller", "alles", "als", "also", "am",
    "ama", "an", "ancak", "and", "any", "are", "artik", "as", "at", "auch", "auf", "aus", "bana", "bazi", "be", "been",
    "before", "bei", "beim", "belki", "ben", "beni", "benim", "bile", "bin", "bir", "biri", "biz", "bize", "bizi",
    "bizim", "bu", "buna", "bunda", "bundan", "bunlar", "bunu", "bunun", "but", "by", "can", "cok", "could", "cunku",
    "da", "daha", "dan", "dann", "das", "dass", "de", "defa", "degil", "dein", "deine", "dem", "den", "denn", "der",
    "des", "di", "did", "die", "dies", "diese", "diesem", "diesen", "dieser", "dieses", "diger", "diye", "do", "does",
    "doing", "du", "durch", "e", "edebilir", "eder", "ederim", "ediyor", "eger", "ein", "eine", "einem", "einen",
    "einer", "eines", "er", "es", "etmek", "euch", "eure", "for", "from", "fur", "gerade", "get", "gibi", "gibt",
    "hab", "habe", "haben", "had", "hangi", "has", "hat", "hatte", "have", "he", "hem", "hep", "hepsi", "her", "here",
    "hic", "hier", "his", "how", "i", "ich", "icin", "if", "ihm", "ihn", "ihnen", "ihr", "ihre", "ihrem", "ihren",
    "ihrer", "ile", "im", "in", "ins", "into", "is", "ise", "ist", "it", "its", "ja", "jede", "jeden", "jeder",
    "jedes", "just", "kac", "kadar", "kann", "kannst", "kein", "keine", "keinen", "ki", "kim", "kommt", "konnen",
    "konnte", "la", "le", "ll", "m", "mache", "machen", "man", "may", "me", "mein", "meine", "meinem", "meinen",
    "meiner", "mi", "mich", "might", "mir", "misin", "misiniz", "mit", "mu", "muss", "mussen", "must", "musunuz", "my",
    "nach", "nasil", "ne", "neden", "nerede", "nereden", "nereye", "nicht", "nicin", "niye", "no", "noch", "nor",
    "nun", "nur", "o", "ob", "oder", "of", "ohne", "olan", "olarak", "oldu", "olmak", "olsa", "olur", "on", "ona",
    "once", "onlar", "only", "onu", "onun", "or", "our", "out", "oyle", "re", "s", "sadece", "sana", "sehr", "sein",
    "seine", "seit", "sen", "senin", "sey", "she", "should", "sich", "sie", "sind", "siz", "sizden", "sizin", "so",
    "soll", "some", "sonra", "soyle", "su", "t", "ta", "te", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "too", "tum", "u", "uber", "um", "und", "uns", "unser", "unsere", "unter",
    "us", "uzere", "var", "ve", "very", "veya", "vom", "von", "vor", "wann", "want", "war", "warum", "was", "we",
    "wegen", "welche", "welchem", "welchen", "welcher", "welches", "wenn", "wer", "werde", "werden", "were", "what",
    "when", "where", "which", "while", "who", "why", "wie", "wieso", "will", "wir", "wird", "with", "wo", "worden",
    "would", "wurde", "wurden", "ya", "yani", "yine", "yok", "you", "your", "yu", "zu", "zum", "zur",
];

/// Whether a folded word carries no topic.
pub(super) fn is_stop_word(folded: &str) -> bool {
    STOP_WORDS.binary_search(&folded).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;

    #[test]
    fn the_list_is_sorted_unique_and_folded() {
        assert!(STOP_WORDS.is_sorted_by(|a, b| a < b));
        assert!(STOP_WORDS.iter().all(|word| fold(word) == *word));
    }

    #[test]
    fn topics_are_kept() {
        for word in ["size", "not", "para", "free", "zeit", "iade", "order", "konto"] {
            assert!(!is_stop_word(word));
        }
    }
}
