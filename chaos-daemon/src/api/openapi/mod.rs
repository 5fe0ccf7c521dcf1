//! `/v1/openapi.json`: the API as an `OpenAPI` 3.1 document, made of the routes and of the types'
//! schemas. `docs/openapi.json` is the same document.

mod schema;

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use lightvm::api::{DEFAULT_SOCKET, ErrorAnswer, ErrorCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::operation::{Body, Content, Header, Operation, SchemaOf, Success};
use super::routes::{self, Route};

/// The document.
static TEXT: LazyLock<String> = LazyLock::new(|| text(&routes::all()));

/// Answers with the document.
pub(super) async fn show() -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

fn text(routes: &[Route]) -> String {
    let mut text = serde_json::to_string_pretty(&document(routes)).unwrap_or_default();
    text.push('\n');
    text
}

const ABOUT: &str = "Guests of a Xen host, their devices, the pool of shells and networks, over HTTP/1.1 on a Unix socket. \
    Root and members of configured groups may connect. A request's head has 16 KiB at most (431, without a body, \
    otherwise), its body 4 MiB, within 30 s. Paths that mean nothing are answered 404, and methods that do nothing at \
    a path 405 with `Allow`, both with an `ErrorAnswer`. `GET` paths take `HEAD` too. Names that end in `_ms` are \
    milliseconds, in `_ns` nanoseconds; sizes are bytes.";

fn document(routes: &[Route]) -> Value {
    let mut generator = schema::generator();
    let failed = failures(&mut generator);
    let paths: Map<_, _> =
        routes.iter().map(|route| (route.path.to_owned(), path(route, &mut generator))).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "lightvm",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "http://lightvm", "description": format!("On {DEFAULT_SOCKET}.")}],
        "paths": paths,
        "components": {"responses": failed, "schemas": generator.take_definitions(true)},
    });
    schema::polish(&mut document);
    document
}

fn path(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut item: Map<_, _> = route
        .operations
        .iter()
        .map(|it| (it.method.as_str().to_lowercase(), operation(it, generator)))
        .collect();
    let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<_> = parts.map(path_parameter).collect();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    item.into()
}

fn path_parameter(name: &str) -> Value {
    let (description, schema) = match name {
        "guest" => ("Its name, UUID or domain number.", json!({"type": "string", "minLength": 1})),
        "index" => (
            "The device's number among the guest's of its kind.",
            json!({"type": "integer", "minimum": 0, "maximum": u8::MAX}),
        ),
        "number" => {
            ("The flavour's number.", json!({"type": "integer", "format": "uint64", "minimum": 0}))
        }
        _ => ("Its name.", json!({"type": "string", "minLength": 1})),
    };
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

fn operation(it: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut said = json!({"operationId": it.id, "summary": it.summary});
    let queries = it.query.map(|query| query_parameters(query, generator)).unwrap_or_default();
    let headers = it.headers.iter().map(header);
    let parameters: Vec<_> = queries.into_iter().chain(headers).collect();
    if !parameters.is_empty() {
        said["parameters"] = parameters.into();
    }
    if let Some(Body { schema, required }) = it.body {
        let content = json!({"application/json": {"schema": schema(generator)}});
        said["requestBody"] = json!({"required": required, "content": content});
    }
    let answers = it.answers.iter().map(|it| (it.status.to_string(), success(it, generator)));
    let mut answers: Map<_, _> = answers.collect();
    for code in &it.codes {
        let status = code.status().to_string();
        let response = json!({"$ref": format!("#/components/responses/{status}")});
        answers.insert(status, response);
    }
    said["responses"] = answers.into();
    said
}

/// A parameter for each field of a query's type.
fn query_parameters(query: SchemaOf, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = query(generator);
    let fields = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({"name": name, "in": "query", "description": description, "schema": schema})
    };
    fields.into_iter().flatten().map(parameter).collect()
}

fn header(it: &Header) -> Value {
    json!({
        "name": it.name,
        "in": "header",
        "required": it.required,
        "description": it.description,
        "schema": {"type": "string", "pattern": it.pattern},
    })
}

fn success(it: &Success, generator: &mut SchemaGenerator) -> Value {
    let description = match it.status {
        101 => "The connection is the console's from here on.",
        201 => "Made.",
        204 => "Done.",
        _ => "As asked.",
    };
    let content = match it.content {
        Content::Nothing => return json!({"description": description}),
        Content::Json(schema) => json!({"application/json": {"schema": schema(generator)}}),
        Content::Bytes(kind) => json!({kind: {}}),
        // There is no word for it before OpenAPI 3.2, whose name for it this is.
        Content::Lines(kind, schema) => json!({kind: {"x-itemSchema": schema(generator)}}),
    };
    json!({"description": description, "content": content})
}

/// An answer for each status of errors: which codes come with it, and what they mean.
fn failures(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let schema = json!(generator.subschema_for::<ErrorAnswer>());
    let mut meanings: Map<String, Value> = Map::new();
    for (code, meaning) in codes(generator) {
        let text = format!("`{}`: {meaning}", schema::name(code));
        meanings
            .entry(code.status().to_string())
            .and_modify(|said| *said = format!("{}\n\n{text}", said.as_str().unwrap_or("")).into())
            .or_insert(text.into());
    }
    let response = |description| json!({"description": description, "content": {"application/json": {"schema": schema}}});
    meanings.into_iter().map(|(status, meaning)| (status, response(meaning))).collect()
}

/// Every code of errors, and what its type's documentation says of it.
fn codes(generator: &mut SchemaGenerator) -> Vec<(ErrorCode, String)> {
    let schema = <ErrorCode as schemars::JsonSchema>::json_schema(generator);
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let read = |variant: &Value| {
        let code = serde_json::from_value(variant.get("const")?.clone()).ok()?;
        Some((code, variant.get("description")?.as_str()?.to_owned()))
    };
    variants.filter_map(read).collect()
}

#[cfg(test)]
mod tests;
