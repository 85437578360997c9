//! The HTTP client of commands that speak with a server elsewhere.

/// Trusts what the host trusts; `SSL_CERT_FILE` names other certificates.
pub fn client() -> reqwest::ClientBuilder {
    // Another part of the process may have chosen it before.
    let _known = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
