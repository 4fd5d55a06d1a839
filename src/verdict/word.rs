//! Enumerations whose values are words of the scenario file.

/// An enumeration whose values are words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Every value.
    const WORDS: &'static [Self];
    /// The word in the file.
    fn as_word(self) -> &'static str;
    /// What it means, in a sentence; empty where the word says it all.
    fn meaning(self) -> &'static str;
}

/// Defines an enumeration together with its words: `ALL`, `word`, `parse`, `Display` and
/// `Serialize`. The documentation of a value is also what the manual says of its word.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $visibility:vis enum $name:ident {
            $($(#[doc = $variant_doc:literal])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $visibility enum $name {
            $($(#[doc = $variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value, in the order of the manual.
            $visibility const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the file.
            $visibility const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The value that a word stands for.
            #[allow(dead_code, reason = "not every enumeration is read by its words alone")]
            $visibility fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl $crate::verdict::Word for $name {
            const WORDS: &'static [Self] = Self::ALL;
            fn as_word(self) -> &'static str {
                self.word()
            }
            fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($variant_doc),*).trim_ascii(),)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

pub(crate) use words;
