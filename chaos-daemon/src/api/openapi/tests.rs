//! The document is that in `docs/`, whole, and of the routes there are.

use std::collections::HashSet;
use std::path::PathBuf;

use super::*;

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).join(name)
}

/// Run with `UPDATE_DOCS=1` to write the file.
#[test]
fn the_file_is_the_document() {
    let path = file("openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text(&routes::all())).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text(&routes::all()), "UPDATE_DOCS=1 cargo test -p chaos-daemon openapi");
}

/// The router is made of the same routes: it takes them all, and has no other.
#[test]
fn every_route_is_in_the_document_and_in_the_manual() {
    let _ = routes::router();
    let document = document(&routes::all());
    let manual = std::fs::read_to_string(file("api.md")).unwrap();
    let mut ids = HashSet::new();
    for route in routes::all() {
        for it in &route.operations {
            let said = &document["paths"][route.path][it.method.as_str().to_lowercase()];
            assert_eq!(said["operationId"], it.id);
            assert!(ids.insert(it.id), "{} is there twice", it.id);
        }
        let path = route.path.replace("{guest}", "GUEST").replace("{name}", "NAME");
        let path = path.replace("{number}", "NUMBER").replace("{index}", "N");
        let short = path.replace("/v1/guests/GUEST", "…").replace("/v1/guests:", "…:");
        assert!(
            manual.contains(&format!("{path}`")) || manual.contains(&format!("`{short}`")),
            "{path}"
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, root: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    let to = to.strip_prefix('#').unwrap();
                    assert!(root.pointer(to).is_some(), "{to}");
                }
                object.values().for_each(|value| walk(value, root));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, root)),
            _ => {}
        }
    }
    let document = document(&routes::all());
    walk(&document, &document);
}

#[test]
fn every_code_has_its_answer() {
    let failures = failures(&mut schema::generator());
    for (code, meaning) in codes(&mut schema::generator()) {
        let said = failures[&code.status().to_string()]["description"].as_str().unwrap();
        assert!(said.contains(&format!("`{}`: {meaning}", schema::name(code))), "{said}");
        // The type's documentation says the status too.
        assert!(meaning.contains(&format!("({}", code.status())) || code == ErrorCode::Internal);
    }
}
