//! `docs/configuration.md` says what the code does.

use std::path::PathBuf;

use crate::config::{ConfigFormat, Key, Loader, Treatment, XL_KEYS, XlKey};

const TABLE_START: &str = "<!-- table of xl.cfg keys: start -->\n";
const TABLE_END: &str = "<!-- table of xl.cfg keys: end -->\n";

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"))
}

fn document() -> String {
    std::fs::read_to_string(path()).expect("docs/configuration.md")
}

fn row(key: &XlKey) -> String {
    let treatment = match key.treatment {
        Treatment::Served => "served".to_owned(),
        Treatment::Ignored => "warned".to_owned() + &exceptions(key),
        Treatment::Refused => "refused".to_owned() + &exceptions(key),
    };
    format!("| `{}` | {treatment} | {} |\n", key.name, key.note)
}

fn exceptions(key: &XlKey) -> String {
    let values: Vec<_> = key.unless.iter().map(|value| format!("`{value}`")).collect();
    if values.is_empty() { String::new() } else { format!(" unless {}", values.join(" or ")) }
}

/// Run with `UPDATE_DOCS=1` to write the code's table into the document.
#[test]
fn the_table_of_xl_keys_is_the_code_s() {
    let document = document();
    let (before, rest) = document.split_once(TABLE_START).expect("the table's start");
    let (table, after) = rest.split_once(TABLE_END).expect("the table's end");
    let head = "| key | treatment | how, or why not |\n|---|---|---|\n".to_owned();
    let expected = XL_KEYS.iter().fold(head, |table, key| table + &row(key));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = [before, TABLE_START, &expected, TABLE_END, after].concat();
        std::fs::write(path(), text).expect("a writable document");
    } else {
        assert_eq!(table, expected, "run this test with UPDATE_DOCS=1 to update the document");
    }
}

#[test]
fn every_key_has_its_section() {
    let document = document();
    let headings: Vec<_> =
        document.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(headings, Key::ALL.map(Key::name));
    for key in Key::ALL {
        let section = document.split(&format!("### `{key}`\n")).nth(1).unwrap();
        let section = section.split("\n### ").next().unwrap();
        for word in ["Value: ", "Default: ", "Errors: ", &format!("Flag: `{}`", key.flag())] {
            assert!(section.contains(word), "no {word:?} for {key}");
        }
    }
}

#[test]
fn the_documented_configurations_load() {
    let document = document();
    for (fence, format) in [("```toml\n", ConfigFormat::Toml), ("```xl\n", ConfigFormat::Xl)] {
        let mut count = 0;
        for block in document.split(fence).skip(1) {
            let text = block.split("```").next().unwrap();
            Loader::new().parse("block", format, text.as_bytes()).expect(text);
            count += 1;
        }
        assert!(count > 0, "no {fence:?}");
    }
}
