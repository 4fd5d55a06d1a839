//! A chain from fault to symptom, for reading aloud: when, who, what, and Kafka's rule behind it.

use super::comparison::fate_words;
use super::text::{Text, Tone};
use crate::lab::explain::Explanation;
use crate::lab::{Experiment, Outcome};
use crate::verdict::why::Chain;

/// Where a link's words begin, behind its time.
const WORDS: usize = 14;

/// Everything there is to say about a record.
pub fn report(experiment: &Experiment, outcome: &Outcome, explanation: &Explanation) -> Text {
    let mut text = Text::default();
    let cast = &experiment.setup.cast;
    let place = outcome.ledger.name_of(explanation.record);
    let sender = cast.record(explanation.record);
    let name = if place == sender {
        sender
    } else {
        format!("{place} ({sender})")
    };
    text.line(Tone::Strong, name);
    for (group, fate) in &explanation.fates {
        let line = format!("{}: {}", cast.group(*group), fate_words(*fate));
        text.line(Tone::Plain, format!("  {line}"));
    }
    if explanation.chains.is_empty() {
        text.line(Tone::Plain, "  Nothing went wrong with it.");
    }
    for chain in &explanation.chains {
        text.gap();
        text.append(one_chain(chain));
    }
    text
}

fn one_chain(chain: &Chain) -> Text {
    let mut text = Text::default();
    text.wrapped(Tone::Bad, 0, &chain.symptom);
    for link in &chain.links {
        text.gap();
        // Most sentences name the actor themselves.
        let named = link.what.contains(&link.who);
        let who = if named {
            String::new()
        } else {
            format!("{}: ", link.who)
        };
        let label = format!("{:>12}", link.at.to_string());
        text.labelled(Tone::Plain, label, WORDS, &format!("{who}{}", link.what));
        if let Some(rule) = &link.rule {
            text.wrapped(Tone::Faint, WORDS, rule);
        }
    }
    text
}
