//! `xl.cfg`'s grammar: assignments, separated by newlines or `;`, of strings, numbers and lists.

use std::sync::Arc;

use super::super::error::{ConfigError, Location, SyntaxError};
use super::lexer::{Lexer, Token};

/// Lists in lists. `xl`'s parser gives up at some thousands; no key of its takes more than two.
pub(super) const MAX_DEPTH: usize = 64;

/// A value. Numbers are text too: what a key makes of it is the key's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Atom(String),
    List(Vec<Value>),
}

/// One `key = value` or `key += value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) key: String,
    pub(super) key_location: Location,
    pub(super) append: bool,
    pub(super) value: Value,
    pub(super) value_location: Location,
}

/// Reads all of `bytes`, which messages call `source`.
pub(super) fn parse(source: &Arc<str>, bytes: &[u8]) -> Result<Vec<Statement>, ConfigError> {
    let mut lexer = Lexer::new(Arc::clone(source), bytes);
    let (token, location) = lexer.next()?;
    Parser { lexer, token, location }.file()
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token to look at next.
    token: Token,
    location: Location,
}

impl Parser<'_> {
    fn file(mut self) -> Result<Vec<Statement>, ConfigError> {
        let mut statements = Vec::new();
        loop {
            match &self.token {
                Token::End => return Ok(statements),
                Token::Newline | Token::Semicolon => self.advance()?,
                Token::Ident(_) => {
                    statements.push(self.statement()?);
                    self.end_of_statement()?;
                }
                _ => return Err(self.expected("a key")),
            }
        }
    }

    fn advance(&mut self) -> Result<(), ConfigError> {
        (self.token, self.location) = self.lexer.next()?;
        Ok(())
    }

    fn take(&mut self) -> Result<(Token, Location), ConfigError> {
        let next = self.lexer.next()?;
        let token = std::mem::replace(&mut self.token, next.0);
        Ok((token, std::mem::replace(&mut self.location, next.1)))
    }

    fn statement(&mut self) -> Result<Statement, ConfigError> {
        let (Token::Ident(key), key_location) = self.take()? else {
            return Err(self.expected("a key"));
        };
        let append = match self.token {
            Token::Assign => false,
            Token::Append => true,
            _ => return Err(self.expected("= or += after the key")),
        };
        self.advance()?;
        let value_location = self.location.clone();
        let value = self.value(0)?;
        Ok(Statement { key, key_location, append, value, value_location })
    }

    fn end_of_statement(&mut self) -> Result<(), ConfigError> {
        match self.token {
            Token::End => Ok(()),
            Token::Newline | Token::Semicolon => self.advance(),
            _ => Err(self.expected("the end of the line or `;`")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, ConfigError> {
        match self.token {
            Token::Open if depth == MAX_DEPTH => {
                Err(self.syntax_error(SyntaxError::TooDeep(MAX_DEPTH)))
            }
            Token::Open => self.list(depth + 1),
            Token::Text(_) | Token::Number(_) => match self.take()?.0 {
                Token::Text(text) | Token::Number(text) => Ok(Value::Atom(text)),
                _ => Err(self.expected("a value")),
            },
            _ => Err(self.expected("a number, a quoted string or a [list]")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, ConfigError> {
        let mut items = Vec::new();
        self.advance()?;
        self.skip_newlines()?;
        while self.token != Token::Close {
            items.push(self.value(depth)?);
            self.skip_newlines()?;
            match self.token {
                Token::Comma => self.advance()?,
                Token::Close => break,
                _ => return Err(self.expected("`,` or `]`")),
            }
            self.skip_newlines()?;
        }
        self.advance()?;
        Ok(Value::List(items))
    }

    fn skip_newlines(&mut self) -> Result<(), ConfigError> {
        while self.token == Token::Newline {
            self.advance()?;
        }
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> ConfigError {
        let hint = match &self.token {
            Token::Ident(word) if matches!(word.as_str(), "true" | "yes" | "on") => {
                "; booleans are 0 and 1"
            }
            Token::Ident(word) if matches!(word.as_str(), "false" | "no" | "off" | "none") => {
                "; booleans are 0 and 1"
            }
            Token::Ident(_) if expected != "a key" => "; text stands in quotes",
            _ => "",
        };
        let found = self.token.describe();
        self.syntax_error(SyntaxError::Expected { expected, found, hint })
    }

    fn syntax_error(&self, problem: SyntaxError) -> ConfigError {
        ConfigError::Syntax { location: self.location.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Value)> {
        let statements = parse(&"f".into(), text.as_bytes()).expect(text);
        statements.into_iter().map(|s| (s.key, s.value)).collect()
    }

    fn atom(text: &str) -> Value {
        Value::Atom(text.to_owned())
    }

    #[test]
    fn lists_span_lines_and_end_in_commas() {
        for text in
            ["a=[1,'b']", "a = [ 1, 'b', ]", "a = [\n 1, # one\n\n 'b'\n,\n]\n", "a=[1\n,'b'\n];"]
        {
            let expected = Value::List(vec![atom("1"), atom("b")]);
            assert_eq!(values(text), [("a".to_owned(), expected)], "{text}");
        }
        assert_eq!(values("a=[]"), [("a".to_owned(), Value::List(vec![]))]);
        let nested = Value::List(vec![Value::List(vec![atom("1")]), Value::List(vec![])]);
        assert_eq!(values("a=[[1],[]]"), [("a".to_owned(), nested)]);
    }

    #[test]
    fn statements_end_with_lines_or_semicolons() {
        for text in ["a=1;b=2", "a=1\nb=2", ";;a=1;;\n;b=2;", "a=1 # c\n\tb=2#"] {
            let expected = [("a".to_owned(), atom("1")), ("b".to_owned(), atom("2"))];
            assert_eq!(values(text), expected, "{text}");
        }
        assert_eq!(values(""), []);
    }

    #[test]
    fn errors_say_what_was_due() {
        for (text, message) in [
            ("a", "f:1:2: expected = or += after the key, found the end of the file"),
            (
                "a b",
                "f:1:3: expected = or += after the key, found the word `b`; text stands in quotes",
            ),
            (
                "a =\n1",
                "f:1:4: expected a number, a quoted string or a [list], found the end of the line",
            ),
            (
                "a = true",
                "f:1:5: expected a number, a quoted string or a [list], found the word `true`; booleans are 0 and 1",
            ),
            (
                "a = 1 b = 2",
                "f:1:7: expected the end of the line or `;`, found the word `b`; text stands in quotes",
            ),
            ("a = [1 2]", "f:1:8: expected `,` or `]`, found the number 2"),
            ("a = [,]", "f:1:6: expected a number, a quoted string or a [list], found `,`"),
            ("a = [1;", "f:1:7: expected `,` or `]`, found `;`"),
            ("a = [1", "f:1:7: expected `,` or `]`, found the end of the file"),
            ("'a' = 1", "f:1:1: expected a key, found the string \"a\""),
        ] {
            let error = parse(&"f".into(), text.as_bytes()).expect_err(text);
            assert_eq!(error.to_string(), message, "{text:?}");
        }
    }

    /// A line of a megabyte takes no longer than as many short ones.
    #[test]
    fn long_lines_take_linear_time() {
        let items = 300_000;
        let text = format!("a=[{}]", "1, ".repeat(items));
        let statements = parse(&"f".into(), text.as_bytes()).unwrap();
        assert!(matches!(&statements[0].value, Value::List(list) if list.len() == items));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("a={}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&"f".into(), nested(MAX_DEPTH).as_bytes()).is_ok());
        let error = parse(&"f".into(), nested(MAX_DEPTH + 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("more than 64 deep"), "{error}");
        assert!(parse(&"f".into(), &b"[".repeat(1 << 20)).is_err());
    }
}
