//! `must-happen`: facts without which the verdict would be empty.

use super::fields::{Context, Fields};
use super::names::Names;
use crate::scenario::diagnostic::Kind;
use crate::scenario::not_yet::{self, Area};
use crate::scenario::tree::{Node, Value};
use crate::verdict::{FactWord, MustHappen, Range};

/// The demands of one run, from one or several lists.
pub(super) fn must_happen(
    context: &mut Context,
    nodes: &[&Node],
    names: &Names<'_>,
) -> Vec<MustHappen> {
    let mut demands: Vec<MustHappen> = Vec::new();
    for node in nodes {
        for item in context.items(node, "a list of facts") {
            for demand in demand(context, item, names) {
                if !demands.contains(&demand) {
                    demands.push(demand);
                }
            }
        }
    }
    demands
}

fn demand(context: &mut Context, node: &Node, names: &Names<'_>) -> Vec<MustHappen> {
    let plain = |fact| MustHappen {
        fact,
        count: Range::at_least(1),
        of: Vec::new(),
        error: None,
    };
    match &node.value {
        Value::Scalar(_) => fact(context, node, false).map(plain).into_iter().collect(),
        Value::Map(entries) => {
            let mut demands = Vec::new();
            for entry in entries {
                let word = Node {
                    place: entry.key_place,
                    value: Value::Scalar(crate::scenario::tree::Scalar {
                        text: entry.key.clone(),
                        style: crate::scenario::tree::Style::Text,
                        numbered_comment: None,
                    }),
                };
                let fact = fact(context, &word, false);
                let long = detail(context, &entry.node, names);
                if let Some(fact) = fact {
                    demands.push(MustHappen { fact, ..long });
                }
            }
            demands
        }
        Value::Null | Value::List(_) => {
            context.expected("a fact such as `rebalance`", node);
            Vec::new()
        }
    }
}

/// What stands behind a fact: a RANGE, or a map.
fn detail(context: &mut Context, node: &Node, names: &Names<'_>) -> MustHappen {
    let mut demand = MustHappen {
        fact: FactWord::BatchSent,
        count: Range::at_least(1),
        of: Vec::new(),
        error: None,
    };
    if node.entries().is_none() {
        demand.count = context.range(node).unwrap_or(demand.count);
        return demand;
    }
    let mut fields = Fields::of(context, node, "a demanded fact", Area::FactDetail);
    if let Some(node) = fields.get("count") {
        demand.count = context.range(node).unwrap_or(demand.count);
    }
    if let Some(node) = fields.get("of") {
        demand.of = names.things(context, node);
    }
    demand.error = fields.get("error").and_then(|node| context.text(node));
    fields.finish(context);
    demand
}

/// The word of a fact; for a `when`, only one that a node or the network states itself.
pub(super) fn fact(context: &mut Context, node: &Node, watched: bool) -> Option<FactWord> {
    let text = context.text(node)?;
    let Some(fact) = FactWord::parse(&text) else {
        if not_yet::is_not_yet(Area::Fact, &text) {
            context.not_yet(node.place, &format!("the fact `{text}`"));
            return None;
        }
        let words: Vec<&str> = FactWord::ALL.iter().map(|fact| fact.word()).collect();
        let all = [words.as_slice(), not_yet::words(Area::Fact)].concat();
        let near = crate::scenario::suggest::nearest(&text, all.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("facts: {}", all.join(", ")),
        };
        context.error_help(
            Kind::Expect,
            node.place,
            format!("`{text}` is no fact"),
            help,
        );
        return None;
    };
    if watched && fact == FactWord::ProcessedAgain {
        let text = format!("`{fact}` is derived from the whole run: no fault can wait for it");
        context.error(Kind::Fault, node.place, text);
        return None;
    }
    Some(fact)
}
