//! Compressed bodies as they were before, up to a bound: pure.
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::CONTENT_ENCODING;
use std::io::Read;

/// The body of an answer without its `Content-Encoding`. Nothing where that is neither gzip nor deflate, where the body is
/// broken, and where more than `most_bytes` come out of it.
pub(crate) fn plain_body(headers: &HeaderMap, body: &Bytes, most_bytes: usize) -> Option<Bytes> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Some(body.clone());
    };
    let coding = coding.to_str().ok()?.trim().to_ascii_lowercase();
    // An answer to HEAD says how its body would be encoded, and has none.
    if (coding == "identity" || body.is_empty()) && codings.next().is_none() {
        return Some(body.clone());
    }
    let read = match coding.as_str() {
        "gzip" | "x-gzip" => read_up_to(MultiGzDecoder::new(&body[..]), most_bytes),
        "deflate" => read_up_to(ZlibDecoder::new(&body[..]), most_bytes),
        _ => None,
    };
    read.filter(|_| codings.next().is_none())
}

fn read_up_to(from: impl Read, most_bytes: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    let bound = u64::try_from(most_bytes).unwrap_or(u64::MAX).saturating_add(1);
    from.take(bound).read_to_end(&mut plain).ok()?;
    (plain.len() <= most_bytes).then(|| plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use hyper::header::HeaderValue;
    use std::io::Write;

    fn decoded(coding: &'static str, body: &[u8], most_bytes: usize) -> Option<Vec<u8>> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        plain_body(&headers, &Bytes::copy_from_slice(body), most_bytes).map(|plain| plain.to_vec())
    }

    #[test]
    fn compressed_bodies_are_read_up_to_their_bound() -> anyhow::Result<()> {
        let plain = vec![b'a'; 1_000];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&plain)?;
        let gzip = gzip.finish()?;
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(&plain)?;
        let deflate = deflate.finish()?;
        assert_eq!(decoded("GZIP", &gzip, 1_000), Some(plain.clone()));
        assert_eq!(decoded("deflate", &deflate, 1_000), Some(plain));
        assert_eq!(decoded("gzip", &gzip, 999), None);
        assert_eq!(decoded("gzip", &gzip[..gzip.len() - 1], 1_000), None);
        assert_eq!(decoded("gzip", b"no gzip", 1_000), None);
        Ok(())
    }

    #[test]
    fn bodies_of_unknown_coding_are_not_read() {
        assert_eq!(decoded("br", b"a", 1), None);
        assert_eq!(decoded("gzip, br", b"a", 1), None);
        assert_eq!(decoded("identity", b"a", 1), Some(b"a".to_vec()));
        assert_eq!(decoded("br", b"", 1), Some(Vec::new()));
        assert_eq!(plain_body(&HeaderMap::new(), &Bytes::from_static(b"a"), 1), Some(Bytes::from_static(b"a")));
    }
}
