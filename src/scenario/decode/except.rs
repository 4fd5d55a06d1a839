//! Actors that differ from the others of their kind, and `<actor>` in settings.

use super::config::PLACEHOLDER;
use super::fields::Context;
use crate::scenario::diagnostic::Kind;
use crate::scenario::merge::merge;
use crate::scenario::resolved::{Config, Except, Setting};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::Node;

/// The exceptional actors with the tree of each: what all share with their overlay on it.
pub(super) fn members(
    context: &mut Context,
    all: &Node,
    exceptions: Option<&Node>,
    actors: &[String],
    shared: &[&str],
) -> Vec<(String, Node)> {
    let mut merged = Vec::new();
    for entry in context.named(exceptions) {
        if !actors.contains(&entry.key) {
            let text = format!("no actor is called `{}` here", entry.key);
            let list = format!("there are {}", actors.join(", "));
            let help = match nearest(&entry.key, actors.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? {list}"),
                None => list,
            };
            context.error_help(Kind::Name, entry.key_place, text, help);
            continue;
        }
        let Some(keys) = entry.node.entries() else {
            context.expected("a map", &entry.node);
            continue;
        };
        for key in keys.iter().filter(|key| shared.contains(&key.key.as_str())) {
            let text = format!("`{}` cannot differ from one actor to another", key.key);
            context.error(Kind::Overlay, key.key_place, text);
        }
        let result = merge(
            all,
            &entry.node,
            &["except", &entry.key],
            &mut context.problems,
        );
        if !result.changed && !keys.is_empty() {
            let text = format!("the exception of `{}` changes nothing", entry.key);
            context.error(Kind::Overlay, entry.key_place, text);
        }
        merged.push((entry.key.clone(), result.node));
    }
    merged
}

/// Puts each actor's name for `<actor>`. What then differs moves to the exceptions.
pub(super) fn fill_actor<T: Clone>(
    all: &mut T,
    except: &mut Except<T>,
    actors: &[String],
    config: impl Fn(&mut T) -> &mut Config,
) {
    let fill = |config: &mut Config, actor: &str| {
        for (_, setting) in &mut config.0 {
            if let Setting::Text(text) = setting {
                *text = text.replace(PLACEHOLDER, actor);
            }
        }
    };
    let holds = |setting: &Setting| matches!(setting, Setting::Text(t) if t.contains(PLACEHOLDER));
    if let [actor] = actors {
        fill(config(all), actor);
    } else if config(all).iter().any(|(_, setting)| holds(setting)) {
        for actor in actors {
            if !except.contains(actor) {
                except.set(actor.clone(), all.clone());
            }
        }
        config(all).0.retain(|(_, setting)| !holds(setting));
    }
    for (actor, one) in &mut except.0 {
        fill(config(one), actor);
    }
}
