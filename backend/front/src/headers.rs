//! Heads of requests and answers as they go on: pure.
use crate::options::Protocol;
use hyper::header::{
    CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Uri, Version};
use std::net::{IpAddr, SocketAddr};

/// Headers that are for one connection. `Transfer-Encoding` is written anew where a body needs it.
const OF_ONE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Makes a client's head the head for a backend.
pub(crate) fn for_backend(head: &mut Parts, client: IpAddr, backend: SocketAddr, protocol: Protocol) {
    let host = host(head).unwrap_or_else(|| backend.to_string());
    let takes_trailers = head.headers.get(TE).is_some_and(|te| has_word(te, "trailers"));
    remove_of_one_connection(&mut head.headers);
    // The front itself tells a client to go on with its body.
    head.headers.remove(EXPECT);
    forward(&mut head.headers, client, &host);
    let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    match protocol {
        Protocol::Http1 => {
            head.version = Version::HTTP_11;
            head.uri = Uri::from(path);
            if let Ok(host) = HeaderValue::from_str(&host) {
                head.headers.insert(HOST, host);
            }
            join_cookies(&mut head.headers);
        }
        Protocol::Http2 => {
            head.version = Version::HTTP_2;
            head.uri = with_authority(path, &host, backend);
            head.headers.remove(HOST);
            if takes_trailers {
                head.headers.insert(TE, HeaderValue::from_static("trailers"));
            }
        }
    }
}

/// Makes a backend's headers those for a client.
pub(crate) fn for_client(headers: &mut HeaderMap) {
    remove_of_one_connection(headers);
}

/// The protocol that a request wants to go on with, where that is a tunnel.
pub(crate) fn wanted_upgrade(version: Version, headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(UPGRADE)?;
    let is_asked = headers.get_all(CONNECTION).iter().any(|value| has_word(value, "upgrade"));
    // HTTP/2 that is offered on the way is declined: the request is answered as it is.
    let is_tunnel = version == Version::HTTP_11 && is_asked && !has_word(wanted, "h2c");
    is_tunnel.then(|| wanted.clone())
}

/// Asks for a tunnel again, for the next connection.
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// The host that the client asked for. A target with a host in it counts before the header.
fn host(head: &Parts) -> Option<String> {
    let in_header = || head.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    head.uri.authority().map(|authority| authority.as_str().to_owned()).or_else(in_header)
}

fn has_word(value: &HeaderValue, word: &str) -> bool {
    value.to_str().is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
}

fn remove_of_one_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
}

/// Adds the client to those for whom the request came so far.
fn forward(headers: &mut HeaderMap, client: IpAddr, host: &str) {
    let client = client.to_canonical();
    append(headers, X_FORWARDED_FOR, &client.to_string());
    let node = if client.is_ipv6() { format!("\"[{client}]\"") } else { client.to_string() };
    // A host with a quote or a backslash in it would end the quoted text.
    let host = if host.contains(['"', '\\']) { String::new() } else { format!(";host=\"{host}\"") };
    append(headers, FORWARDED, &format!("for={node}{host};proto=http"));
}

fn append(headers: &mut HeaderMap, name: HeaderName, last: &str) {
    let before: Vec<&str> = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok()).collect();
    let all = [before.as_slice(), &[last]].concat().join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(name, value);
    }
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 has one header of them.
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice())) {
        headers.insert(COOKIE, joined);
    }
}

fn with_authority(path: PathAndQuery, host: &str, backend: SocketAddr) -> Uri {
    let authority = Authority::try_from(host).or_else(|_| Authority::try_from(backend.to_string()));
    let mut parts = hyper::http::uri::Parts::default();
    if let Ok(authority) = authority {
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
    }
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn through(protocol: Protocol, uri: &str, headers: &[(&str, &str)]) -> anyhow::Result<Parts> {
        let builder = headers.iter().fold(Request::builder().uri(uri), |b, (name, value)| b.header(*name, *value));
        let mut head = builder.body(())?.into_parts().0;
        for_backend(&mut head, "10.0.0.7".parse()?, "127.0.0.1:80".parse()?, protocol);
        Ok(head)
    }

    fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
        head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn headers_of_one_connection_do_not_go_on() -> anyhow::Result<()> {
        let sent = [
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("proxy-authorization", "Basic"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("accept", "a/b"),
        ];
        let head = through(Protocol::Http1, "/a", &sent)?;
        let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "forwarded", "host", "x-forwarded-for"]);
        assert_eq!(text(&through(Protocol::Http2, "/a", &sent)?, "te"), Some("trailers"));
        Ok(())
    }

    #[test]
    fn a_client_is_added_to_those_before_it() -> anyhow::Result<()> {
        let head = through(Protocol::Http1, "/", &[("x-forwarded-for", "1.2.3.4"), ("host", "a.example")])?;
        assert_eq!(text(&head, "x-forwarded-for"), Some("1.2.3.4, 10.0.0.7"));
        assert_eq!(text(&head, "forwarded"), Some("for=10.0.0.7;host=\"a.example\";proto=http"));
        Ok(())
    }

    #[test]
    fn the_host_is_the_one_that_the_client_asked_for() -> anyhow::Result<()> {
        let asked = "http://b.example/x?y=1";
        let head = through(Protocol::Http1, asked, &[("host", "a.example"), ("cookie", "a=1"), ("cookie", "b=2")])?;
        assert_eq!((text(&head, "host"), head.uri.to_string().as_str()), (Some("b.example"), "/x?y=1"));
        assert_eq!(text(&head, "cookie"), Some("a=1; b=2"));
        assert_eq!(through(Protocol::Http2, asked, &[])?.uri.to_string(), asked);
        let head = through(Protocol::Http1, "/", &[])?;
        assert_eq!(text(&head, "host"), Some("127.0.0.1:80"));
        Ok(())
    }

    #[test]
    fn only_another_protocol_than_http_is_a_tunnel() {
        let headers = |connection: &'static str, upgrade: &'static str| {
            let [connection, upgrade] = [connection, upgrade].map(HeaderValue::from_static);
            HeaderMap::from_iter([(CONNECTION, connection), (UPGRADE, upgrade)])
        };
        assert!(wanted_upgrade(Version::HTTP_11, &headers("keep-alive, Upgrade", "websocket")).is_some());
        assert!(wanted_upgrade(Version::HTTP_11, &headers("upgrade, http2-settings", "h2c")).is_none());
        assert!(wanted_upgrade(Version::HTTP_11, &headers("keep-alive", "websocket")).is_none());
        assert!(wanted_upgrade(Version::HTTP_10, &headers("upgrade", "websocket")).is_none());
    }
}
