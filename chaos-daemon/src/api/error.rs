//! How the API says no.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use lightvm::api::{ErrorAnswer, ErrorBody, ErrorCode};

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
}

impl From<GuestError> for ApiError {
    fn from(error: GuestError) -> ApiError {
        let (code, hint) = (error.code(), error.hint().map(str::to_owned));
        ApiError { code, message: error.to_string(), hint }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> ApiError {
        let code = match error {
            JsonRejection::JsonDataError(_) => ErrorCode::BadInput,
            _ => ErrorCode::BadRequest,
        };
        ApiError::new(code, error.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(error: QueryRejection) -> ApiError {
        ApiError::new(ErrorCode::BadRequest, error.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ApiError { code, message, hint } = self;
        let status = StatusCode::from_u16(code.status());
        let body = ErrorAnswer { error: ErrorBody { code, message, hint } };
        (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
    }
}

/// Any path that means nothing.
pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is nothing at {}", uri.path()))
}
