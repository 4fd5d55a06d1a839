//! The answer of a broker that refuses a request as a whole with one error, for faults that make
//! it do so.
//!
//! Kafka has no such answer of its own: each API says errors in its own place
//! (`AbstractRequest.getErrorResponse`).

use super::ErrorCode;
use super::group::{
    JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse, OffsetFetchResponse,
    SyncGroupResponse,
};
use super::message::{
    Acks, EpochEnd, FetchedPartition, ProducedPartition, Request, Response, TopicMetadata,
};

/// The answer that says this error wherever the API has a place for one; `None` for a producer that
/// awaits no answer, and for what brokers and controllers ask of each other.
pub fn refusal(request: &Request, error: ErrorCode) -> Option<Response> {
    Some(match request {
        Request::Produce(produce) => {
            let refused = |partition| ProducedPartition {
                partition,
                error,
                base_offset: None,
            };
            let batches = produce.batches.iter();
            let answer = batches.map(|(partition, _)| refused(*partition));
            (produce.acks != Acks::None).then(|| Response::Produce(answer.collect()))?
        }
        Request::Fetch(fetch) => {
            let partitions = fetch.partitions.iter().map(|asked| FetchedPartition {
                partition: asked.partition,
                error,
                high_watermark: 0,
                log_start: 0,
                diverging: None,
                batches: Vec::new(),
            });
            Response::Fetch(partitions.collect())
        }
        Request::ListOffsets(asked) => {
            Response::ListOffsets(asked.iter().map(|(tp, _)| (*tp, error, None)).collect())
        }
        Request::OffsetForLeaderEpoch(asked) => {
            let ends = asked.iter().map(|asked| EpochEnd {
                partition: asked.partition,
                error,
                end: None,
            });
            Response::OffsetForLeaderEpoch(ends.collect())
        }
        Request::Metadata { topics, .. } => {
            let refused = topics.iter().map(|topic| TopicMetadata {
                topic: *topic,
                error,
                partitions: [].into(),
            });
            Response::Metadata(refused.collect())
        }
        Request::InitProducerId => Response::InitProducerId {
            error,
            id: 0,
            epoch: 0,
        },
        _ => return of_group(request, error),
    })
}

fn of_group(request: &Request, error: ErrorCode) -> Option<Response> {
    Some(match request {
        Request::FindCoordinator { .. } => Response::FindCoordinator {
            error,
            coordinator: None,
        },
        Request::OffsetCommit(commit) => Response::OffsetCommit(OffsetCommitResponse {
            partitions: commit.offsets.iter().map(|(tp, _)| (*tp, error)).collect(),
        }),
        Request::OffsetFetch(_) => Response::OffsetFetch(OffsetFetchResponse {
            error,
            offsets: Vec::new(),
        }),
        Request::JoinGroup(join) => Response::JoinGroup(JoinGroupResponse {
            error,
            generation: -1,
            protocol: None,
            leader: "".into(),
            member: join.member.clone(),
            members: Vec::new(),
            skip_assignment: false,
        }),
        Request::SyncGroup(_) => Response::SyncGroup(SyncGroupResponse {
            error,
            protocol: None,
            assignment: [].into(),
        }),
        Request::Heartbeat(_) => Response::Heartbeat(error),
        Request::LeaveGroup(_) => Response::LeaveGroup(LeaveGroupResponse {
            error,
            members: Vec::new(),
        }),
        _ => return None,
    })
}
