//! What an answer that is no success means.

use kube::Error;

use crate::driver::DriverError;

/// Why a request was not carried out.
#[derive(Debug)]
pub(in crate::kubernetes) enum Failure {
    /// It does not exist, or not any more (404, 410).
    Gone,
    /// Somebody else has written meanwhile (409).
    Conflict,
    Other(DriverError),
}

impl Failure {
    /// Of a request that needs this permission, `patch pods/resize` for instance.
    pub fn of(error: Error, permission: &str) -> Self {
        let status = match error {
            Error::Api(status) => status,
            other => return Self::Other(DriverError::ClusterAway { told: sentence(&other) }),
        };
        let told = if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
        match status.code {
            404 | 410 => Self::Gone,
            409 => Self::Conflict,
            // A quota forbids, too, and that is no question of permissions.
            403 if !told.contains(" cannot ") => Self::Other(DriverError::ClusterRefused { told }),
            401 | 403 => Self::Other(DriverError::PermissionMissing { permission: permission.to_owned(), told }),
            429 | 500..=599 => Self::Other(DriverError::ClusterAway { told: format!("{} {told}", status.code) }),
            _ => Self::Other(DriverError::ClusterRefused { told }),
        }
    }
}

/// An error with what lies under it, which says more than its first line.
fn sentence(error: &Error) -> String {
    let mut told = error.to_string();
    let mut under = std::error::Error::source(error);
    while let Some(error) = under {
        let more = error.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        under = error.source();
    }
    told
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Other(error)
    }
}
