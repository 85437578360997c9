//! Texts that people write and others read.
use crate::refusal::{Refusal, invalid};

/// The longest name of anything.
const LONGEST_NAME: usize = 100;
/// The longest reason for something that is done to others.
pub const LONGEST_REASON: usize = 200;

/// So many marks on one letter are an accent or two, or the vowels and tones of a script that has them; more of them
/// cover the lines above and below.
const MOST_MARKS: usize = 4;

/// Whether people see a text as it is: without control characters, ones that turn the direction of what follows, and
/// ones that show nothing.
pub fn is_printable(text: &str) -> bool {
    let (mut marks, mut before) = (0, None);
    text.chars().all(|c| {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        // What chooses among forms of a sign shows nothing behind what has one form, like a Latin letter.
        let selects_nothing = is_selector(c) && before.is_none_or(|b: char| (b as u32) < 0x250 && !is_keycap(b));
        before = Some(c);
        !c.is_control() && !is_hidden(c) && !selects_nothing && marks <= MOST_MARKS
    })
}

/// A selector of one of several forms of the sign before it; a tag, of the flag before it.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

/// What has a form as a picture beside that as a sign: 1️⃣, ©️.
fn is_keycap(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*' | '\u{a9}' | '\u{ae}')
}

/// Without a width, or as wide as a letter and blank (fillers, the empty Braille pattern, tags).
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{e0000}'..='\u{e001f}'
    )
}

/// A mark that is put on the letter before it.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{489}'
            | '\u{591}'..='\u{5bd}'
            | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{e31}'
            | '\u{e34}'..='\u{e3a}'
            | '\u{e47}'..='\u{e4e}'
            | '\u{eb1}'
            | '\u{eb4}'..='\u{ebc}'
            | '\u{ec8}'..='\u{ece}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{2de0}'..='\u{2dff}'
            | '\u{a66f}'..='\u{a67d}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Which of the alphabets that share letters of one look a letter is of.
fn alphabet(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{d7}' | '\u{f7}' | '\u{37e}' | '\u{387}' => return None,
        'A'..='Z' | 'a'..='z' | '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{2af}' => "Latin",
        '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}' | '\u{a722}'..='\u{a7ff}' => "Latin",
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek",
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => "Cyrillic",
        '\u{531}'..='\u{589}' => "Armenian",
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => "Cherokee",
        '\u{2c80}'..='\u{2cff}' => "Coptic",
        '\u{a4d0}'..='\u{a4ff}' => "Lisu",
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => "full-width",
        '\u{1d400}'..='\u{1d7ff}' => "mathematical",
        _ => return None,
    })
}

/// Two alphabets of a text, if it has letters of two: some of them look like letters of the other.
pub fn mixed_alphabets(text: &str) -> Option<(&'static str, &'static str)> {
    let mut alphabets = text.chars().filter_map(alphabet);
    let first = alphabets.next()?;
    Some((first, alphabets.find(|other| *other != first)?))
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
    if let Some((one, other)) = mixed_alphabets(name) {
        let detail =
            format!("A name has letters of one alphabet. This one mixes {one} and {other} letters, which look alike.");
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
    fn a_name_of_two_alphabets_is_refused() {
        for mixed in
            ["Gen\u{43e}mics", "\u{391}cme", "Acme \u{410}", "\u{ff21}cme", "\u{1d400}cme", "Яndex", "\u{13aa}o"]
        {
            let refused = check_name(mixed, "/name").map_err(|r| r.code);
            assert_eq!(refused, Err("name_out_of_range"), "{mixed}");
        }
        for one in
            ["Яндекс", "Ωμέγα 3", "Gènes & Söhne", "Acme 株式会社", "ＡＢＣ株式会社", "Łódź 2×4", "שלום Acme", "5 µm"]
        {
            assert_eq!(check_name(one, "/name").map_err(|r| r.code), Ok(()), "{one}");
        }
    }

    #[test]
    fn what_nobody_sees_is_not_printable() {
        for hidden in [
            '\n',
            '\u{7f}',
            '\u{ad}',
            '\u{200b}',
            '\u{202e}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(!is_printable(&format!("gene{hidden}mics")), "{hidden:?}");
        }
        assert!(!is_printable(&format!("g{}", "\u{301}".repeat(5))), "marks over other lines");
        assert!(!is_printable(&format!("ก{}", "\u{e49}".repeat(5))), "and of other scripts");
        for seen in [
            "葛\u{e0100}城",
            "1\u{fe0f}\u{20e3}",
            "❤\u{fe0f}",
            "น้ำผึ้ง",
            "مُحَمَّد",
            "e\u{302}\u{301}",
            "Genomics Core",
            "Gènes & Söhne",
            "遺伝子",
            "🧬",
        ] {
            assert!(is_printable(seen), "{seen}");
        }
    }
}
