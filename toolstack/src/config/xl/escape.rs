//! Escapes in quoted strings.
//!
//! `xl` also means to accept `\x41` and `\101`, but its reader refuses every hexadecimal escape
//! and drops the character of every octal one, so no working file contains them; both are refused.

use super::super::error::SyntaxError;

/// The text between the quotes, or the offset of what is wrong with it.
pub(super) fn unescape(quoted: &[u8]) -> Result<String, (usize, SyntaxError)> {
    let text =
        std::str::from_utf8(quoted).map_err(|error| (error.valid_up_to(), SyntaxError::NotUtf8))?;
    let mut result = String::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((offset, plain)) = chars.next() {
        let escaped = match plain {
            '\\' => chars.next().map(|(_, escape)| escape),
            _ => {
                result.push(plain);
                continue;
            }
        };
        // The lexer never ends a string right after a backslash.
        let escape = escaped.unwrap_or('\\');
        result.push(meaning(escape).ok_or((offset, SyntaxError::Escape(escape)))?);
    }
    Ok(result)
}

const fn meaning(escape: char) -> Option<char> {
    match escape {
        '"' | '\'' | '\\' => Some(escape),
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape() {
        assert_eq!(
            unescape(br#"\"\'\\\a\b\f\n\r\t\v"#),
            Ok("\"'\\\x07\x08\x0c\n\r\t\x0b".to_owned())
        );
    }

    #[test]
    fn refuses_what_xl_cannot_read() {
        assert_eq!(unescape(br"a\x41"), Err((1, SyntaxError::Escape('x'))));
        assert_eq!(unescape(br"\101"), Err((0, SyntaxError::Escape('1'))));
        assert_eq!(unescape(br"\q"), Err((0, SyntaxError::Escape('q'))));
        assert_eq!(unescape(b"ok\xff"), Err((2, SyntaxError::NotUtf8)));
    }
}
