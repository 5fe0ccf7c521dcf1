//! `xl.cfg`'s tokens.
//!
//! Two leniencies over `xl`: a comment may end with the file instead of a line, and a line may end
//! in CR LF.

use std::sync::Arc;

use super::super::error::{ConfigError, Location, SyntaxError, excerpt};
use super::escape::unescape;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Ident(String),
    Number(String),
    Text(String),
    Newline,
    Semicolon,
    Comma,
    Open,
    Close,
    Assign,
    Append,
    End,
}

impl Token {
    /// The token as an error message shows it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Ident(word) => format!("the word `{}`", excerpt(word)),
            Self::Number(digits) => format!("the number {}", excerpt(digits)),
            Self::Text(text) => format!("the string \"{}\"", excerpt(text)),
            Self::Newline => "the end of the line".to_owned(),
            Self::Semicolon => "`;`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Open => "`[`".to_owned(),
            Self::Close => "`]`".to_owned(),
            Self::Assign => "`=`".to_owned(),
            Self::Append => "`+=`".to_owned(),
            Self::End => "the end of the file".to_owned(),
        }
    }
}

pub(super) struct Lexer<'a> {
    source: Arc<str>,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    /// How far columns are counted, and the column there. Counting on from the last place keeps
    /// a long line from costing the square of its length.
    counted: usize,
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: Arc<str>, bytes: &'a [u8]) -> Self {
        Self { source, bytes, at: 0, line: 1, counted: 0, column: 1 }
    }

    /// The next token and where it starts; [`Token::End`] for ever after the last.
    pub(super) fn next(&mut self) -> Result<(Token, Location), ConfigError> {
        self.skip_blanks();
        let start = self.at;
        let location = self.location(start);
        let Some(byte) = self.peek(0) else { return Ok((Token::End, location)) };
        let token = match byte {
            b'a'..=b'z' => Token::Ident(
                self.take_while(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_')),
            ),
            b'0'..=b'9' => {
                Token::Number(self.take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'x')))
            }
            b'\n' => self.newline(1),
            b'\r' if self.peek(1) == Some(b'\n') => self.newline(2),
            b'#' => self.comment(),
            b',' => self.punctuation(Token::Comma, 1),
            b'[' => self.punctuation(Token::Open, 1),
            b']' => self.punctuation(Token::Close, 1),
            b'=' => self.punctuation(Token::Assign, 1),
            b';' => self.punctuation(Token::Semicolon, 1),
            b'+' if self.peek(1) == Some(b'=') => self.punctuation(Token::Append, 2),
            b'\'' | b'"' => Token::Text(self.string(byte, &location)?),
            _ => return Err(self.unexpected(location)),
        };
        Ok((token, location))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// The place of byte `at`, which is on the current line and never before one asked for earlier.
    fn location(&mut self, at: usize) -> Location {
        let passed = self.bytes.get(self.counted..at).unwrap_or_default();
        let continuations = passed.iter().filter(|b| **b & 0xc0 == 0x80).count();
        self.column += passed.len() - continuations;
        self.counted = at;
        Location { source: Arc::clone(&self.source), line: self.line, column: self.column }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> String {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|b| !keep(*b)).unwrap_or(rest.len());
        self.at += length;
        // Only ASCII bytes are kept, each a character of its own.
        rest[..length].iter().copied().map(char::from).collect()
    }

    fn punctuation(&mut self, token: Token, length: usize) -> Token {
        self.at += length;
        token
    }

    fn newline(&mut self, length: usize) -> Token {
        self.at += length;
        self.line += 1;
        self.counted = self.at;
        self.column = 1;
        Token::Newline
    }

    fn comment(&mut self) -> Token {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|b| *b == b'\n') {
            Some(length) => self.newline(length + 1),
            None => {
                self.at = self.bytes.len();
                Token::Newline
            }
        }
    }

    /// The string that starts here with `quote`.
    fn string(&mut self, quote: u8, open: &Location) -> Result<String, ConfigError> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.bytes.get(end) {
                None | Some(b'\n') => {
                    let problem = SyntaxError::UnterminatedString(char::from(quote));
                    return Err(ConfigError::Syntax { location: open.clone(), problem });
                }
                Some(byte) if *byte == quote => break,
                Some(b'\\') if self.bytes.get(end + 1).is_some_and(|b| *b != b'\n') => end += 2,
                Some(_) => end += 1,
            }
        }
        let text = unescape(&self.bytes[start..end]).map_err(|(offset, problem)| {
            ConfigError::Syntax { location: self.location(start + offset), problem }
        })?;
        self.at = end + 1;
        Ok(text)
    }

    fn unexpected(&self, location: Location) -> ConfigError {
        let rest = &self.bytes[self.at..];
        let found = match rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next()) {
            Some(found) => format!("`{}`", found.escape_debug()),
            None => format!("byte 0x{:02x}", rest.first().copied().unwrap_or_default()),
        };
        let hint = match rest.first() {
            Some(b'A'..=b'Z') => "; keys are written in lower case, and booleans as 0 and 1",
            Some(b'(' | b')' | b'.' | b':' | b'+' | b'-') => {
                "; an xl.cfg holds `key = value` lines, no Python, and text stands in quotes"
            }
            Some(b'/' | b'_') => "; text stands in quotes",
            Some(0xef) if self.at == 0 => "; save the file without a byte order mark",
            _ => "",
        };
        ConfigError::Syntax { location, problem: SyntaxError::Unexpected { found, hint } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Result<Vec<Token>, ConfigError> {
        let mut lexer = Lexer::new("test".into(), text.as_bytes());
        let mut tokens = Vec::new();
        loop {
            match lexer.next()?.0 {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn every_token() {
        use Token::*;
        assert_eq!(
            lex("a.b_1 0x1f += = [ ] , ; 'q\"' \"d'\" # c\r\n\r\n\n# end").unwrap(),
            [
                Ident("a.b_1".into()),
                Number("0x1f".into()),
                Append,
                Assign,
                Open,
                Close,
                Comma,
                Semicolon,
                Text("q\"".into()),
                Text("d'".into()),
                Newline,
                Newline,
                Newline,
                Newline,
            ]
        );
    }

    #[test]
    fn places_are_lines_and_characters() {
        let mut lexer = Lexer::new("f".into(), "\n \"ä\" b".as_bytes());
        let places: Vec<_> = (0..4).map(|_| lexer.next().unwrap().1.to_string()).collect();
        assert_eq!(places, ["f:1:1", "f:2:2", "f:2:6", "f:2:7"]);
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        for (text, message) in [
            ("a='x", "f:1:3: this string does not end on its line; close it with '"),
            ("a=\"x\n\"", "f:1:3: this string does not end on its line; close it with \""),
            ("a='x\\\n'", "f:1:3: this string does not end on its line; close it with '"),
            (
                "a = True",
                "f:1:5: `T` has no place here; keys are written in lower case, and booleans as 0 and 1",
            ),
            ("a = /x", "f:1:5: `/` has no place here; text stands in quotes"),
            ("\0", "f:1:1: `\\0` has no place here"),
        ] {
            let mut lexer = Lexer::new("f".into(), text.as_bytes());
            let error = (0..9).find_map(|_| lexer.next().err()).expect(text);
            assert_eq!(error.to_string(), message, "{text:?}");
        }
    }
}
