//! Values in the notation of the file, and maps of them in the order they were written.

use serde_yaml::{Mapping, Value};

use crate::base::Span;
use crate::scenario::show::as_file;

/// A value in the notation of the file: a number, a text such as `"5s"`, `"1ms..9ms"` or
/// `"commit-sync"`, a list of those, or anything at all through [`Word::yaml`].
#[derive(Clone, Debug, PartialEq)]
pub struct Word(Value);

/// A map of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entries(Mapping);

impl Word {
    /// What a file would have here: `Word::yaml("{ exponential: 5ms }")`. A text that is no YAML
    /// is passed on as it stands, for the loader to refuse.
    pub fn yaml(text: &str) -> Self {
        let value = serde_yaml::from_str(text);
        Self(value.unwrap_or_else(|_| Value::from(text)))
    }
}

impl Entries {
    /// Sets the value at a path of keys, with maps above it where there are none.
    pub(super) fn set(&mut self, path: &[&str], value: impl Into<Word>) {
        let (last, above) = path.split_last().expect("a path has a key");
        let mut map = &mut self.0;
        for key in above {
            let inner = map
                .entry(Value::from(*key))
                .or_insert_with(|| Value::from(Mapping::new()));
            if !inner.is_mapping() {
                *inner = Value::from(Mapping::new());
            }
            map = inner
                .as_mapping_mut()
                .expect("anything else was replaced by a map");
        }
        map.insert(Value::from(*last), value.into().0);
    }

    /// Adds a value to a list.
    pub(super) fn push(&mut self, key: &str, value: impl Into<Word>) {
        let list = self.0.entry(Value::from(key)).or_insert(Value::Null);
        if !list.is_sequence() {
            *list = Value::Sequence(Vec::new());
        }
        let list = list.as_sequence_mut();
        let list = list.expect("anything else was replaced by a list");
        list.push(value.into().0);
    }

    pub(super) fn to_yaml(&self) -> String {
        as_file(&self.0)
    }
}

impl From<Entries> for Word {
    fn from(entries: Entries) -> Self {
        Self(Value::Mapping(entries.0))
    }
}

impl From<Span> for Word {
    fn from(span: Span) -> Self {
        Self(Value::from(span.to_string()))
    }
}

impl<W: Into<Word>, const N: usize> From<[W; N]> for Word {
    fn from(words: [W; N]) -> Self {
        Vec::from(words).into()
    }
}

impl<W: Into<Word>> From<Vec<W>> for Word {
    fn from(words: Vec<W>) -> Self {
        Self(words.into_iter().map(|word| word.into().0).collect())
    }
}

/// What YAML has by itself.
macro_rules! scalars {
    ($($scalar:ty),*) => {$(
        impl From<$scalar> for Word {
            fn from(scalar: $scalar) -> Self {
                Self(Value::from(scalar))
            }
        }
    )*};
}

scalars!(bool, i32, i64, u32, u64, usize, &str, String);
