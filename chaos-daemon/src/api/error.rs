//! How the API says no.

use axum::extract::rejection::QueryRejection;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use lightvm::api::{ErrorAnswer, ErrorBody, ErrorCode};

use super::json::Json;
use crate::guests::GuestError;

/// A request that was not carried out.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
}

impl ApiError {
    /// An error without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ApiError {
        ApiError { code, message: message.into(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> ApiError {
        ApiError { hint: Some(hint.into()), ..self }
    }

    /// What the answer says.
    pub(super) fn into_body(self) -> ErrorBody {
        let ApiError { code, message, hint } = self;
        ErrorBody { code, message, hint }
    }

    /// The body of the answer.
    pub(super) fn into_json(self) -> String {
        serde_json::to_string(&ErrorAnswer { error: self.into_body() }).unwrap_or_default()
    }
}

impl From<GuestError> for ApiError {
    fn from(error: GuestError) -> ApiError {
        let (code, hint) = (error.code(), error.hint().map(str::to_owned));
        ApiError { code, message: error.to_string(), hint }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(error: QueryRejection) -> ApiError {
        ApiError::new(ErrorCode::BadRequest, error.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let body = ErrorAnswer { error: self.into_body() };
        (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
    }
}

/// Any path that means nothing.
pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is nothing at {}", uri.path()))
}

/// A path that means something, and nothing with this method.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(ErrorCode::BadMethod, format!("{method} does nothing at {}", uri.path()))
}
