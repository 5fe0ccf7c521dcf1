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
}
