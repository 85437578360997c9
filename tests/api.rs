//! An HTTP client for one actor; every answer is kept whole, errors included.
use anyhow::{Context, ensure};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// One actor's view of a server.
#[derive(Clone, Debug)]
pub struct Api {
    pub http: reqwest::Client,
    pub url: String,
    /// API key or access token; `None` is nobody.
    pub bearer: Option<String>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    /// The `code` of a problem document.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// The JSON of a success; anything else is an error that quotes the answer.
    pub fn ok(&self) -> anyhow::Result<Value> {
        ensure!(self.is_success(), "the server answered {}: {}", self.status, self.text);
        Ok(self.json())
    }
    /// The id of the object that came back.
    pub fn id(&self) -> anyhow::Result<String> {
        Ok(self.ok()?["id"].as_str().context("the answer has no id")?.to_owned())
    }
    /// Whether it is an RFC 9457 problem with everything that belongs to one.
    pub fn is_problem(&self) -> bool {
        let body = self.json();
        let texts = ["type", "title", "detail", "code", "request_id"];
        self.header("content-type").starts_with("application/problem+json")
            && texts.iter().all(|name| body[*name].is_string())
            && body["errors"].is_array()
            && body["status"].as_u64() == Some(u64::from(self.status))
    }
    /// The pointers of a problem's `errors`.
    pub fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().filter_map(|e| e["pointer"].as_str().map(str::to_owned)).collect()
    }
}

/// A client of a test: the process needs to choose its cryptography once, also where nothing is encrypted.
pub fn client() -> reqwest::ClientBuilder {
    let _known = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

impl Api {
    pub fn new(url: &str, bearer: Option<&str>) -> Self {
        let client = client().timeout(std::time::Duration::from_secs(600)).build();
        Self { http: client.unwrap_or_default(), url: url.to_owned(), bearer: bearer.map(str::to_owned) }
    }
    /// The same connection pool for another actor.
    pub fn with(&self, bearer: Option<&str>) -> Self {
        Self { http: self.http.clone(), url: self.url.clone(), bearer: bearer.map(str::to_owned) }
    }
    /// Sends a request with the actor's key; `headers` may replace it.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Reply> {
        let mut request = self.http.request(Method::from_bytes(method.as_bytes())?, format!("{}{path}", self.url));
        let own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(bearer) = self.bearer.as_ref().filter(|_| !own) {
            request = request.bearer_auth(bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let endless = headers.get("content-type").is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"));
        let text = if endless { String::new() } else { response.text().await? };
        Ok(Reply { status, headers, text })
    }
    async fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> anyhow::Result<Reply> {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(method, path, &all, Some(serde_json::to_vec(body)?)).await
    }
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("GET", path, &[], None).await
    }
    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("DELETE", path, &[], None).await
    }
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.json("POST", path, &[], body).await
    }
    /// A POST without a body.
    pub async fn act(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("POST", path, &[], None).await
    }
    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Reply> {
        self.json("POST", path, &[("idempotency-key", key)], body).await
    }
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.json("PUT", path, &[], body).await
    }
    /// A PUT of what has versions, over whichever there is, or over one that was read.
    pub async fn put_over(&self, version: &str, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.json("PUT", path, &[("if-match", version)], body).await
    }
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.json("PATCH", path, &[], body).await
    }
    /// All objects of a list, page by page, oldest first.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit=500&order=asc{after}")).await?.ok()?;
            all.extend(page["data"].as_array().context("a list without data")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => after = format!("&starting_after={cursor}"),
                None => return Ok(all),
            }
        }
    }
    /// Moves a simulated clock; the answer comes when all that is due has been done.
    pub async fn advance(&self, seconds: i64) -> anyhow::Result<()> {
        self.post("/v1/sandbox/clock/advance", &serde_json::json!({ "seconds": seconds })).await?.ok().map(|_| ())
    }
}
