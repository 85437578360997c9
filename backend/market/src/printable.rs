//! Texts that people write and others read.
use crate::refusal::{Refusal, invalid};

/// The longest name of anything.
const LONGEST_NAME: usize = 100;
/// The longest reason for something that is done to others.
pub const LONGEST_REASON: usize = 200;

/// Whether people see a text as it is: without control characters, ones that turn the direction of what follows, and
/// ones without a width.
pub fn is_printable(text: &str) -> bool {
    let hidden = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !text.chars().any(|c| c.is_control() || hidden(c))
}

pub fn check_name(name: &str, pointer: &str) -> Result<(), Refusal> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let good = !words.is_empty() && name.chars().count() <= LONGEST_NAME && is_printable(name);
    if !good {
        return Err(invalid("name_out_of_range", pointer, "A name has 1 to 100 printable characters."));
    }
    // Spaces that nobody sees would make two names that look the same.
    if words.join(" ") != name {
        let detail = "A name has single spaces between its words and none around them.";
        return Err(invalid("name_out_of_range", pointer, detail));
    }
    Ok(())
}

/// A reason is shown to those whom it concerns.
pub fn check_reason(reason: &str) -> Result<(), Refusal> {
    let good = !reason.trim().is_empty() && reason.chars().count() <= LONGEST_REASON && is_printable(reason);
    if good {
        return Ok(());
    }
    Err(invalid("reason_out_of_range", "/reason", "Give a reason of 1 to 200 printable characters; others see it."))
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
