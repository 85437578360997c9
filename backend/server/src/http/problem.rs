//! Errors as RFC 9457 problems: the one file that maps refusals and faults to HTTP.
//!
//! Every problem says what was wrong, where, and what to do next; a fault of ours is logged
//! once, where it is made a failure (`app/failure.rs`), and shows only its request id.
use crate::app::failure::{Because, Failure, Later};
use crate::sequencer::Busy;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::book::Rejection;
use headroom_market::refusal::{Refusal, RefusalKind};
use headroom_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// One field at fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the body, or the name of a query parameter or header.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

/// RFC 9457 problem document, `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// A page under `/docs/errors/`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// Stable and machine-readable; unknown values must be tolerated.
    pub code: String,
    pub errors: Vec<FieldProblem>,
    /// The path that was asked for.
    pub instance: String,
    pub request_id: String,
}

#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub code: String,
    pub detail: String,
    pub errors: Vec<FieldProblem>,
    pub retry_after_seconds: Option<u32>,
}

pub type Answered<T> = Result<T, Problem>;

impl Problem {
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), detail: detail.into(), errors: Vec::new(), retry_after_seconds: None }
    }
    /// A field of the body or the query is wrong.
    pub fn field(code: &str, pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone());
        problem.errors.push(FieldProblem { pointer: pointer.to_owned(), code: code.to_owned(), detail });
        problem
    }
    /// Names what else is wrong with an order beside what was refused first; a field at most once.
    pub fn also(&mut self, faults: Vec<Rejection>) {
        for fault in faults {
            let pointer = fault.pointer();
            if !pointer.is_empty() && self.errors.iter().all(|known| known.pointer != pointer) {
                self.errors.push(FieldProblem { pointer, code: fault.code().to_owned(), detail: fault.detail() });
            }
        }
    }
    pub fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}. Check the id; objects of other participants are not shown.");
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }
    pub fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }
    /// A fault of ours: logged with its cause, shown without it.
    pub fn fault(cause: &dyn std::fmt::Display) -> Self {
        Failure::fault(cause).into()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalKind::NotFound => StatusCode::NOT_FOUND,
            RefusalKind::Conflict => StatusCode::CONFLICT,
            RefusalKind::StaleVersion => StatusCode::PRECONDITION_FAILED,
            RefusalKind::Payment => StatusCode::PAYMENT_REQUIRED,
        };
        let mut problem = Problem::new(status, refusal.code, refusal.detail.clone());
        if !refusal.pointer.is_empty() {
            let (pointer, code, detail) = (refusal.pointer, refusal.code.to_owned(), refusal.detail);
            problem.errors.push(FieldProblem { pointer, code, detail });
        }
        problem
    }
}

impl From<Later> for Problem {
    fn from(later: Later) -> Self {
        let status = match later.because {
            Because::OfTheExchange => StatusCode::SERVICE_UNAVAILABLE,
            Because::OfTheAsker => StatusCode::TOO_MANY_REQUESTS,
        };
        let mut problem = Problem::new(status, later.code, later.detail);
        problem.retry_after_seconds = Some(later.seconds);
        problem
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Later(later) => later.into(),
            Failure::Fault => {
                let detail = "The server failed. Try again; if it goes on, tell the operator the request id.";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
            }
        }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        Failure::from(busy).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

fn title(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Error").to_owned()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            kind: format!("/docs/errors/{}", self.code),
            title: title(self.status),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            errors: self.errors,
            instance: crate::http::request_id::path(),
            request_id: crate::http::request_id::current(),
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // What is left of the body is not read: the next request needs another connection.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The error responses of every operation, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "names the responses in the OpenAPI document; never built")]
pub enum Problems {
    /// The request can't be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemDocument),
    /// No, expired or unknown credentials.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemDocument),
    /// The role or the scope does not allow it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemDocument),
    /// No such object, or somebody else's.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemDocument),
    /// It does not fit the present state.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemDocument),
    /// A field is missing or wrong; `errors` names each.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(ProblemDocument),
    /// Too many requests; see Retry-After.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemDocument),
    /// Overloaded or stopping; see Retry-After.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
}

/// The error response of operations that take money.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "names the responses in the OpenAPI document; never built")]
pub enum Unpaid {
    /// The participant has not enough credits available.
    #[response(status = 402, content_type = "application/problem+json")]
    PaymentRequired(ProblemDocument),
}
