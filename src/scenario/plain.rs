//! Plain scalars that YAML 1.1 and YAML 1.2 readers, or people, read differently.
//!
//! The file is YAML 1.2, but its users' other tools need not be: `PyYAML` reads `no` as false, `0777`
//! as 511 and `1:30:00` as 5400. Such scalars are refused instead of guessed.

/// What is wrong with a plain scalar, as the text of the error without the scalar itself.
pub(crate) fn ambiguity(text: &str) -> Option<&'static str> {
    if is_boolean_to_some(text) {
        return Some("is a boolean to some YAML readers and a text to others");
    }
    if matches!(text, "~" | "Null" | "NULL") {
        return Some("is nothing to some YAML readers and a text to others");
    }
    if is_number_to_some(text) {
        return Some("is read as different numbers, or as a text, by different YAML readers");
    }
    if is_sexagesimal(text) {
        return Some("is a number to base 60 to some YAML readers and a text to others");
    }
    if is_date(text) {
        return Some("is a date to some YAML readers and a text to others");
    }
    None
}

fn is_boolean_to_some(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let lower = text.to_ascii_lowercase();
    // YAML 1.1 takes lower case, capitalised and upper case, and nothing in between.
    let cased = text == lower || text == lower.to_ascii_uppercase() || {
        let mut letters = text.chars();
        letters.next().is_some_and(|c| c.is_ascii_uppercase())
            && letters.all(|c| c.is_ascii_lowercase())
    };
    let boolean = matches!(lower.as_str(), "true" | "false") && text != lower;
    cased && (boolean || WORDS.contains(&lower.as_str()))
}

fn is_number_to_some(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let leading_zero = 1 < unsigned.len() && unsigned.starts_with('0') && digits(unsigned);
    let based = ["0x", "0o", "0b"].iter().any(|prefix| {
        let rest = unsigned.strip_prefix(prefix);
        rest.is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_'))
    });
    let special = matches!(
        unsigned.to_ascii_lowercase().as_str(),
        ".inf" | ".nan" | "=" | ".5"
    );
    let signed = text.starts_with('+') && digits(unsigned);
    leading_zero || based || special || signed || is_exponent(unsigned)
}

/// `1e3`, `1.5E-3`: a number to YAML 1.2, a text to YAML 1.1.
fn is_exponent(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let numeric = |s: &str, dot: bool| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit() || (dot && b == b'.'))
    };
    numeric(mantissa, true) && numeric(exponent, false) && mantissa != "."
}

fn is_sexagesimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let short = |s: &&str| {
        let s = s.split('.').next().unwrap_or_default();
        (1..=2).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit())
    };
    !first.is_empty()
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && !rest.is_empty()
        && rest.iter().all(short)
}

fn is_date(text: &str) -> bool {
    let day = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let digits =
        |s: &str, most| !s.is_empty() && s.len() <= most && s.bytes().all(|b| b.is_ascii_digit());
    year.len() == 4 && digits(year, 4) && digits(month, 2) && digits(day, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_see_differently_is_found() {
        for text in [
            "on",
            "off",
            "yes",
            "No",
            "NO",
            "y",
            "N",
            "~",
            "True",
            "0777",
            "0x1F",
            "0o7",
            "+5",
            "1e3",
            "12:30:00",
            "1:30",
            "2026-01-01",
            "2026-1-1",
            "2026-01-01T10:00:00Z",
            ".nan",
        ] {
            assert!(ambiguity(text).is_some(), "{text} is ambiguous");
        }
    }

    #[test]
    fn what_everybody_reads_alike_passes() {
        for text in [
            "true",
            "false",
            "null",
            "0",
            "-1",
            "4.1",
            "10_000",
            "250ms",
            "1..",
            "..5",
            "3..5",
            "orders-0@4",
            "oN",
            "none",
            "any",
            "a:b",
            "orders-2026-01",
            "1h",
            "shop#7",
        ] {
            assert_eq!(ambiguity(text), None, "{text} is not ambiguous");
        }
    }
}
