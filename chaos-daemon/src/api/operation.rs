//! What can be said of a request: what it takes and every answer to it.

use axum::http::Method;
use lightvm::api::ErrorCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A request.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// Its name in the document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// The type of its query, a struct.
    pub(super) query: Option<SchemaOf>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Body>,
    /// How it can be carried out.
    pub(super) answers: Vec<Success>,
    /// Why it may not be.
    pub(super) codes: Vec<ErrorCode>,
}

/// A header that a request can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) pattern: &'static str,
    pub(super) required: bool,
}

/// A body in JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) schema: SchemaOf,
    pub(super) required: bool,
}

/// An answer that is no error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) content: Content,
}

/// What an answer has in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    Nothing,
    Json(SchemaOf),
    /// Something else, of this type.
    Bytes(&'static str),
    /// A JSON value a line, of this type.
    Lines(&'static str, SchemaOf),
}

/// What every request can meet: a client that may not, a bug, too many connections.
const ALWAYS: [ErrorCode; 3] = [ErrorCode::Forbidden, ErrorCode::Internal, ErrorCode::Busy];

/// What every body can meet.
const OF_BODIES: [ErrorCode; 4] =
    [ErrorCode::BadRequest, ErrorCode::BadInput, ErrorCode::TooSlow, ErrorCode::TooLarge];

impl Operation {
    /// A request that takes nothing.
    pub(super) fn new(method: Method, id: &'static str, summary: &'static str) -> Operation {
        Operation {
            method,
            id,
            summary,
            query: None,
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: ALWAYS.to_vec(),
        }
    }

    pub(super) fn query<T: JsonSchema>(mut self) -> Operation {
        // By itself, not as a reference.
        self.query = Some(T::json_schema);
        self.fails(&[ErrorCode::BadRequest])
    }

    pub(super) fn header(mut self, header: Header) -> Operation {
        self.headers.push(header);
        self.fails(&[ErrorCode::BadRequest])
    }

    /// With a body.
    pub(super) fn takes<T: JsonSchema>(self) -> Operation {
        self.body::<T>(true)
    }

    /// With a body that may be left out.
    pub(super) fn may_take<T: JsonSchema>(self) -> Operation {
        self.body::<T>(false)
    }

    fn body<T: JsonSchema>(mut self, required: bool) -> Operation {
        self.body = Some(Body { schema: SchemaGenerator::subschema_for::<T>, required });
        self.fails(&OF_BODIES)
    }

    /// Is answered with JSON.
    pub(super) fn answers<T: JsonSchema>(self, status: u16) -> Operation {
        self.with(status, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// Is answered with lines of JSON.
    pub(super) fn answers_lines<T: JsonSchema>(self, kind: &'static str) -> Operation {
        self.with(200, Content::Lines(kind, SchemaGenerator::subschema_for::<T>))
    }

    /// Is answered with something else.
    pub(super) fn answers_bytes(self, kind: &'static str) -> Operation {
        self.with(200, Content::Bytes(kind))
    }

    /// Is answered with a status alone.
    pub(super) fn answers_nothing(self, status: u16) -> Operation {
        self.with(status, Content::Nothing)
    }

    fn with(mut self, status: u16, content: Content) -> Operation {
        self.answers.push(Success { status, content });
        self
    }

    /// May fail so, besides what every request and every body can meet.
    pub(super) fn fails(mut self, codes: &[ErrorCode]) -> Operation {
        self.codes.extend(codes);
        self
    }
}
