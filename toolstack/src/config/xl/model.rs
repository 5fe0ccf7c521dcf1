//! The reader against a model: settings written out in every allowed way read back as they were.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::document::Document;
use super::parser::Value;

#[derive(Clone, Debug)]
struct Assignment {
    key: String,
    append: bool,
    value: Value,
}

fn value() -> impl Strategy<Value = Value> {
    let atom = prop_oneof!["[^\\x00]{0,12}", "[0-9][0-9a-fx]{0,4}"].prop_map(Value::Atom);
    atom.prop_recursive(3, 12, 4, |item| vec(item, 0..4).prop_map(Value::List))
}

fn assignment() -> impl Strategy<Value = Assignment> {
    ("[a-c][0-9._]{0,1}", any::<bool>(), value()).prop_map(|(key, append, value)| Assignment {
        key,
        append,
        value,
    })
}

/// What the assignments come to, or `None` where a string meets a list.
fn model(assignments: &[Assignment]) -> Option<BTreeMap<String, Value>> {
    let mut settings = BTreeMap::new();
    for Assignment { key, append, value } in assignments {
        let value = match (append, settings.remove(key)) {
            (true, Some(Value::Atom(before))) => {
                let Value::Atom(added) = value else { return None };
                Value::Atom(before + added)
            }
            (true, Some(Value::List(before))) => {
                let Value::List(added) = value else { return None };
                Value::List([before, added.clone()].concat())
            }
            _ => value.clone(),
        };
        settings.insert(key.clone(), value);
    }
    Some(settings)
}

/// Writes with the choices in `dice`: quotes, blanks, newlines, comments, trailing commas.
struct Writer<'a> {
    dice: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    text: String,
}

impl Writer<'_> {
    fn choose<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        let roll = usize::from(self.dice.next().copied().unwrap_or(0));
        choices[roll % choices.len()]
    }

    fn blank(&mut self) {
        let blank = self.choose(&["", " ", "\t", "  "]);
        self.text.push_str(blank);
    }

    fn newlines(&mut self) {
        let lines = self.choose(&["", "", "\n", " # it's \"\\\n", "\r\n\n"]);
        self.text.push_str(lines);
    }

    fn statement(&mut self, assignment: &Assignment) {
        self.blank();
        self.text.push_str(&assignment.key);
        self.blank();
        self.text.push_str(if assignment.append { "+=" } else { "=" });
        self.blank();
        self.value(&assignment.value);
        self.blank();
        let end = self.choose(&["\n", ";", ";\n", "#;\n", "\n\n;"]);
        self.text.push_str(end);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Atom(text) => self.atom(text),
            Value::List(items) => self.list(items),
        }
    }

    fn atom(&mut self, text: &str) {
        let digits = |c: char| matches!(c, '0'..='9' | 'a'..='f' | 'x');
        if text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(digits) {
            return self.text.push_str(text);
        }
        let quote = self.choose(&["'", "\""]);
        let escaped =
            text.replace('\\', r"\\").replace('\n', r"\n").replace(quote, &format!("\\{quote}"));
        self.text.push_str(quote);
        self.text.push_str(&escaped);
        self.text.push_str(quote);
    }

    fn list(&mut self, items: &[Value]) {
        self.text.push('[');
        self.newlines();
        for (index, item) in items.iter().enumerate() {
            self.value(item);
            self.newlines();
            let last = index + 1 == items.len();
            let comma = if last { self.choose(&["", ","]) } else { "," };
            self.text.push_str(comma);
            self.newlines();
        }
        self.text.push(']');
    }
}

proptest! {
    #[test]
    fn reads_what_was_written(
        assignments in vec(assignment(), 0..12),
        dice in vec(any::<u8>(), 1..64),
    ) {
        let mut writer = Writer { dice: dice.iter().cycle(), text: String::new() };
        assignments.iter().for_each(|assignment| writer.statement(assignment));
        let text = writer.text;
        let read = Document::read(Some(("f".into(), text.as_bytes())), &[]);
        match model(&assignments) {
            None => prop_assert!(read.is_err(), "{text}"),
            Some(expected) => {
                let settings = read.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?.settings;
                let read: BTreeMap<_, _> =
                    settings.into_iter().map(|setting| (setting.key, setting.value)).collect();
                prop_assert_eq!(read, expected, "{}", text);
            }
        }
    }
}
