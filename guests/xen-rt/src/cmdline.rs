//! Words of a guest's command line.

/// The command line's words, in order.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Whether one of the words is exactly `word`.
#[must_use]
pub fn has(line: &[u8], word: &str) -> bool {
    words(line).any(|candidate| candidate == word.as_bytes())
}

/// The values of the words that begin with `key` and `=`, in order.
pub fn values<'a>(line: &'a [u8], key: &str) -> impl Iterator<Item = &'a [u8]> {
    words(line).filter_map(move |word| word.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
}

/// The number in the first word `key=…`; `None` when there is none or it is no number.
#[must_use]
pub fn number(line: &[u8], key: &str) -> Option<u64> {
    core::str::from_utf8(values(line, key).next()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_any_white_space() {
        let line = b"  root=/dev/xvda\tidle \n";
        assert!(words(line).eq([b"root=/dev/xvda".as_slice(), b"idle"]));
        assert_eq!(words(b" ").count(), 0);
    }

    #[test]
    fn only_whole_words_count() {
        assert!(has(b"a idle b", "idle"));
        assert!(!has(b"idler idle=1", "idle"));
    }

    #[test]
    fn values_belong_to_their_key() {
        let line = b"attack=a attacks=b attack=c=d attack";
        assert!(values(line, "attack").eq([b"a".as_slice(), b"c=d"]));
        assert_eq!(number(b"size=12 x=a", "size"), Some(12));
        assert_eq!(number(b"size=12 x=a", "x"), None);
        assert_eq!(number(b"size=12 x=a", "y"), None);
    }
}
