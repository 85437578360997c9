//! What a caller of the front may have done wrong.
use crate::shadow::RuleFault;
use std::net::SocketAddr;

/// A shadow run that cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontError {
    /// The rules mean nothing.
    #[error(transparent)]
    Rules(#[from] RuleFault),
    /// The copy is the service itself.
    #[error("{0} is where the service runs; a copy runs elsewhere")]
    CopyIsActive(SocketAddr),
    /// Another shadow run goes on, or one with other rules.
    #[error("the copy at {copy} is compared already; drop that shadow run before another one begins")]
    OtherShadow {
        /// Where that copy is reached.
        copy: SocketAddr,
    },
}
