//! What an `xl.cfg` and the assignments after it come to: one value per key.

use std::sync::Arc;

use super::super::error::{ConfigError, Location, SyntaxError, Warning};
use super::super::{Origin, loader::MAX_CONFIG_BYTES};
use super::parser::{self, Statement, Value};

/// The settings, in the order in which their keys first appear, and what was odd about them.
#[derive(Debug, Default)]
pub(in super::super) struct Document {
    pub(super) settings: Vec<Setting>,
    pub(super) warnings: Vec<Warning>,
    /// The file's name, to tell its places from those in assignments.
    pub(super) file: Option<Arc<str>>,
}

/// A key's final value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) key_location: Location,
    pub(super) value: Value,
    pub(super) location: Location,
    /// The last statement was `+=`, which `xl` does not allow for numbers.
    pub(super) appended: bool,
    /// A warning says already that the key is set more than once.
    repeated: bool,
}

/// Distinct keys in one configuration; `xl` knows under two hundred.
const MAX_KEYS: usize = 1024;

impl Document {
    /// Reads `file`, if any, then each of `assignments`.
    pub(in super::super) fn read(
        file: Option<(Arc<str>, &[u8])>,
        assignments: &[String],
    ) -> Result<Self, ConfigError> {
        let mut document = Self::default();
        if let Some((source, bytes)) = file {
            document.file = Some(Arc::clone(&source));
            for statement in parser::parse(&source, bytes)? {
                document.warn_of_repetition(&statement);
                document.apply(statement)?;
            }
        }
        for assignment in assignments {
            for statement in parse_assignment(assignment)? {
                document.apply(statement)?;
            }
        }
        Ok(document)
    }

    fn find(&mut self, key: &str) -> Option<&mut Setting> {
        self.settings.iter_mut().find(|setting| setting.key == key)
    }

    fn warn_of_repetition(&mut self, statement: &Statement) {
        if statement.append {
            return;
        }
        let Some(before) = self.find(&statement.key) else { return };
        if std::mem::replace(&mut before.repeated, true) {
            return;
        }
        let reason = format!("set before, on line {}; the last value counts", before.location.line);
        let origin = Origin::Text(statement.key_location.clone());
        self.warnings.push(Warning { key: statement.key.clone(), origin, reason });
    }

    fn apply(&mut self, statement: Statement) -> Result<(), ConfigError> {
        let Statement { key, key_location, append, value, value_location: location } = statement;
        let count = self.settings.len();
        let Some(setting) = self.find(&key) else {
            if count == MAX_KEYS {
                let problem = SyntaxError::TooManyKeys(MAX_KEYS);
                return Err(ConfigError::Syntax { location, problem });
            }
            self.settings.push(Setting {
                key,
                key_location,
                value,
                location,
                appended: append,
                repeated: false,
            });
            return Ok(());
        };
        setting.appended = append;
        if append {
            let result = concatenate(&mut setting.value, value, &key);
            result.map_err(|problem| ConfigError::Syntax { location, problem })
        } else {
            setting.value = value;
            setting.location = location;
            setting.key_location = key_location;
            Ok(())
        }
    }
}

fn parse_assignment(assignment: &str) -> Result<Vec<Statement>, ConfigError> {
    if assignment.len() > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge { name: "the assignment".to_owned() });
    }
    let source: Arc<str> = format!("`{}`", super::super::error::excerpt(assignment)).into();
    parser::parse(&source, assignment.as_bytes())
}

fn concatenate(value: &mut Value, added: Value, key: &str) -> Result<(), SyntaxError> {
    match (value, added) {
        (Value::Atom(text), Value::Atom(added)) => text.push_str(&added),
        (Value::List(items), Value::List(added)) => items.extend(added),
        (value, added) => {
            return Err(SyntaxError::MixedAppend {
                key: super::super::error::excerpt(key),
                was: value.kind(),
                added: added.kind(),
            });
        }
    }
    Ok(())
}

impl Value {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Atom(_) => "a string",
            Self::List(_) => "a list",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, assignments: &[&str]) -> Result<Document, ConfigError> {
        let assignments: Vec<_> = assignments.iter().map(ToString::to_string).collect();
        Document::read(Some(("f".into(), file.as_bytes())), &assignments)
    }

    fn only_value(document: &Document) -> &Value {
        assert_eq!(document.settings.len(), 1);
        &document.settings[0].value
    }

    #[test]
    fn the_last_value_counts() {
        let document = read("a=1\na=2\n", &[]).unwrap();
        assert_eq!(only_value(&document), &Value::Atom("2".into()));
        let warnings: Vec<_> = document.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["f:2:1: a: set before, on line 1; the last value counts"]);
    }

    #[test]
    fn assignments_replace_and_append_without_warning() {
        let document = read("a='x'", &["a+=' y'", "a += ' z'"]).unwrap();
        assert_eq!(only_value(&document), &Value::Atom("x y z".into()));
        let document = read("a='x'", &["a='y'"]).unwrap();
        assert_eq!(only_value(&document), &Value::Atom("y".into()));
        assert_eq!(document.warnings, []);
    }

    #[test]
    fn appending_needs_the_same_kind() {
        let list = Value::List(vec![Value::Atom("1".into()), Value::Atom("2".into())]);
        assert_eq!(only_value(&read("a=[1]\na+=[2]", &[]).unwrap()), &list);
        assert_eq!(only_value(&read("a+=[1,2]", &[]).unwrap()), &list);
        assert_eq!(
            read("a=[1]\na+='2'", &[]).unwrap_err().to_string(),
            "f:2:4: `a` was a list before; += cannot add a string to it"
        );
    }

    #[test]
    fn repetition_and_number_of_keys_are_bounded() {
        assert_eq!(read(&"a=1\n".repeat(5000), &[]).unwrap().warnings.len(), 1);
        let keys = |count: usize| (0..count).map(|n| format!("k{n}=1\n")).collect::<String>();
        assert!(read(&keys(MAX_KEYS), &[]).is_ok());
        let error = read(&keys(MAX_KEYS + 1), &[]).unwrap_err();
        assert!(error.to_string().contains("more than 1024 keys"), "{error}");
    }

    #[test]
    fn an_assignment_s_error_names_it() {
        assert_eq!(
            read("", &["memory 64"]).unwrap_err().to_string(),
            "`memory 64`:1:8: expected = or += after the key, found the number 64"
        );
    }
}
