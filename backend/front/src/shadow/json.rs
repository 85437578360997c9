//! JSON with the text of each value, so that numbers keep all their digits.
//!
//! Absent on purpose: floats. Where a key stands twice, the later value counts, as in most readers.
use std::collections::BTreeMap;

/// Deeper values are not read: reading calls itself.
const MOST_DEPTH: usize = 128;

/// A value, and the text that it was read from.
#[derive(Debug)]
pub(crate) struct Value<'a> {
    pub(crate) text: &'a str,
    pub(crate) kind: Kind<'a>,
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// `null`, `true` or `false`: the text says which.
    Word,
    /// The text has the digits.
    Number,
    Text(String),
    List(Vec<Value<'a>>),
    Object(BTreeMap<String, Value<'a>>),
}

/// Reads one value with nothing after it; nothing where the text is not JSON.
pub(crate) fn read(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        self.at += self.text.as_bytes()[self.at..].iter().take_while(|b| is_blank(b)).count();
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes a byte of the grammar, with blanks before it.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let is_there = self.next() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > MOST_DEPTH {
            return None;
        }
        self.skip_blanks();
        let start = self.at;
        let kind = match self.next()? {
            b'{' => self.object(depth)?,
            b'[' => self.list(depth)?,
            b'"' => Kind::Text(self.string()?),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        Some(Value { text: &self.text[start..self.at], kind })
    }

    fn word(&mut self) -> Option<Kind<'a>> {
        let word = ["null", "true", "false"].into_iter().find(|word| self.text[self.at..].starts_with(word))?;
        self.at += word.len();
        Some(Kind::Word)
    }

    fn number(&mut self) -> Option<Kind<'a>> {
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let start = self.at;
        self.at += self.text.as_bytes()[start..].iter().take_while(|b| is_part(b)).count();
        super::decimal::Decimal::read(&self.text[start..self.at])?;
        Some(Kind::Number)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn list(&mut self, depth: usize) -> Option<Kind<'a>> {
        let mut values = Vec::new();
        self.take(b'[');
        if self.take(b']') {
            return Some(Kind::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Kind::List(values));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Kind<'a>> {
        let mut values = BTreeMap::new();
        self.take(b'{');
        if self.take(b'}') {
            return Some(Kind::Object(values));
        }
        loop {
            self.skip_blanks();
            if self.next() != Some(b'"') {
                return None;
            }
            let key = self.string()?;
            if !self.take(b':') {
                return None;
            }
            values.insert(key, self.value(depth + 1)?);
            if self.take(b'}') {
                return Some(Kind::Object(values));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_where_the_standard_reader_reads_it() {
        for text in [
            "{}",
            "[]",
            " [1, 2.5e3,-0 ] ",
            "null",
            "\"a\\\"b\\u00e9\"",
            "{\"a\":{\"b\":[true,false,null]},\"a\":1}",
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "nul",
            "01",
            "1.",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "{a:1}",
            "{\"a\" 1}",
            "1 2",
            "\"a\nb\"",
            "é",
            "[1}",
        ] {
            let standard = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(read(text).is_some(), standard, "{text}");
        }
    }

    #[test]
    fn deep_json_is_refused_without_a_crash() {
        assert!(read(&"[".repeat(1_000_000)).is_none());
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&deep(MOST_DEPTH)).is_some() && read(&deep(MOST_DEPTH + 1)).is_none());
    }
}
