//! The font: embedded, so that every machine measures and draws the same text.
//!
//! Inter (licence beside the files), cut down to Latin letters. Widths are integers: units of the
//! font times the size, so that no rounding differs between machines.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};

/// The family as SVG names it: the embedded font where it is installed, else one that is no wider.
pub(super) const FAMILY: &str = "Inter, Helvetica Neue, Helvetica, Arial, sans-serif";

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| parsed(include_bytes!("font/Inter-Regular.ttf")));
static SEMI_BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| parsed(include_bytes!("font/Inter-SemiBold.ttf")));

/// How heavy letters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Running text.
    Regular,
    /// Titles and what stands out.
    Bold,
}

/// The font of a weight.
pub(super) fn font(weight: Weight) -> &'static FontRef<'static> {
    match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &SEMI_BOLD,
    }
}

fn parsed(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is a font")
}

/// How wide a line of text is, in pixels, rounded up.
pub(super) fn width(text: &str, size: i32, weight: Weight) -> i32 {
    let font = font(weight);
    let per_em = font.units_per_em().expect("the embedded font has a size") as i32;
    // Advances are whole units of the font.
    let advance = |c: char| font.h_advance_unscaled(font.glyph_id(c)) as i32;
    let units: i32 = text.chars().map(advance).sum();
    (units * size).div_euclid(per_em) + 1
}

/// The text, or as much of it as fits with an ellipsis at its end.
pub(super) fn fitted(text: &str, size: i32, weight: Weight, room: i32) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter: String = kept.iter().chain(&['…']).collect();
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
    }
    String::new()
}

/// The text in lines no wider than `room`, broken at spaces; a longer word stands alone.
pub(super) fn wrapped(text: &str, size: i32, weight: Weight, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|longer| width(longer, size, weight) <= room) {
            Some(longer) => *lines.last_mut().expect("a line was lengthened") = longer,
            None => lines.push(word),
        }
    }
    lines
}

/// The words of a text; a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    const UNITS: [&str; 5] = ["s", "ms", "µs", "min", "%"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_unit = UNITS.contains(&word.trim_end_matches([';', ',', '.', ':', ')']));
        match words.last_mut() {
            Some(number) if is_unit && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_text_is_wider() {
        let regular = |text| width(text, 20, Weight::Regular);
        assert!(regular("lost") < regular("lost lost"));
        assert!(regular("W") > regular("i"));
        assert!(regular("lost") < width("lost", 40, Weight::Regular));
    }

    #[test]
    fn a_line_does_not_end_between_a_number_and_its_unit() {
        assert_eq!(
            words("for 56 s, 94 % of it"),
            ["for", "56 s,", "94 %", "of", "it"]
        );
        let narrow = width("again at 56", 20, Weight::Regular) + 2;
        let lines = wrapped("again at 56 s", 20, Weight::Regular, narrow);
        assert_eq!(lines, ["again at", "56 s"]);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let name = "a-very-long-name-of-a-partition-0";
        let cut = fitted(name, 20, Weight::Regular, 120);
        assert!(cut.ends_with('…') && name.starts_with(cut.trim_end_matches('…')));
        assert!(width(&cut, 20, Weight::Regular) <= 120);
        assert_eq!(fitted("short", 20, Weight::Regular, 120), "short");
    }

    #[test]
    fn lines_fit_and_lose_no_word() {
        let text = "one two three four five six seven eight nine ten";
        let lines = wrapped(text, 20, Weight::Bold, 150);
        assert!(
            lines
                .iter()
                .all(|line| width(line, 20, Weight::Bold) <= 150)
        );
        assert_eq!(lines.join(" "), text);
    }
}
