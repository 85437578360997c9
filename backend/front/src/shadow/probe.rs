//! Requests of the front's own: a service that hardly anybody calls is compared by them.
use super::Shadow;
use crate::backend::Backend;
use crate::body::RequestBody;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use std::sync::Arc;
use std::time::Duration;

/// Names these requests, as `User-Agent`.
pub(crate) const NAME: HeaderValue = HeaderValue::from_static("headroom-probe");
/// Clients come first: what they send says more.
const BEFORE_FIRST: Duration = Duration::from_secs(3);
/// Between two probes while there is too little to say.
const WHILE_LACKING: Duration = Duration::from_millis(20);
/// Between two probes after that: who decides later sees that the copy still answers.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Asks the front itself for the paths of the rules in turn, as a client would, until the shadow run ends.
pub(crate) async fn ask(front: Arc<Backend>, shadow: Arc<Shadow>) {
    tokio::time::sleep(BEFORE_FIRST).await;
    for path in shadow.rules.probes.iter().cycle() {
        if shadow.has_ended() {
            return;
        }
        if let Some(request) = request(&front, path) {
            answered(&front, request).await;
        }
        let is_enough = shadow.report().compared >= shadow.rules.min_compared;
        tokio::time::sleep(if is_enough { AFTERWARDS } else { WHILE_LACKING }).await;
    }
}

fn request(front: &Backend, path: &str) -> Option<Request<RequestBody>> {
    let mut request = Request::get(path).body(RequestBody::Whole(None)).ok()?;
    let host = HeaderValue::from_str(&front.address.to_string()).ok()?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, NAME);
    Some(request)
}

/// Reads the answer to its end: only then is it compared. How it answers is the comparison's business.
async fn answered(front: &Arc<Backend>, request: Request<RequestBody>) {
    let Ok(mut sent) = front.send(request).await else { return };
    while let Some(Ok(_)) = sent.response.body_mut().frame().await {}
    if let Some(lease) = sent.lease {
        lease.give_back();
    }
}
