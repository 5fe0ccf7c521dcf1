//! What comes with a request, read within limits and refused with a reason.

use std::time::Duration;

use axum::RequestExt;
use axum::body::{Bytes, HttpBody as _};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use lightvm::api::{CreateRequest, ErrorCode, KEY_HEADER};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Answer, ApiError};
use crate::guests::{KeyClaim, NoKey, digest};

/// The most bytes of a request's body.
pub(super) const MAX_BODY: usize = 4 << 20;

/// How long a client may take to send a body.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What a path's variable parts say.
pub(super) struct At<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<At<T>> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(said) = path.map_err(|e| ApiError::new(ErrorCode::BadRequest, e.body_text()))?;
        Ok(At(said))
    }
}

/// The bytes of a body.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Answer<Raw> {
        if request.body().size_hint().lower() > MAX_BODY as u64 {
            return Err(too_large());
        }
        let read = timeout(PATIENCE, request.with_limited_body().extract::<Bytes, _>()).await;
        match read {
            Ok(Ok(bytes)) => Ok(Raw(bytes)),
            Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(
                _,
            )))) => Err(too_large()),
            Ok(Err(e)) => Err(ApiError::new(ErrorCode::BadRequest, e.body_text())),
            Err(_) => {
                let why = format!("the request's body did not come within {PATIENCE:?}");
                Err(ApiError::new(ErrorCode::TooSlow, why))
            }
        }
    }
}

fn too_large() -> ApiError {
    let why = format!("the request's body has more than {MAX_BODY} bytes");
    ApiError::new(ErrorCode::TooLarge, why)
}

/// A body in JSON.
pub(super) struct JsonBody<T> {
    /// What it says.
    pub(super) value: T,
    /// The [`digest`] of its bytes.
    pub(super) digest: u64,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Answer<JsonBody<T>> {
        check_json(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let value = read(&bytes)?;
        Ok(JsonBody { value, digest: digest(&bytes) })
    }
}

/// A body in JSON, or none, which asks for nothing in particular.
pub(super) struct MaybeJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Answer<MaybeJson<T>> {
        let kind = check_json(request.headers());
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(MaybeJson(T::default()));
        }
        kind?;
        read(&bytes).map(MaybeJson)
    }
}

fn check_json(headers: &HeaderMap) -> Answer<()> {
    let why = "the body has to be `content-type: application/json`";
    let no = || ApiError::new(ErrorCode::BadRequest, why);
    says_json(headers.get(CONTENT_TYPE)).then_some(()).ok_or_else(no)
}

fn says_json(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Reads a JSON object: what is no JSON is a bad request, what is of another kind than expected bad
/// input.
fn read<T: DeserializeOwned>(json: &[u8]) -> Answer<T> {
    // Serde would take an array for the parts of a struct in their order.
    if json.trim_ascii_start().starts_with(b"[") {
        let why = "the request's body has to be a JSON object";
        return Err(ApiError::new(ErrorCode::BadInput, why));
    }
    serde_json::from_slice(json).map_err(|e| {
        let code = match e.classify() {
            serde_json::error::Category::Data => ErrorCode::BadInput,
            _ => ErrorCode::BadRequest,
        };
        ApiError::new(code, format!("the request's body is not understood: {e}"))
    })
}

/// The claim of a request with a key, if it has one.
pub(super) fn claim(headers: &HeaderMap, digest: u64) -> Answer<Option<KeyClaim>> {
    let mut keys = headers.get_all(KEY_HEADER).iter();
    let bad = |why: String| ApiError::new(ErrorCode::BadRequest, why);
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => {
            let key = key.to_str().unwrap_or_default().parse();
            let key = key.map_err(|e: NoKey| bad(e.to_string()))?;
            Ok(Some(KeyClaim::now(key, digest)))
        }
        (Some(_), Some(_)) => Err(bad(format!("more than one {KEY_HEADER}"))),
    }
}

/// The claim of one of a batch's requests.
pub(super) fn part(batch: &KeyClaim, index: usize, request: &CreateRequest) -> Answer<KeyClaim> {
    let key = format!("{}/{index}", batch.key).parse();
    let key = key.map_err(|e: NoKey| {
        ApiError::new(
            ErrorCode::BadRequest,
            format!("{e}, with the number of each guest behind it"),
        )
    })?;
    let json = serde_json::to_vec(request).unwrap_or_default();
    Ok(KeyClaim::now(key, digest(&json)))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use lightvm::api::StopRequest;

    use super::*;

    async fn stop(kind: &str, body: &'static str) -> Result<StopRequest, u16> {
        let request = Request::builder().header(CONTENT_TYPE, kind).body(Body::from(body)).unwrap();
        match MaybeJson::from_request(request, &()).await {
            Ok(MaybeJson(how)) => Ok(how),
            Err(no) => Err(no.into_body().code.status()),
        }
    }

    #[tokio::test]
    async fn a_body_may_be_left_out_and_is_json_otherwise() {
        let forced = StopRequest { timeout_ms: None, force: true };
        assert_eq!(stop("application/json; charset=utf-8", "{\"force\":true}").await, Ok(forced));
        assert_eq!(stop("text/plain", "").await, Ok(StopRequest::default()));
        assert_eq!(stop("text/plain", "{}").await, Err(400));
        assert_eq!(stop("application/json", "{").await, Err(400));
        assert_eq!(stop("application/json", "null").await, Err(422));
    }

    #[tokio::test]
    async fn an_array_is_no_object() {
        assert_eq!(stop("application/json", " [5, true]").await, Err(422));
        assert_eq!(stop("application/json", "[]").await, Err(422));
    }
}
