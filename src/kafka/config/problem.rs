//! What can be said about a map of settings: errors, and notes on settings that loaded.

/// Why settings are not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// What kind of mistake.
    pub kind: Mistake,
    /// The settings at fault, as they were written.
    pub keys: Vec<String>,
    /// What is wrong, the thing first, the rule second.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// What the client itself would say, where it would refuse too.
    pub refusal: Option<Refusal>,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// No such setting.
    Unknown,
    /// The value is not of the setting's type.
    WrongType,
    /// The value is of the type, but not allowed.
    OutOfRange,
    /// Values that do not go together.
    Combination,
    /// Kafka would accept it; the simulator does not know it.
    NotModelled,
}

/// A refusal by the client itself, word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The simple name of the innermost exception; empty for librdkafka, which has none.
    pub exception: &'static str,
    /// Its message.
    pub message: String,
}

/// Something worth saying about a setting that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The setting.
    pub key: String,
    /// A sentence.
    pub text: String,
    /// What the note is about.
    pub about: About,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A setting that was given and changes nothing here.
    Harmless,
    /// A setting that takes another value than the one given or its default, as in Kafka.
    Adjusted {
        /// The value it takes.
        value: String,
        /// Why, in a few words.
        why: String,
    },
}
