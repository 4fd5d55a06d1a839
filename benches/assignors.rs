//! How long each assignor takes for a large group: 1,000 members and 10,000 partitions, from nothing
//! and again after one member has left, with equal and with different subscriptions.

#![allow(
    missing_docs,
    reason = "Criterion's macro makes a function that cannot be documented"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kafkasim::base::{TopicId, TopicPartition};
use kafkasim::kafka::assignor::server::{
    ServerTopic, Subscriptions, TargetMember, TopicUuid, server_range, server_uniform,
};
use kafkasim::kafka::assignor::sticky::{Claimant, cooperative_sticky, sticky};
use kafkasim::kafka::assignor::{Candidate, KnownTopic, assign};
use kafkasim::kafka::config::consumer::Assignor;

const MEMBERS: usize = 1_000;
const TOPICS: u32 = 100;
const PARTITIONS: u32 = 100;

type Partitions = Vec<Vec<TopicPartition>>;

/// A group: every member subscribes to all topics, or every third one only to the first half.
struct Group {
    members: Vec<String>,
    names: Vec<String>,
    subscriptions: Vec<Vec<TopicId>>,
    kind: Subscriptions,
}

impl Group {
    fn new(kind: Subscriptions) -> Self {
        let all: Vec<TopicId> = (0..TOPICS).map(TopicId).collect();
        let half = all[..all.len() / 2].to_vec();
        let of = |member: usize| match kind {
            Subscriptions::Different if member.is_multiple_of(3) => half.clone(),
            Subscriptions::Different | Subscriptions::Equal => all.clone(),
        };
        Self {
            members: (0..MEMBERS)
                .map(|n| format!("consumer-{n}-{:x}", n * 7919))
                .collect(),
            names: (0..TOPICS).map(|n| format!("topic-{n}")).collect(),
            subscriptions: (0..MEMBERS).map(of).collect(),
            kind,
        }
    }

    fn topics(&self) -> Vec<KnownTopic<'_>> {
        let names = (0..).zip(&self.names);
        names
            .map(|(id, name)| KnownTopic {
                id: TopicId(id),
                name,
                partitions: PARTITIONS,
            })
            .collect()
    }

    fn candidates(&self) -> Vec<Candidate<'_>> {
        let members = self.members.iter().zip(&self.subscriptions);
        members
            .map(|(member, topics)| Candidate {
                member,
                instance: None,
                topics,
            })
            .collect()
    }

    /// Without the first `gone` members, the others owning what they had.
    fn client(&self, owned: &Partitions, gone: usize, cooperative: bool) -> Partitions {
        let members = self.candidates().into_iter().zip(owned).skip(gone);
        let members: Vec<Claimant<'_>> = members
            .map(|(candidate, owned)| Claimant {
                member: candidate.member,
                topics: candidate.topics,
                owned,
                generation: 1,
                joined_generation: 1,
            })
            .collect();
        let divide = if cooperative {
            cooperative_sticky
        } else {
            sticky
        };
        divide(&members, &self.topics()).expect("no claim contradicts another")
    }

    fn server(&self, targets: &Partitions, gone: usize, uniform: bool) -> Partitions {
        let members = self.candidates().into_iter().zip(targets).skip(gone);
        let members: Vec<TargetMember<'_>> = members
            .map(|(candidate, target)| TargetMember { candidate, target })
            .collect();
        let topics = self.topics().into_iter().map(|known| ServerTopic {
            known,
            uuid: TopicUuid {
                high: i64::from(known.id.0) * 0x1234_5678_9abc,
                low: i64::from(known.id.0) * 0x0fed_cba9_8765,
            },
        });
        let topics: Vec<ServerTopic<'_>> = topics.collect();
        if uniform {
            server_uniform(&members, &topics, self.kind)
        } else {
            server_range(&members, &topics)
        }
    }
}

fn assignors(c: &mut Criterion) {
    let nothing: Partitions = vec![Vec::new(); MEMBERS];
    for (kind, how) in [
        (Subscriptions::Equal, "equal"),
        (Subscriptions::Different, "different"),
    ] {
        let group = Group::new(kind);
        for (assignor, name) in [
            (Assignor::Range, "range"),
            (Assignor::RoundRobin, "roundrobin"),
        ] {
            let (candidates, topics) = (group.candidates(), group.topics());
            c.bench_function(&format!("{name}, {how}"), |b| {
                b.iter(|| black_box(assign(assignor, &candidates, &topics)));
            });
        }
        for (cooperative, name) in [(false, "sticky"), (true, "cooperative-sticky")] {
            c.bench_function(&format!("{name}, {how}, from nothing"), |b| {
                b.iter(|| black_box(group.client(&nothing, 0, cooperative)));
            });
            let owned = group.client(&nothing, 0, cooperative);
            c.bench_function(&format!("{name}, {how}, one leaves"), |b| {
                b.iter(|| black_box(group.client(&owned, 1, cooperative)));
            });
            let mut crowded = owned.clone();
            crowded[MEMBERS / 2..].fill(Vec::new());
            c.bench_function(&format!("{name}, {how}, half are new"), |b| {
                b.iter(|| black_box(group.client(&crowded, 0, cooperative)));
            });
        }
        for (uniform, name) in [(false, "server range"), (true, "server uniform")] {
            c.bench_function(&format!("{name}, {how}, from nothing"), |b| {
                b.iter(|| black_box(group.server(&nothing, 0, uniform)));
            });
            let targets = group.server(&nothing, 0, uniform);
            c.bench_function(&format!("{name}, {how}, one leaves"), |b| {
                b.iter(|| black_box(group.server(&targets, 1, uniform)));
            });
        }
    }
}

criterion_group!(benches, assignors);
criterion_main!(benches);
