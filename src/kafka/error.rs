//! Kafka's error codes (`org.apache.kafka.common.protocol.Errors`), by Kafka's names.
//!
//! One row per code, with the class of its exception and what that class inherits from. The class
//! hierarchy is a label: what a client does about an error is in the state machine of that client.

use std::fmt;

use serde::{Serialize, Serializer};

/// What an exception inherits from, as far as clients look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not a `RetriableException`.
    Plain,
    /// `RetriableException`.
    Retriable,
    /// `RefreshRetriableException`: after looking up the coordinator again.
    RefreshCoordinator,
    /// `InvalidMetadataException`: after a metadata refresh.
    RefreshMetadata,
}

macro_rules! error_codes {
    ($($code:literal $variant:ident $name:ident $exception:ident $kind:ident,)*) => {
        /// An error code in a response. A simulated Kafka error is data, never a Rust `Err`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[allow(missing_docs, reason = "the names are Kafka's own, documented there")]
        pub enum ErrorCode {
            $($variant = $code,)*
        }

        impl ErrorCode {
            /// Every code, ascending.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Kafka's name of it, such as `NOT_LEADER_OR_FOLLOWER`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// The simple name of the exception class the application sees, such as
            /// `NotLeaderOrFollowerException`; `None` for `NONE`.
            pub const fn exception(self) -> Option<&'static str> {
                if matches!(self, Self::None) {
                    return None;
                }
                match self {
                    $(Self::$variant => Some(stringify!($exception)),)*
                }
            }

            const fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                }
            }
        }
    };
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The error of that name of Kafka's.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.name() == name)
    }

    /// Whether the exception is a `RetriableException`.
    pub const fn is_retriable(self) -> bool {
        !matches!(self.kind(), Kind::Plain)
    }

    /// Whether the exception is an `InvalidMetadataException`: clients ask for new metadata.
    pub const fn is_invalid_metadata(self) -> bool {
        matches!(self.kind(), Kind::RefreshMetadata)
    }

    /// Whether the exception is a `RefreshRetriableException`: worth a retry once metadata or
    /// coordinator are looked up again.
    pub const fn is_refresh_retriable(self) -> bool {
        matches!(
            self.kind(),
            Kind::RefreshCoordinator | Kind::RefreshMetadata
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

error_codes! {
    -1 UnknownServerError UNKNOWN_SERVER_ERROR UnknownServerException Plain,
    0 None NONE None Plain,
    1 OffsetOutOfRange OFFSET_OUT_OF_RANGE OffsetOutOfRangeException Plain,
    2 CorruptMessage CORRUPT_MESSAGE CorruptRecordException Retriable,
    3 UnknownTopicOrPartition UNKNOWN_TOPIC_OR_PARTITION UnknownTopicOrPartitionException RefreshMetadata,
    4 InvalidFetchSize INVALID_FETCH_SIZE InvalidFetchSizeException Plain,
    5 LeaderNotAvailable LEADER_NOT_AVAILABLE LeaderNotAvailableException RefreshMetadata,
    6 NotLeaderOrFollower NOT_LEADER_OR_FOLLOWER NotLeaderOrFollowerException RefreshMetadata,
    7 RequestTimedOut REQUEST_TIMED_OUT TimeoutException Retriable,
    8 BrokerNotAvailable BROKER_NOT_AVAILABLE BrokerNotAvailableException Plain,
    9 ReplicaNotAvailable REPLICA_NOT_AVAILABLE ReplicaNotAvailableException RefreshMetadata,
    10 MessageTooLarge MESSAGE_TOO_LARGE RecordTooLargeException Plain,
    11 StaleControllerEpoch STALE_CONTROLLER_EPOCH ControllerMovedException Plain,
    12 OffsetMetadataTooLarge OFFSET_METADATA_TOO_LARGE OffsetMetadataTooLarge Plain,
    13 NetworkException NETWORK_EXCEPTION NetworkException RefreshMetadata,
    14 CoordinatorLoadInProgress COORDINATOR_LOAD_IN_PROGRESS CoordinatorLoadInProgressException Retriable,
    15 CoordinatorNotAvailable COORDINATOR_NOT_AVAILABLE CoordinatorNotAvailableException RefreshCoordinator,
    16 NotCoordinator NOT_COORDINATOR NotCoordinatorException RefreshCoordinator,
    17 InvalidTopicException INVALID_TOPIC_EXCEPTION InvalidTopicException Plain,
    18 RecordListTooLarge RECORD_LIST_TOO_LARGE RecordBatchTooLargeException Plain,
    19 NotEnoughReplicas NOT_ENOUGH_REPLICAS NotEnoughReplicasException Retriable,
    20 NotEnoughReplicasAfterAppend NOT_ENOUGH_REPLICAS_AFTER_APPEND NotEnoughReplicasAfterAppendException Retriable,
    21 InvalidRequiredAcks INVALID_REQUIRED_ACKS InvalidRequiredAcksException Plain,
    22 IllegalGeneration ILLEGAL_GENERATION IllegalGenerationException Plain,
    23 InconsistentGroupProtocol INCONSISTENT_GROUP_PROTOCOL InconsistentGroupProtocolException Plain,
    24 InvalidGroupId INVALID_GROUP_ID InvalidGroupIdException Plain,
    25 UnknownMemberId UNKNOWN_MEMBER_ID UnknownMemberIdException Plain,
    26 InvalidSessionTimeout INVALID_SESSION_TIMEOUT InvalidSessionTimeoutException Plain,
    27 RebalanceInProgress REBALANCE_IN_PROGRESS RebalanceInProgressException Plain,
    28 InvalidCommitOffsetSize INVALID_COMMIT_OFFSET_SIZE InvalidCommitOffsetSizeException Plain,
    29 TopicAuthorizationFailed TOPIC_AUTHORIZATION_FAILED TopicAuthorizationException Plain,
    30 GroupAuthorizationFailed GROUP_AUTHORIZATION_FAILED GroupAuthorizationException Plain,
    31 ClusterAuthorizationFailed CLUSTER_AUTHORIZATION_FAILED ClusterAuthorizationException Plain,
    32 InvalidTimestamp INVALID_TIMESTAMP InvalidTimestampException Plain,
    33 UnsupportedSaslMechanism UNSUPPORTED_SASL_MECHANISM UnsupportedSaslMechanismException Plain,
    34 IllegalSaslState ILLEGAL_SASL_STATE IllegalSaslStateException Plain,
    35 UnsupportedVersion UNSUPPORTED_VERSION UnsupportedVersionException Plain,
    36 TopicAlreadyExists TOPIC_ALREADY_EXISTS TopicExistsException Plain,
    37 InvalidPartitions INVALID_PARTITIONS InvalidPartitionsException Plain,
    38 InvalidReplicationFactor INVALID_REPLICATION_FACTOR InvalidReplicationFactorException Plain,
    39 InvalidReplicaAssignment INVALID_REPLICA_ASSIGNMENT InvalidReplicaAssignmentException Plain,
    40 InvalidConfig INVALID_CONFIG InvalidConfigurationException Plain,
    41 NotController NOT_CONTROLLER NotControllerException Retriable,
    42 InvalidRequest INVALID_REQUEST InvalidRequestException Plain,
    43 UnsupportedForMessageFormat UNSUPPORTED_FOR_MESSAGE_FORMAT UnsupportedForMessageFormatException Plain,
    44 PolicyViolation POLICY_VIOLATION PolicyViolationException Plain,
    45 OutOfOrderSequenceNumber OUT_OF_ORDER_SEQUENCE_NUMBER OutOfOrderSequenceException Plain,
    46 DuplicateSequenceNumber DUPLICATE_SEQUENCE_NUMBER DuplicateSequenceException Plain,
    47 InvalidProducerEpoch INVALID_PRODUCER_EPOCH InvalidProducerEpochException Plain,
    48 InvalidTxnState INVALID_TXN_STATE InvalidTxnStateException Plain,
    49 InvalidProducerIdMapping INVALID_PRODUCER_ID_MAPPING InvalidPidMappingException Plain,
    50 InvalidTransactionTimeout INVALID_TRANSACTION_TIMEOUT InvalidTxnTimeoutException Plain,
    51 ConcurrentTransactions CONCURRENT_TRANSACTIONS ConcurrentTransactionsException Retriable,
    52 TransactionCoordinatorFenced TRANSACTION_COORDINATOR_FENCED TransactionCoordinatorFencedException Plain,
    53 TransactionalIdAuthorizationFailed TRANSACTIONAL_ID_AUTHORIZATION_FAILED TransactionalIdAuthorizationException Plain,
    54 SecurityDisabled SECURITY_DISABLED SecurityDisabledException Plain,
    55 OperationNotAttempted OPERATION_NOT_ATTEMPTED OperationNotAttemptedException Plain,
    56 KafkaStorageError KAFKA_STORAGE_ERROR KafkaStorageException RefreshMetadata,
    57 LogDirNotFound LOG_DIR_NOT_FOUND LogDirNotFoundException Plain,
    58 SaslAuthenticationFailed SASL_AUTHENTICATION_FAILED SaslAuthenticationException Plain,
    59 UnknownProducerId UNKNOWN_PRODUCER_ID UnknownProducerIdException Plain,
    60 ReassignmentInProgress REASSIGNMENT_IN_PROGRESS ReassignmentInProgressException Plain,
    61 DelegationTokenAuthDisabled DELEGATION_TOKEN_AUTH_DISABLED DelegationTokenDisabledException Plain,
    62 DelegationTokenNotFound DELEGATION_TOKEN_NOT_FOUND DelegationTokenNotFoundException Plain,
    63 DelegationTokenOwnerMismatch DELEGATION_TOKEN_OWNER_MISMATCH DelegationTokenOwnerMismatchException Plain,
    64 DelegationTokenRequestNotAllowed DELEGATION_TOKEN_REQUEST_NOT_ALLOWED UnsupportedByAuthenticationException Plain,
    65 DelegationTokenAuthorizationFailed DELEGATION_TOKEN_AUTHORIZATION_FAILED DelegationTokenAuthorizationException Plain,
    66 DelegationTokenExpired DELEGATION_TOKEN_EXPIRED DelegationTokenExpiredException Plain,
    67 InvalidPrincipalType INVALID_PRINCIPAL_TYPE InvalidPrincipalTypeException Plain,
    68 NonEmptyGroup NON_EMPTY_GROUP GroupNotEmptyException Plain,
    69 GroupIdNotFound GROUP_ID_NOT_FOUND GroupIdNotFoundException Plain,
    70 FetchSessionIdNotFound FETCH_SESSION_ID_NOT_FOUND FetchSessionIdNotFoundException Retriable,
    71 InvalidFetchSessionEpoch INVALID_FETCH_SESSION_EPOCH InvalidFetchSessionEpochException Retriable,
    72 ListenerNotFound LISTENER_NOT_FOUND ListenerNotFoundException RefreshMetadata,
    73 TopicDeletionDisabled TOPIC_DELETION_DISABLED TopicDeletionDisabledException Plain,
    74 FencedLeaderEpoch FENCED_LEADER_EPOCH FencedLeaderEpochException RefreshMetadata,
    75 UnknownLeaderEpoch UNKNOWN_LEADER_EPOCH UnknownLeaderEpochException Retriable,
    76 UnsupportedCompressionType UNSUPPORTED_COMPRESSION_TYPE UnsupportedCompressionTypeException Plain,
    77 StaleBrokerEpoch STALE_BROKER_EPOCH StaleBrokerEpochException Plain,
    78 OffsetNotAvailable OFFSET_NOT_AVAILABLE OffsetNotAvailableException Retriable,
    79 MemberIdRequired MEMBER_ID_REQUIRED MemberIdRequiredException Plain,
    80 PreferredLeaderNotAvailable PREFERRED_LEADER_NOT_AVAILABLE PreferredLeaderNotAvailableException RefreshMetadata,
    81 GroupMaxSizeReached GROUP_MAX_SIZE_REACHED GroupMaxSizeReachedException Plain,
    82 FencedInstanceId FENCED_INSTANCE_ID FencedInstanceIdException Plain,
    83 EligibleLeadersNotAvailable ELIGIBLE_LEADERS_NOT_AVAILABLE EligibleLeadersNotAvailableException RefreshMetadata,
    84 ElectionNotNeeded ELECTION_NOT_NEEDED ElectionNotNeededException RefreshMetadata,
    85 NoReassignmentInProgress NO_REASSIGNMENT_IN_PROGRESS NoReassignmentInProgressException Plain,
    86 GroupSubscribedToTopic GROUP_SUBSCRIBED_TO_TOPIC GroupSubscribedToTopicException Plain,
    87 InvalidRecord INVALID_RECORD InvalidRecordException Plain,
    88 UnstableOffsetCommit UNSTABLE_OFFSET_COMMIT UnstableOffsetCommitException Retriable,
    89 ThrottlingQuotaExceeded THROTTLING_QUOTA_EXCEEDED ThrottlingQuotaExceededException Retriable,
    90 ProducerFenced PRODUCER_FENCED ProducerFencedException Plain,
    91 ResourceNotFound RESOURCE_NOT_FOUND ResourceNotFoundException Plain,
    92 DuplicateResource DUPLICATE_RESOURCE DuplicateResourceException Plain,
    93 UnacceptableCredential UNACCEPTABLE_CREDENTIAL UnacceptableCredentialException Plain,
    94 InconsistentVoterSet INCONSISTENT_VOTER_SET InconsistentVoterSetException Plain,
    95 InvalidUpdateVersion INVALID_UPDATE_VERSION InvalidUpdateVersionException Plain,
    96 FeatureUpdateFailed FEATURE_UPDATE_FAILED FeatureUpdateFailedException Plain,
    97 PrincipalDeserializationFailure PRINCIPAL_DESERIALIZATION_FAILURE PrincipalDeserializationException Plain,
    98 SnapshotNotFound SNAPSHOT_NOT_FOUND SnapshotNotFoundException Plain,
    99 PositionOutOfRange POSITION_OUT_OF_RANGE PositionOutOfRangeException Plain,
    100 UnknownTopicId UNKNOWN_TOPIC_ID UnknownTopicIdException RefreshMetadata,
    101 DuplicateBrokerRegistration DUPLICATE_BROKER_REGISTRATION DuplicateBrokerRegistrationException Plain,
    102 BrokerIdNotRegistered BROKER_ID_NOT_REGISTERED BrokerIdNotRegisteredException Plain,
    103 InconsistentTopicId INCONSISTENT_TOPIC_ID InconsistentTopicIdException RefreshMetadata,
    104 InconsistentClusterId INCONSISTENT_CLUSTER_ID InconsistentClusterIdException Plain,
    105 TransactionalIdNotFound TRANSACTIONAL_ID_NOT_FOUND TransactionalIdNotFoundException Plain,
    106 FetchSessionTopicIdError FETCH_SESSION_TOPIC_ID_ERROR FetchSessionTopicIdException Retriable,
    107 IneligibleReplica INELIGIBLE_REPLICA IneligibleReplicaException Plain,
    108 NewLeaderElected NEW_LEADER_ELECTED NewLeaderElectedException Plain,
    109 OffsetMovedToTieredStorage OFFSET_MOVED_TO_TIERED_STORAGE OffsetMovedToTieredStorageException Plain,
    110 FencedMemberEpoch FENCED_MEMBER_EPOCH FencedMemberEpochException Plain,
    111 UnreleasedInstanceId UNRELEASED_INSTANCE_ID UnreleasedInstanceIdException Plain,
    112 UnsupportedAssignor UNSUPPORTED_ASSIGNOR UnsupportedAssignorException Plain,
    113 StaleMemberEpoch STALE_MEMBER_EPOCH StaleMemberEpochException Plain,
    114 MismatchedEndpointType MISMATCHED_ENDPOINT_TYPE MismatchedEndpointTypeException Plain,
    115 UnsupportedEndpointType UNSUPPORTED_ENDPOINT_TYPE UnsupportedEndpointTypeException Plain,
    116 UnknownControllerId UNKNOWN_CONTROLLER_ID UnknownControllerIdException Plain,
    117 UnknownSubscriptionId UNKNOWN_SUBSCRIPTION_ID UnknownSubscriptionIdException Plain,
    118 TelemetryTooLarge TELEMETRY_TOO_LARGE TelemetryTooLargeException Plain,
    119 InvalidRegistration INVALID_REGISTRATION InvalidRegistrationException Plain,
    120 TransactionAbortable TRANSACTION_ABORTABLE TransactionAbortableException Plain,
    121 InvalidRecordState INVALID_RECORD_STATE InvalidRecordStateException Plain,
    122 ShareSessionNotFound SHARE_SESSION_NOT_FOUND ShareSessionNotFoundException Retriable,
    123 InvalidShareSessionEpoch INVALID_SHARE_SESSION_EPOCH InvalidShareSessionEpochException Retriable,
    124 FencedStateEpoch FENCED_STATE_EPOCH FencedStateEpochException Plain,
    125 InvalidVoterKey INVALID_VOTER_KEY InvalidVoterKeyException Plain,
    126 DuplicateVoter DUPLICATE_VOTER DuplicateVoterException Plain,
    127 VoterNotFound VOTER_NOT_FOUND VoterNotFoundException Plain,
    128 InvalidRegularExpression INVALID_REGULAR_EXPRESSION InvalidRegularExpression Plain,
    129 RebootstrapRequired REBOOTSTRAP_REQUIRED RebootstrapRequiredException Plain,
    130 StreamsInvalidTopology STREAMS_INVALID_TOPOLOGY StreamsInvalidTopologyException Plain,
    131 StreamsInvalidTopologyEpoch STREAMS_INVALID_TOPOLOGY_EPOCH StreamsInvalidTopologyEpochException Plain,
    132 StreamsTopologyFenced STREAMS_TOPOLOGY_FENCED StreamsTopologyFencedException Plain,
    133 ShareSessionLimitReached SHARE_SESSION_LIMIT_REACHED ShareSessionLimitReachedException Retriable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_numbers_ascend_without_a_gap() {
        for (&error, code) in ErrorCode::ALL.iter().zip(-1..) {
            assert_eq!(ErrorCode::from_name(error.name()), Some(error));
            assert_eq!(error.code(), code, "{error}");
        }
        assert_eq!(ErrorCode::from_name("NO_SUCH_ERROR"), None);
    }

    #[test]
    fn a_moved_coordinator_is_looked_up_again_but_metadata_is_not() {
        assert!(ErrorCode::NotCoordinator.is_refresh_retriable());
        assert!(!ErrorCode::NotCoordinator.is_invalid_metadata());
        assert!(ErrorCode::NotLeaderOrFollower.is_invalid_metadata());
        assert!(!ErrorCode::CoordinatorLoadInProgress.is_refresh_retriable());
        assert!(!ErrorCode::RebalanceInProgress.is_retriable());
    }
}
