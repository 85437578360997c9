//! Which requests may be mirrored: pure, and in doubt no.
//!
//! A server may read `//logout`, `/%6Cogout`, `/x/../logout` and `/;a/logout` as `/logout`. So rules look at the path that
//! all of those mean. A path that servers read in different ways is held back.
use super::rules::Rules;
use hyper::{HeaderMap, Method};

/// Why a request is held back from the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeldBack {
    /// Its method is not in the rules, or it asks for another one.
    Method,
    /// Its path is held back, is not in the rules, or can be read in several ways.
    Path,
}

/// Headers by which servers of some frameworks take another method.
const OTHER_METHOD: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
/// The part of a query that does the same.
const OTHER_METHOD_IN_QUERY: &str = "_method=";

/// Whether the rules let a request through to the copy.
pub(crate) fn may_be_mirrored(
    rules: &Rules,
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), HeldBack> {
    let other = OTHER_METHOD.iter().any(|name| headers.contains_key(*name))
        || query.is_some_and(|q| q.to_ascii_lowercase().contains(OTHER_METHOD_IN_QUERY));
    if other || !rules.methods.iter().any(|m| m == method.as_str()) {
        return Err(HeldBack::Method);
    }
    // `OPTIONS *` asks for the server, not for a path.
    let path = if path == "*" { "/".to_owned() } else { plain(path).ok_or(HeldBack::Path)? };
    let folded = path.to_lowercase();
    let held = rules.held_paths.iter().any(|beginning| folded.starts_with(&beginning.to_lowercase()));
    let allowed = rules.paths.iter().any(|above| is_below(&path, above));
    if held || !allowed { Err(HeldBack::Path) } else { Ok(()) }
}

/// Whether a path is `above` or below it, by whole segments.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.strip_suffix('/').unwrap_or(above);
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path that is meant: escapes read, parameters, empty segments and dots removed. Nothing where that is not certain.
fn plain(path: &str) -> Option<String> {
    let mut segments: Vec<String> = Vec::new();
    let mut parts = path.strip_prefix('/')?.split('/').peekable();
    while let Some(part) = parts.next() {
        let name = read_escapes(part)?;
        let name = name.split(';').next().unwrap_or_default();
        match name {
            ".." => drop(segments.pop()),
            // A slash at the end stays, for rules that end with one.
            "" | "." if parts.peek().is_none() => segments.push(String::new()),
            "" | "." => {}
            name => segments.push(name.to_owned()),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// A segment with its escapes read. Nothing for a broken escape, and for what would be read in several ways: a slash, a
/// backslash, a control character, or an escape within the result.
fn read_escapes(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut read = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { digit(bytes.next()?)? * 16 + digit(bytes.next()?)? } else { byte };
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'%') {
            return None;
        }
        read.push(byte);
    }
    String::from_utf8(read).ok()
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rules: &Rules, method: &str, target: &str) -> Result<(), HeldBack> {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        may_be_mirrored(rules, &method, path, query, &HeaderMap::new())
    }

    #[test]
    fn methods_with_effects_are_held_back_by_default() {
        let rules = Rules::default();
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(answer(&rules, method, "/a"), Ok(()));
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"] {
            assert_eq!(answer(&rules, method, "/a"), Err(HeldBack::Method), "{method}");
        }
        assert_eq!(answer(&rules, "OPTIONS", "*"), Ok(()));
    }

    #[test]
    fn requests_for_another_method_are_held_back() {
        let rules = Rules::default();
        assert_eq!(answer(&rules, "GET", "/a?_METHOD=delete"), Err(HeldBack::Method));
        let mut headers = HeaderMap::new();
        headers.insert("x-http-method-override", hyper::header::HeaderValue::from_static("DELETE"));
        assert_eq!(may_be_mirrored(&rules, &Method::GET, "/a", None, &headers), Err(HeldBack::Method));
    }

    #[test]
    fn a_held_path_is_held_back_however_it_is_written() {
        let rules = Rules { held_paths: vec!["/logout".to_owned()], ..Rules::default() };
        for path in [
            "/logout",
            "/logout/all",
            "/logout?x=1",
            "/Logout",
            "//logout",
            "/./logout",
            "/a/../logout",
            "/a/%2e%2e/logout",
            "/%6cogout",
            "/;a=1/logout",
            "/logout;a=1",
            "/%2Flogout",
            "/%256cogout",
            "/a\\..\\logout",
            "/%zz",
            "/%00",
        ] {
            assert_eq!(answer(&rules, "GET", path), Err(HeldBack::Path), "{path}");
        }
        for path in ["/", "/login", "/a/logout", "/caf%C3%A9"] {
            assert_eq!(answer(&rules, "GET", path), Ok(()), "{path}");
        }
    }

    #[test]
    fn only_paths_below_those_allowed_are_mirrored() {
        let rules = Rules { paths: vec!["/api".to_owned(), "/static/".to_owned()], ..Rules::default() };
        for path in ["/api", "/api/", "/api/x", "/static/x.css"] {
            assert_eq!(answer(&rules, "GET", path), Ok(()), "{path}");
        }
        for path in ["/", "/apis", "/API", "/api/../x", "/other"] {
            assert_eq!(answer(&rules, "GET", path), Err(HeldBack::Path), "{path}");
        }
    }
}
