//! Two sides of one scenario, compared: what agrees, what varies on real Kafka itself, and the first
//! place where the stories part.

use std::collections::{BTreeMap, BTreeSet};

use super::build::joined;
use super::story::{Kind, Life, Step, Story};
use crate::verdict::words;

words! {
    /// What is compared.
    pub enum Aspect {
        /// The calls of the rebalance listener.
        Callbacks = "callbacks",
        /// Which records each poll returned.
        Polls = "polls",
        /// The records that each process worked on, in order.
        Processed = "processed",
        /// Offset commits asked for, confirmed and failed, as the application hears of them.
        Commits = "commits",
        /// All of that in one order, and how each process ended.
        Order = "order",
        /// Who had which partitions after each rebalance.
        Assignments = "assignments",
        /// What the coordinator stored, in order, and what is committed at the end.
        Offsets = "offsets",
        /// Content and order of every partition's log.
        Log = "log",
        /// What producers were told.
        Sends = "sends",
        /// Records that took effect twice or never.
        Records = "records",
    }
}

/// How two sides stand in one aspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Neither side has anything to say.
    Nothing,
    /// They are the same.
    Equal,
    /// Runs of real Kafka differ among themselves here, and the simulated one is like one of them.
    Varies,
    /// They differ.
    Different,
}

/// Where two stories part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which aspect.
    pub aspect: Aspect,
    /// Whose story: `workers-1, life 2`, `orders-0`.
    pub of: String,
    /// The line before, on which both agree.
    pub after: Option<String>,
    /// How the simulated story goes on.
    pub simulated: Option<String>,
    /// How the real one goes on.
    pub real: Option<String>,
}

/// The comparison of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Each aspect, in the order of the table.
    pub aspects: Vec<(Aspect, Agreement)>,
    /// The first place where the stories part, if they do.
    pub difference: Option<Difference>,
}

type Lines = BTreeMap<String, Vec<String>>;

impl Comparison {
    /// Whether the simulated run is one that real Kafka had.
    pub fn agrees(&self) -> bool {
        self.difference.is_none()
    }

    /// Whether real runs differed among themselves.
    pub fn varies(&self) -> bool {
        self.aspects
            .iter()
            .any(|(_, agreement)| *agreement == Agreement::Varies)
    }
}

/// Compares a simulated run with the runs of real Kafka. It agrees if it is like one of them in
/// everything: what members did in different runs is no run.
pub fn compare(simulated: &Story, real: &[&Story]) -> Comparison {
    let ours = tell_all(simulated);
    let theirs: Vec<Vec<Lines>> = real.iter().map(|story| tell_all(story)).collect();
    let Some(nearest) = theirs.iter().max_by_key(|other| likeness(&ours, other)) else {
        let nothing = Aspect::ALL
            .iter()
            .map(|&aspect| (aspect, Agreement::Nothing));
        let aspects = nothing.collect();
        return Comparison {
            aspects,
            difference: None,
        };
    };
    let aspects = Aspect::ALL.iter().zip(0..).map(|(&aspect, at)| {
        let agreement = if ours[at] != nearest[at] {
            Agreement::Different
        } else if theirs.iter().any(|lines| lines[at] != theirs[0][at]) {
            Agreement::Varies
        } else if ours[at].is_empty() {
            Agreement::Nothing
        } else {
            Agreement::Equal
        };
        (aspect, agreement)
    });
    // The whole order tells best where it began.
    let mut by_telling: Vec<usize> = (0..Aspect::ALL.len()).collect();
    by_telling.sort_by_key(|at| Aspect::ALL[*at] != Aspect::Order);
    let mut differences = by_telling
        .into_iter()
        .filter_map(|at| difference(Aspect::ALL[at], &ours[at], &nearest[at]));
    Comparison {
        aspects: aspects.collect(),
        difference: differences.next(),
    }
}

/// Everything a story says, by aspect.
fn tell_all(story: &Story) -> Vec<Lines> {
    let aspects = Aspect::ALL.iter();
    aspects.map(|aspect| tell(story, *aspect)).collect()
}

/// How like one another two stories are: in how many aspects, and how far their threads go together.
fn likeness(ours: &[Lines], other: &[Lines]) -> (usize, usize) {
    let pairs = || ours.iter().zip(other);
    let equal = pairs().filter(|(ours, other)| ours == other).count();
    let together = |(ours, other): (&Lines, &Lines)| -> usize {
        let threads = ours.iter();
        threads
            .map(|(name, own)| common(own, lines_of(other, name)))
            .sum()
    };
    (equal, pairs().map(together).sum())
}

/// The first thread of an aspect in which two stories part.
fn difference(aspect: Aspect, ours: &Lines, real: &Lines) -> Option<Difference> {
    let names: BTreeSet<&String> = ours.keys().chain(real.keys()).collect();
    names.into_iter().find_map(|name| {
        let (own, other) = (lines_of(ours, name), lines_of(real, name));
        (own != other).then(|| {
            let at = common(own, other);
            Difference {
                aspect,
                of: name.clone(),
                after: own[..at].last().cloned(),
                simulated: own.get(at).cloned(),
                real: other.get(at).cloned(),
            }
        })
    })
}

fn lines_of<'l>(lines: &'l Lines, name: &str) -> &'l [String] {
    lines.get(name).map_or(&[], Vec::as_slice)
}

fn common(one: &[String], other: &[String]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

/// What a story says in one aspect, by whose thread it is; threads without a line are left out.
fn tell(story: &Story, aspect: Aspect) -> Lines {
    let mut lines = Lines::new();
    match aspect {
        Aspect::Callbacks => by_life(story, &mut lines, &|life| {
            of_kinds(&life.steps, &[Kind::Assigned, Kind::Revoked, Kind::Lost])
        }),
        Aspect::Polls => by_life(story, &mut lines, &|life| {
            of_kinds(&life.steps, &[Kind::Polled, Kind::PollFailed])
        }),
        Aspect::Processed => by_life(story, &mut lines, &|life| {
            let steps: Vec<Step> = life.steps.iter().chain(&life.workers).cloned().collect();
            let work = [
                Kind::Processed,
                Kind::RowStored,
                Kind::ProcessingFailed,
                Kind::Skipped,
                Kind::HandedOn,
            ];
            of_kinds(&steps, &work)
        }),
        Aspect::Commits => {
            by_life(story, &mut lines, &|life| {
                let asked = [Kind::CommitAsked, Kind::CommitConfirmed, Kind::CommitFailed];
                of_kinds(&life.steps, &asked)
            });
            let mut heard = Lines::new();
            by_life(story, &mut heard, &|life| life.heard.clone());
            lines.extend(
                heard
                    .into_iter()
                    .map(|(name, lines)| (format!("{name}, heard of"), lines)),
            );
        }
        Aspect::Order => {
            by_life(story, &mut lines, &|life| {
                let mut all: Vec<String> = life.steps.iter().map(Step::to_string).collect();
                all.push(life.end.clone());
                all
            });
            let ends = if story.stuck {
                "something is left to do"
            } else {
                "nothing is left to do"
            };
            lines.insert("the end".to_owned(), vec![ends.to_owned()]);
        }
        Aspect::Assignments => {
            for (group, rounds) in &story.rounds {
                let line = |round: &BTreeMap<String, String>| {
                    let members = round.iter().map(|(member, has)| format!("{member}: {has}"));
                    members.collect::<Vec<_>>().join("; ")
                };
                lines.insert(group.clone(), rounds.iter().map(line).collect());
            }
        }
        Aspect::Offsets => offsets(story, &mut lines),
        Aspect::Log => lines.extend(story.logs.clone()),
        Aspect::Sends => lines.extend(story.sends.clone()),
        Aspect::Records => lines.extend(story.fates.clone()),
    }
    lines.retain(|_, lines| !lines.is_empty());
    lines
}

fn by_life(story: &Story, lines: &mut Lines, of: &dyn Fn(&Life) -> Vec<String>) {
    for (member, lives) in &story.lives {
        for (life, number) in lives.iter().zip(1..) {
            lines.insert(format!("{member}, life {number}"), of(life));
        }
    }
}

fn of_kinds(steps: &[Step], kinds: &[Kind]) -> Vec<String> {
    let wanted = steps.iter().filter(|step| kinds.contains(&step.kind));
    let wanted: Vec<Step> = wanted.cloned().collect();
    joined(&wanted).iter().map(Step::to_string).collect()
}

fn offsets(story: &Story, lines: &mut Lines) {
    for (group, partitions) in &story.stored {
        for (partition, offsets) in partitions {
            let texts = offsets.iter().map(u64::to_string).collect();
            lines.insert(format!("{group} {partition}"), texts);
        }
    }
    for (group, partitions) in &story.committed {
        for (partition, offset) in partitions {
            let thread = lines.entry(format!("{group} {partition}")).or_default();
            thread.push(format!("at the end {offset}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(steps: &[(Kind, &str)]) -> Story {
        let steps = steps.iter().map(|(kind, what)| Step::new(*kind, *what));
        let life = Life {
            steps: steps.collect(),
            end: "running".to_owned(),
            ..Life::default()
        };
        let lives = BTreeMap::from([("workers-1".to_owned(), vec![life])]);
        Story {
            lives,
            ..Story::default()
        }
    }

    const POLLED: (Kind, &str) = (Kind::Polled, "orders-0@0..9");
    const DONE: (Kind, &str) = (Kind::Processed, "orders-0@0..9");
    const ASKED: (Kind, &str) = (Kind::CommitAsked, "sync");

    #[test]
    fn the_same_story_agrees_in_everything() {
        let one = story(&[POLLED, DONE, ASKED]);
        let comparison = compare(&one, &[&one, &one]);
        assert!(comparison.agrees() && !comparison.varies());
        assert!(
            comparison
                .aspects
                .contains(&(Aspect::Polls, Agreement::Equal))
        );
        assert!(
            comparison
                .aspects
                .contains(&(Aspect::Log, Agreement::Nothing))
        );
    }

    #[test]
    fn a_different_order_is_told_where_it_begins() {
        let ours = story(&[POLLED, ASKED, DONE]);
        let real = story(&[POLLED, DONE, ASKED]);
        let comparison = compare(&ours, &[&real]);
        let difference = comparison.difference.expect("the orders differ");
        assert_eq!(difference.aspect, Aspect::Order);
        assert_eq!(difference.of, "workers-1, life 1");
        assert_eq!(difference.after.as_deref(), Some("polled orders-0@0..9"));
        assert_eq!(difference.simulated.as_deref(), Some("commit-asked sync"));
        assert_eq!(difference.real.as_deref(), Some("processed orders-0@0..9"));
        assert!(
            comparison
                .aspects
                .contains(&(Aspect::Processed, Agreement::Equal))
        );
    }

    #[test]
    fn where_real_runs_differ_one_of_them_is_enough() {
        let short = story(&[POLLED]);
        let long = story(&[POLLED, DONE]);
        let among = compare(&long, &[&short, &long]);
        assert!(among.agrees() && among.varies());
        let neither = compare(&story(&[POLLED, ASKED]), &[&short, &long]);
        assert!(!neither.agrees());
    }

    #[test]
    fn a_mixture_of_two_real_runs_is_none() {
        let both = |one: &Story, two: &Story| {
            let mut story = one.clone();
            let other = two.lives["workers-1"].clone();
            story.lives.insert("workers-2".to_owned(), other);
            story
        };
        let (short, long) = (story(&[POLLED]), story(&[POLLED, DONE]));
        let real = [both(&short, &long), both(&long, &short)];
        let real: Vec<&Story> = real.iter().collect();
        assert!(compare(real[1], &real).agrees());
        let mixed = compare(&both(&long, &long), &real);
        assert!(
            !mixed.agrees(),
            "workers-1 of one run, workers-2 of another"
        );
    }

    #[test]
    fn a_life_that_only_one_side_has_is_a_difference() {
        let ours = story(&[POLLED]);
        let mut real = ours.clone();
        let lives = real.lives.get_mut("workers-1").expect("one member");
        lives.push(lives[0].clone());
        let difference = compare(&ours, &[&real]).difference.expect("a life more");
        assert_eq!(difference.of, "workers-1, life 2");
        assert_eq!(difference.simulated, None);
    }
}
