//! Paths of requests.

use std::fmt::{self, Write as _};

use crate::api::PREFIX;

/// A path under construction. What users say becomes one part of it, whatever is in it.
#[derive(Debug)]
pub(super) struct Route {
    text: String,
}

impl Route {
    pub(super) fn to(resource: &str) -> Self {
        Route { text: PREFIX.to_owned() }.then(resource)
    }

    pub(super) fn then(mut self, part: &str) -> Self {
        self.text.push('/');
        for byte in part.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b':' => {
                    self.text.push(char::from(byte));
                }
                // A part of dots alone would be another path.
                b'.' if part.bytes().any(|b| b != b'.') => self.text.push('.'),
                // Writing to a String cannot fail.
                _ => drop(write!(self.text, "%{byte:02X}")),
            }
        }
        self
    }

    pub(super) fn query(mut self, query: &str) -> Self {
        self.text.push('?');
        self.text.push_str(query);
        self
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_a_part() {
        let route = |part| Route::to("guests").then(part).then("log").to_string();
        assert_eq!(route("web-1.a"), "/v1/guests/web-1.a/log");
        assert_eq!(route("../x?y=1"), "/v1/guests/..%2Fx%3Fy%3D1/log");
        assert_eq!(route(".."), "/v1/guests/%2E%2E/log");
        assert_eq!(route("a b\r\n"), "/v1/guests/a%20b%0D%0A/log");
    }
}
