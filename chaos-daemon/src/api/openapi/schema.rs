//! Schemas of the types, as readers of the document want them.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value};

/// Collects the schemas of types by their names.
pub(super) fn generator() -> SchemaGenerator {
    let place = |settings: &mut SchemaSettings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    };
    SchemaSettings::draft2020_12().with(place).into_generator()
}

/// The name under which serde writes a variant without content.
pub(super) fn name(variant: impl Serialize) -> String {
    let name = serde_json::to_value(variant).ok();
    name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Says what schemas leave out, in all of the document: the most that numbers can be. Documentation
/// is rid of what only rustdoc reads.
pub(super) fn polish(value: &mut Value) {
    match value {
        Value::Object(object) => {
            bound(object);
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = prose(text);
            }
            object.values_mut().for_each(polish);
        }
        Value::Array(items) => items.iter_mut().for_each(polish),
        _ => {}
    }
}

fn bound(schema: &mut Map<String, Value>) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => u64::from(u8::MAX),
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => u64::MAX,
        _ => return,
    };
    schema.entry("maximum").or_insert(most.into());
}

/// Text without rustdoc's links, ``[`Name`](path)`` for `` `Name` ``, and a line for each paragraph.
fn prose(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, behind)) = link.split_once("`]") else { break };
        plain.push_str(&format!("{before}`{name}`"));
        let target = behind.strip_prefix('(').and_then(|target| target.split_once(')'));
        rest = target.map_or(behind, |(_, behind)| behind);
    }
    plain.push_str(rest);
    let paragraphs: Vec<_> = plain.split("\n\n").map(|text| text.replace('\n', " ")).collect();
    paragraphs.join("\n\n").replace("`None`", "`null`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_prose() {
        let text = "With [`Code::Late`](super::Code),\n[`MAX`] or `None`,\n\n[not] one [`of";
        assert_eq!(prose(text), "With `Code::Late`, `MAX` or `null`,\n\n[not] one [`of");
    }
}
