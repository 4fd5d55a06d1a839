//! The one line that runs a scenario again, ready to be pasted into a shell.

use std::fmt;

/// A command line of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repro {
    words: Vec<String>,
}

impl Repro {
    /// `kafkasim COMMAND FILE`, with the variant if the file has any and the seed.
    pub fn new(command: &str, file: &str, variant: Option<&str>, seed: u64) -> Self {
        let repro = Self::plain(command, file);
        let repro = variant.map_or(repro.clone(), |variant| repro.with("--variant", variant));
        repro.with("--seed", &seed.to_string())
    }

    /// `kafkasim COMMAND FILE`.
    pub fn plain(command: &str, file: &str) -> Self {
        Self {
            words: vec!["kafkasim".into(), command.into(), file.into()],
        }
    }

    /// With one more word.
    #[must_use]
    pub fn and(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    /// With one more option.
    #[must_use]
    pub fn with(mut self, option: &str, value: &str) -> Self {
        self.words.extend([option.to_owned(), value.to_owned()]);
        self
    }
}

impl fmt::Display for Repro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}", quoted(word))?;
        }
        Ok(())
    }
}

/// The word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@#=,:+".contains(c);
    // A word that begins with `#` would be a comment.
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('#') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_can_be_pasted() {
        let repro = Repro::new("run", "scenarios/a.yaml", Some("at-most-once"), 7);
        assert_eq!(
            repro.to_string(),
            "kafkasim run scenarios/a.yaml --variant at-most-once --seed 7"
        );
        let repro = Repro::new("why", "my lesson's.yaml", None, 1).with("--record", "shop#7");
        assert_eq!(
            repro.to_string(),
            r"kafkasim why 'my lesson'\''s.yaml' --seed 1 --record shop#7"
        );
    }
}
