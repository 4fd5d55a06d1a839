//! Stories of one group of the consumer protocol in time.

use super::group_player::difference;
use super::tell_stories;

const FILE: &str = "group-consumer-timeline.jsonl";

#[test]
fn a_group_of_the_consumer_protocol_lives_as_in_the_oracle_stories() {
    tell_stories(FILE, difference);
}
