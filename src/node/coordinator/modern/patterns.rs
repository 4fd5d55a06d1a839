//! Regular expressions of subscriptions, resolved by the coordinator (KIP-848).
//!
//! Kafka resolves them beside its event loop; here that takes no time, so it follows in the instant
//! of the heartbeat that asked for it. There is at most one resolution in ten seconds per group:
//! an expression that comes sooner waits for the first heartbeat after that. Expressions are
//! RE2's, matched against whole names.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex_lite::Regex;

use super::super::Turn;
use super::super::timers::{Timer, TimerKey};
use super::group::ConsumerGroup;
use super::image::Image;
use crate::base::{Span, TopicId};
use crate::kafka::ErrorCode;
use crate::kafka::consumer_protocol::{ConsumerGroupRecord, ResolvedPattern};

/// The least time between two resolutions (`REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`).
const RESOLUTION_INTERVAL: Span = Span::from_secs(10);

/// Whether the group epoch moves, and the records that say what changed.
type PatternChange = (bool, Vec<ConsumerGroupRecord>);

impl Turn<'_> {
    /// A member's expression was `before` and is `after` (`maybeUpdateRegularExpressions`).
    pub(super) fn update_patterns(
        &mut self,
        group: &ConsumerGroup,
        image: &Image,
        before: Option<&Arc<str>>,
        after: Option<&Arc<str>>,
    ) -> Result<PatternChange, ErrorCode> {
        let (mut bumps, mut is_new, mut records) = (false, false, Vec::new());
        if before != after {
            if let Some(gone) = before.filter(|p| group.subscribers(p) == 1) {
                records.push(ConsumerGroupRecord::Pattern {
                    pattern: Arc::clone(gone),
                    resolved: None,
                });
            }
            if let Some(pattern) = after {
                is_new = group.subscribers(pattern) == 0;
                if is_new && expression(pattern).is_none() {
                    return Err(ErrorCode::InvalidRegularExpression);
                }
                bumps = !is_new && group.patterns.contains_key(pattern);
            }
        }
        let mut subscribed: BTreeSet<&Arc<str>> = group
            .members
            .values()
            .filter_map(|member| member.pattern())
            .collect();
        if !is_new && subscribed.is_empty() {
            return Ok((bumps, records));
        }
        if let Some(gone) = before.filter(|p| Some(*p) != after && group.subscribers(p) == 1) {
            subscribed.remove(gone);
        }
        subscribed.extend(after);
        if !subscribed.is_empty() && self.is_due(group, image, is_new, subscribed.len()) {
            let patterns = subscribed.into_iter().map(Arc::clone).collect();
            let group = Arc::clone(&group.name);
            self.timers
                .set(self.now, Timer::Resolution { group, patterns });
        }
        Ok((bumps, records))
    }

    /// Whether the expressions are to be resolved now.
    fn is_due(
        &self,
        group: &ConsumerGroup,
        image: &Image,
        is_new: bool,
        subscribed: usize,
    ) -> bool {
        let key = TimerKey::Resolution(Arc::clone(&group.name));
        if self.timers.is_armed(&key) {
            return false;
        }
        let Some(last) = group.patterns.values().next() else {
            return true;
        };
        let since = self.now.since(last.at);
        let is_late = self.config.consumer_pattern_interval < since;
        let has_news = last.version < image.with_new_topics;
        let is_missing = subscribed != group.patterns.len();
        RESOLUTION_INTERVAL < since && (is_new || is_missing || has_news || is_late)
    }

    /// Finds the topics of these expressions (`handleRegularExpressionsResult`).
    pub(in super::super) fn resolve_patterns(
        &mut self,
        group: &mut ConsumerGroup,
        image: &Image,
        patterns: &[Arc<str>],
    ) {
        let mut after = group.clone();
        let mut records = Vec::new();
        let mut bumps = false;
        for pattern in patterns.iter().filter(|p| 0 < group.subscribers(p)) {
            let resolved = ResolvedPattern {
                topics: topics_of(pattern, image),
                version: image.version,
                at: self.now,
            };
            let before = group.patterns.get(pattern);
            let before: &[TopicId] = before.map_or(&[], |resolved| &resolved.topics);
            bumps |= *before != *resolved.topics;
            let record = ConsumerGroupRecord::Pattern {
                pattern: Arc::clone(pattern),
                resolved: Some(Arc::new(resolved)),
            };
            after.replay(&record);
            records.push(record);
        }
        let topics = image.counts(after.subscribed(group.members.values()));
        if bumps || topics != group.topics {
            let epoch = group.epoch + 1;
            group.looked_at = image.version;
            records.push(ConsumerGroupRecord::Epoch { epoch, topics });
        }
        if !records.is_empty() {
            self.write_consumer_group(&group.name, records);
        }
    }
}

/// The expression, matched against whole names; none if it is none.
fn expression(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

fn topics_of(pattern: &str, image: &Image) -> Arc<[TopicId]> {
    let Some(expression) = expression(pattern) else {
        return Arc::from([]);
    };
    let all = image.topics.iter();
    let matching = all.filter(|(_, topic)| expression.is_match(&topic.name));
    matching.map(|(id, _)| *id).collect()
}
