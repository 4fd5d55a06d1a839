//! What a chart shows, in a sentence: made from the numbers of the run, never written beforehand.

use super::outcomes::{Tally, Whose};
use crate::report::text::{counted, grouped};

/// So many clauses make a sentence that can be read aloud; with more it names the extremes.
const CLAUSES_MAX: usize = 3;

/// How the records fared, by variant and group.
pub(super) fn of_outcomes(tallies: &[Tally]) -> String {
    said_once(whole(tallies), tallies)
}

fn whole(tallies: &[Tally]) -> String {
    let variants = distinct(tallies.iter().map(|tally| tally.variant.as_deref()));
    let groups = distinct(tallies.iter().map(|tally| tally.group.as_str()));
    if variants.len() < 2 {
        let subject = |tally: &Tally| match &tally.variant {
            Some(variant) if groups.len() == 1 => variant.clone(),
            _ => tally.group.clone(),
        };
        return sentence(tallies.iter().map(|t| (subject(t), fate(t))).collect());
    }
    let of_variant = |variant: Option<&str>| {
        let own: Vec<&Tally> = tallies
            .iter()
            .filter(|tally| tally.variant.as_deref() == variant)
            .collect();
        let name = variant.unwrap_or("the file").to_owned();
        (name, together(&own))
    };
    let clauses: Vec<(String, String)> = variants.into_iter().map(of_variant).collect();
    if CLAUSES_MAX < merged(clauses.clone()).len() {
        return extremes(tallies).unwrap_or_else(|| sentence(clauses));
    }
    sentence(clauses)
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// What the groups of one variant come to.
fn together(tallies: &[&Tally]) -> String {
    match tallies {
        [] => "has no group".to_owned(),
        [one] => fate(one),
        _ => {
            let fates = tallies
                .iter()
                .map(|tally| (tally.group.clone(), fate(tally)));
            let merged = merged(fates.collect());
            if let [(_, fate)] = merged.as_slice() {
                return format!("{fate} in every group");
            }
            let clauses = merged
                .iter()
                .map(|(groups, fate)| format!("{fate} in {}", listed(groups)));
            listed(&clauses.collect::<Vec<_>>())
        }
    }
}

/// `repeats 4 of 30 records and loses 6`.
fn fate(tally: &Tally) -> String {
    let total = tally.total();
    if tally.whose == Whose::Topic {
        return written(tally);
    }
    if total == 0 {
        return "has no record to process".to_owned();
    }
    if tally.once() == total {
        return match total {
            1 => "processes its one record exactly once".to_owned(),
            _ => format!("processes all {} exactly once", records(total)),
        };
    }
    let verbs = [
        ("repeats", tally.duplicated()),
        ("loses", tally.lost()),
        ("hands on", tally.handed_on()),
    ];
    let mut parts: Vec<String> = Vec::new();
    for (verb, count) in verbs.into_iter().filter(|(_, count)| 0 < *count) {
        let what = match (parts.is_empty(), count == total) {
            (true, true) => format!("all {}", records(total)),
            (true, false) => format!("{} of {}", grouped(count), records(total)),
            (false, _) => grouped(count),
        };
        parts.push(format!("{verb} {what}"));
    }
    match (tally.waiting(), parts.is_empty()) {
        (0, _) => {}
        (count, true) if count == total => {
            parts.push(format!("leaves all {} waiting", records(total)));
        }
        (count, true) => {
            parts.push(format!(
                "leaves {} of {} waiting",
                grouped(count),
                records(total)
            ));
        }
        (count, false) => parts.push(format!("leaves {} waiting", grouped(count))),
    }
    listed(&parts)
}

/// What of a topic's records is in its log.
fn written(tally: &Tally) -> String {
    let all = records(tally.total());
    match (tally.duplicated(), tally.lost()) {
        (0, 0) => format!("writes all {all} exactly once"),
        (twice, 0) => format!("writes {} of {all} more than once", grouped(twice)),
        (0, never) => format!("never writes {} of {all}", grouped(never)),
        (twice, never) => format!(
            "writes {} of {all} more than once and {} never",
            grouped(twice),
            grouped(never)
        ),
    }
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

/// Who fares alike becomes one clause.
fn merged(clauses: Vec<(String, String)>) -> Vec<(Vec<String>, String)> {
    let mut merged: Vec<(Vec<String>, String)> = Vec::new();
    for (subject, fate) in clauses {
        match merged.iter_mut().find(|(_, known)| *known == fate) {
            Some((subjects, _)) => subjects.push(subject),
            None => merged.push((vec![subject], fate)),
        }
    }
    merged
}

fn sentence(clauses: Vec<(String, String)>) -> String {
    let merged = merged(clauses);
    if let [(subjects, fate)] = merged.as_slice()
        && 1 < subjects.len()
    {
        let each = plural(fate);
        return match subjects.len() {
            2 => format!("Both {} {each}", listed(subjects)),
            count => format!("All {count} ({}) {each}", subjects.join(", ")),
        };
    }
    let clauses = merged.iter().map(|(subjects, fate)| {
        let verb = if subjects.len() == 1 {
            fate.clone()
        } else {
            plural(fate)
        };
        format!("{} {verb}", listed(subjects))
    });
    clauses.collect::<Vec<_>>().join("; ")
}

/// Says out of how many only once, where it is the same number for all.
fn said_once(sentence: String, tallies: &[Tally]) -> String {
    let total = tallies.first().map_or(0, Tally::total);
    if tallies.iter().any(|tally| tally.total() != total) {
        return sentence;
    }
    let of = format!(" of {}", records(total));
    match sentence.split_once(&of) {
        Some((before, after)) => format!("{before}{of}{}", after.replace(&of, "")),
        None => sentence,
    }
}

/// The clause of one, said of several: `repeats` becomes `repeat`.
fn plural(fate: &str) -> String {
    const VERBS: [(&str, &str); 8] = [
        ("never writes", "never write"),
        ("writes", "write"),
        ("processes its", "process their"),
        ("processes", "process"),
        ("repeats", "repeat"),
        ("loses", "lose"),
        ("hands on", "hand on"),
        ("leaves", "leave"),
    ];
    let said = VERBS
        .iter()
        .fold(fate.to_owned(), |said, (one, many)| said.replace(one, many));
    said.replace("has no", "have no")
}

/// Many variants: where what differs most is least, and where it is most.
fn extremes(tallies: &[Tally]) -> Option<String> {
    type Count = fn(&Tally) -> u64;
    let measures: [(&str, Count); 3] = [
        ("lost", Tally::lost),
        ("repeated", Tally::duplicated),
        ("waiting", Tally::waiting),
    ];
    let range = |count: Count| {
        let least = tallies.iter().min_by_key(|tally| count(tally))?;
        let most = tallies.iter().rev().max_by_key(|tally| count(tally))?;
        Some((count(most) - count(least), least, most))
    };
    let ranges = measures.iter().filter_map(|(word, count)| {
        let (width, least, most) = range(*count)?;
        (0 < width).then_some((width, *word, *count, least, most))
    });
    let (_, word, count, least, most) = ranges.max_by_key(|(width, ..)| *width)?;
    let name = |tally: &Tally| {
        let variant = tally.variant.clone().unwrap_or_default();
        let several = tallies.iter().any(|other| other.group != tally.group);
        if several {
            format!("{variant}, {}", tally.group)
        } else {
            variant
        }
    };
    Some(format!(
        "From {} {word} ({}) to {} ({})",
        records(count(least)),
        name(least),
        grouped(count(most)),
        name(most),
    ))
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(variant: Option<&str>, group: &str, counts: [u64; 5]) -> Tally {
        Tally {
            whose: Whose::Group,
            variant: variant.map(str::to_owned),
            group: group.to_owned(),
            counts,
        }
    }

    #[test]
    fn the_sentence_follows_the_numbers() {
        let run = |counts| of_outcomes(&[tally(None, "workers", counts)]);
        assert_eq!(
            run([30, 0, 0, 0, 0]),
            "workers processes all 30 records exactly once"
        );
        assert_eq!(run([26, 4, 0, 0, 0]), "workers repeats 4 of 30 records");
        assert_eq!(
            run([20, 4, 6, 0, 0]),
            "workers repeats 4 of 30 records and loses 6"
        );
        assert_eq!(run([0, 0, 0, 0, 9]), "workers leaves all 9 records waiting");
        assert_eq!(run([0; 5]), "workers has no record to process");
    }

    #[test]
    fn variants_are_told_apart_and_alike() {
        let of = |variant, counts| tally(Some(variant), "workers", counts);
        let (clean, again) = ([30, 0, 0, 0, 0], [26, 4, 0, 0, 0]);
        assert_eq!(
            of_outcomes(&[of("a", again), of("b", [24, 0, 6, 0, 0])]),
            "a repeats 4 of 30 records; b loses 6"
        );
        assert_eq!(
            of_outcomes(&[of("a", clean), of("b", clean)]),
            "Both a and b process all 30 records exactly once"
        );
        assert_eq!(
            of_outcomes(&[of("a", again), of("b", clean), of("c", clean)]),
            "a repeats 4 of 30 records; b and c process all 30 records exactly once"
        );
    }

    #[test]
    fn many_variants_are_told_by_their_extremes() {
        let tallies: Vec<Tally> = (0..5)
            .map(|n| tally(Some(&format!("v{n}")), "workers", [30 - n, n, 0, 0, 0]))
            .collect();
        assert_eq!(
            of_outcomes(&tallies),
            "From 0 records repeated (v0) to 4 (v4)"
        );
    }

    #[test]
    fn groups_are_named_where_there_are_several() {
        let tallies = [
            tally(Some("a"), "billing", [9, 1, 0, 0, 0]),
            tally(Some("a"), "audit", [10, 0, 0, 0, 0]),
            tally(Some("b"), "billing", [10, 0, 0, 0, 0]),
            tally(Some("b"), "audit", [10, 0, 0, 0, 0]),
        ];
        let title = of_outcomes(&tallies);
        assert!(
            title.contains("repeats 1 of 10 records in billing"),
            "{title}"
        );
        assert!(title.contains("exactly once in every group"), "{title}");
    }
}
