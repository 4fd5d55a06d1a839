//! Overlays: one tree laid over another, as variants and `except` do it.
//!
//! Map on map goes key by key; anything else replaces what was there, whole; `null` removes.

use super::diagnostic::{Kind, Problem};
use super::tree::{Entry, Node, Value};

/// The result of laying an overlay over a tree.
pub(crate) struct Merged {
    pub(crate) node: Node,
    /// Whether anything is different now.
    pub(crate) changed: bool,
}

/// Lays `overlay` over `base`. `path` names the keys above, for messages.
pub(crate) fn merge(
    base: &Node,
    overlay: &Node,
    path: &[&str],
    problems: &mut Vec<Problem>,
) -> Merged {
    let (Value::Map(old), Value::Map(new)) = (&base.value, &overlay.value) else {
        return replace(base, overlay, path, problems);
    };
    let mut entries = old.clone();
    let mut changed = false;
    for entry in new {
        let at = entries.iter().position(|known| known.key == entry.key);
        match at {
            Some(at) if entry.node.is_null() => {
                entries.remove(at);
                changed = true;
            }
            Some(at) => {
                let path = [path, &[entry.key.as_str()]].concat();
                let merged = merge(&entries[at].node, &entry.node, &path, problems);
                // Where only something inside differs, the key is still the file's.
                let both = entries[at].node.entries().is_some() && entry.node.entries().is_some();
                let key_place = if both {
                    entries[at].key_place
                } else {
                    entry.key_place
                };
                changed |= merged.changed;
                entries[at] = Entry {
                    key: entry.key.clone(),
                    key_place,
                    node: merged.node,
                };
            }
            None if entry.node.is_null() => {
                problems.push(nothing_there(entry, &entries, path));
            }
            None => {
                let path = [path, &[entry.key.as_str()]].concat();
                let node = without_nulls(&entry.node, &path, problems);
                entries.push(Entry {
                    node,
                    ..entry.clone()
                });
                changed = true;
            }
        }
    }
    let place = base.place;
    let value = Value::Map(entries);
    Merged {
        node: Node { place, value },
        changed,
    }
}

fn replace(base: &Node, overlay: &Node, path: &[&str], problems: &mut Vec<Problem>) -> Merged {
    Merged {
        changed: !base.same_as(overlay),
        node: without_nulls(overlay, path, problems),
    }
}

/// What an overlay adds, after checking that it removes nothing from what is not there yet.
fn without_nulls(node: &Node, path: &[&str], problems: &mut Vec<Problem>) -> Node {
    for entry in node.entries().unwrap_or_default() {
        if entry.node.is_null() {
            problems.push(nothing_there(entry, &[], path));
        } else {
            let path = [path, &[entry.key.as_str()]].concat();
            without_nulls(&entry.node, &path, problems);
        }
    }
    node.clone()
}

fn nothing_there(entry: &Entry, there: &[Entry], path: &[&str]) -> Problem {
    let text = format!("`{}: null` removes what is not there", entry.key);
    let owner = owner(path);
    let keys: Vec<String> = there.iter().map(|e| format!("`{}`", e.key)).collect();
    let help = if keys.is_empty() {
        format!("{owner} has nothing here")
    } else {
        format!("{owner} has: {}", keys.join(", "))
    };
    Problem::new(Kind::Overlay, entry.key_place, text).help(help)
}

/// The thing a path belongs to: the group, topic or producer for everything below it.
pub(crate) fn owner(path: &[&str]) -> String {
    match path {
        [] => "the file".to_owned(),
        ["groups", name, ..] => format!("group `{name}`"),
        ["producers", name, ..] => format!("producer `{name}`"),
        ["topics", name, ..] => format!("topic `{name}`"),
        ["sinks", name, ..] => format!("sink `{name}`"),
        ["queues", name, ..] => format!("queue `{name}`"),
        [key, ..] => format!("`{key}`"),
    }
}
