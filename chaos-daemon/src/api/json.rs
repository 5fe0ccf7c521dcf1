//! Answers in JSON.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use lightvm::api::ErrorCode;
use serde::Serialize;

use super::ApiError;

/// An answer in JSON. As axum's of this name, but made in one piece.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => {
                let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
                ([kind], text).into_response()
            }
            Err(e) => {
                let why = format!("the answer cannot be said in JSON: {e}");
                ApiError::new(ErrorCode::Internal, why).into_response()
            }
        }
    }
}
