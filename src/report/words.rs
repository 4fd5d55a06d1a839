//! The verdict in words: what happened to whose records, by name, the worst first.

use super::text::{Text, Tone, counted};
use crate::verdict::Stage;
use crate::verdict::names::NamedSet;
use crate::verdict::summary::{GroupVerdict, ProducerVerdict, TopicVerdict, Verdict};

/// Names shown of one set of records; the others are counted.
const NAMES_MAX: usize = 24;

/// What happened to the records of a run.
pub(super) fn words(verdict: &Verdict) -> Text {
    let mut text = Text::default();
    for group in &verdict.groups {
        group_words(&mut text, group);
    }
    for topic in &verdict.topics {
        topic_words(&mut text, topic);
    }
    for producer in &verdict.producers {
        producer_words(&mut text, producer);
    }
    text
}

fn group_words(text: &mut Text, group: &GroupVerdict) {
    let name = &group.name;
    let mut is_clean = true;
    let mut say = |set: &NamedSet, one: &str, many: &str| {
        if !set.is_empty() {
            is_clean = false;
            sentence(text, set, one, many, Some(name));
        }
    };
    for (stage, set) in &group.lost {
        let (one, many) = lost(*stage);
        say(set, one, many);
    }
    let (one, many) = if group.effect_in_sink {
        ("has more than one row", "have more than one row")
    } else {
        (
            "was processed more than once",
            "were processed more than once",
        )
    };
    say(&group.duplicated, one, many);
    say(
        &group.reordered,
        "took effect after a later one with the same key",
        "took effect after a later one with the same key",
    );
    let behind = "took effect after a later one with the same key, from another partition";
    say(&group.overtaken, behind, behind);
    say(
        &group.handed_on,
        "failed and was handed on",
        "failed and were handed on",
    );
    say(
        &group.compacted,
        "was compacted away before it was read, as a later one has its key",
        "were compacted away before they were read, as later ones have their keys",
    );
    say(&group.waiting, "is still waiting", "are still waiting");
    if is_clean {
        let every = clean(group);
        text.hanging(Tone::Good, 2, 4, &every);
    }
}

/// The sentence on a group to which nothing happened.
fn clean(group: &GroupVerdict) -> String {
    let name = &group.name;
    let records = |count| counted(count, "record", "records");
    let again = group.totals.processed_again;
    match group.once.len() {
        0 => format!("{name} had no record to process."),
        count if group.effect_in_sink && again == 0 => {
            format!(
                "{name} stored exactly one row for each of {}.",
                records(count)
            )
        }
        count if group.effect_in_sink => format!(
            "{name} stored exactly one row for each of {}, though {} processed again.",
            records(count),
            counted(again, "was", "were"),
        ),
        1 => format!("{name} processed its one record exactly once."),
        count => format!(
            "{name} processed every one of {} exactly once.",
            records(count)
        ),
    }
}

/// How a record was lost, after the word "record" or "records".
fn lost(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::NeverAcknowledged => (
            "is lost: it was never written, and nobody was told",
            "are lost: they were never written, and nobody was told",
        ),
        Stage::Truncated => (
            "is lost: acknowledged, then gone from every log",
            "are lost: acknowledged, then gone from every log",
        ),
        Stage::Expired => (
            "is lost: it was removed from the log before it was read",
            "are lost: they were removed from the log before they were read",
        ),
        Stage::SkippedByCommit => (
            "is lost: an offset commit passed it, and it was never processed",
            "are lost: an offset commit passed them, and they were never processed",
        ),
        Stage::SkippedByReset => (
            "is lost: auto.offset.reset set the position past it",
            "are lost: auto.offset.reset set the position past them",
        ),
        Stage::DroppedByApplication => (
            "is lost: the application went on without it",
            "are lost: the application went on without them",
        ),
    }
}

fn topic_words(text: &mut Text, topic: &TopicVerdict) {
    let name = Some(&topic.name);
    let twice = &topic.appended_twice;
    sentence(
        text,
        twice,
        "is in the log twice",
        "are in the log more than once",
        name,
    );
    sentence(
        text,
        &topic.truncated,
        "was acknowledged and is in no log",
        "were acknowledged and are in no log",
        name,
    );
    let late = "in the log behind one that was sent later";
    sentence(
        text,
        &topic.reordered,
        &format!("is {late}"),
        &format!("are {late}"),
        name,
    );
}

fn producer_words(text: &mut Text, producer: &ProducerVerdict) {
    let name = Some(&producer.name);
    let told = "failed as far as the client knows, but";
    sentence(
        text,
        &producer.failed_but_written,
        &format!("{told} is in the log"),
        &format!("{told} are in the log"),
        name,
    );
}

/// `4 records were processed more than once (workers):` and the names below; nothing for none.
fn sentence(text: &mut Text, set: &NamedSet, one: &str, many: &str, whose: Option<&String>) {
    if set.is_empty() {
        return;
    }
    let records = counted(set.len(), "record", "records");
    let what = if set.len() == 1 { one } else { many };
    let whose = whose.map_or(String::new(), |name| format!(" ({name})"));
    text.hanging(Tone::Bad, 2, 4, &format!("{records} {what}{whose}:"));
    text.wrapped(Tone::Plain, 6, &names(set, NAMES_MAX));
}

/// The names of a set, without brackets: `orders-0@4..9 shop#3 … (12 in all)`.
pub(super) fn names(set: &NamedSet, most: usize) -> String {
    let brief = set.brief(most);
    let inner = brief.trim_start_matches('[').trim_end_matches(']');
    inner.to_owned()
}
