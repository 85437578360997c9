//! Texts that people write and others read.

/// Whether people see a text as it is: without control characters, ones that turn the direction of what follows, and
/// ones without a width.
pub fn is_printable(text: &str) -> bool {
    let hidden = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !text.chars().any(|c| c.is_control() || hidden(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_not_printable() {
        for hidden in ['\n', '\u{7f}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'] {
            assert!(!is_printable(&format!("gene{hidden}mics")), "{hidden:?}");
        }
        for seen in ["Genomics Core", "Gènes & Söhne", "遺伝子", "🧬"] {
            assert!(is_printable(seen), "{seen}");
        }
    }
}
