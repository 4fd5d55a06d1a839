//! Faults of the network: links that are cut or slow, messages that are lost, held up or refused.

use super::fault_rules;
use super::fields::{Context, Fields};
use super::names::{Bearer, Names};
use crate::kafka::ErrorCode;
use crate::kafka::message::Api;
use crate::scenario::diagnostic::Kind;
use crate::scenario::not_yet::Area;
use crate::scenario::resolved::fault::{Action, Breakage, LinkSides, Message, Verb};
use crate::scenario::suggest::nearest;
use crate::scenario::tree::{Entry, Node, Value};
use crate::verdict::words;

/// The requests that clients and brokers send, for `request:`.
pub(crate) const APIS: [(&str, Api); 16] = [
    ("Produce", Api::Produce),
    ("Fetch", Api::Fetch),
    ("ListOffsets", Api::ListOffsets),
    ("Metadata", Api::Metadata),
    ("OffsetCommit", Api::OffsetCommit),
    ("OffsetFetch", Api::OffsetFetch),
    ("FindCoordinator", Api::FindCoordinator),
    ("JoinGroup", Api::JoinGroup),
    ("Heartbeat", Api::Heartbeat),
    ("LeaveGroup", Api::LeaveGroup),
    ("SyncGroup", Api::SyncGroup),
    ("InitProducerId", Api::InitProducerId),
    ("OffsetForLeaderEpoch", Api::OffsetForLeaderEpoch),
    ("BrokerRegistration", Api::BrokerRegistration),
    ("BrokerHeartbeat", Api::BrokerHeartbeat),
    ("AlterPartition", Api::AlterPartition),
];

/// What only brokers ask, of a controller.
const OF_BROKERS: [Api; 3] = [
    Api::BrokerRegistration,
    Api::BrokerHeartbeat,
    Api::AlterPartition,
];

words! {
    /// Requests of Kafka that no client here sends yet.
    pub(crate) enum LaterApi {
        AddPartitionsToTxn = "AddPartitionsToTxn",
        AddOffsetsToTxn = "AddOffsetsToTxn",
        EndTxn = "EndTxn",
        TxnOffsetCommit = "TxnOffsetCommit",
        ConsumerGroupHeartbeat = "ConsumerGroupHeartbeat",
        ShareFetch = "ShareFetch",
        ShareAcknowledge = "ShareAcknowledge",
        ShareGroupHeartbeat = "ShareGroupHeartbeat",
    }
}

/// `[A, B]`: two sides, each an actor or a list of them.
pub(super) fn link(context: &mut Context, node: &Node, names: &Names<'_>) -> Option<LinkSides> {
    let Value::List(items) = &node.value else {
        context.expected("a link such as `[broker-1, broker-2]`", node);
        return None;
    };
    let [a, b] = items.as_slice() else {
        let text = "a link has two sides: `[A, B]`";
        let help = "a side of several is a list: `[broker-1, [broker-2, broker-3]]`";
        context.error_help(Kind::Value, node.place, text, help);
        return None;
    };
    let sides = [side(context, a, names)?, side(context, b, names)?];
    let is_one = |side: &Vec<String>| {
        let bearer = side.first().and_then(|name| names.bearer(name));
        let family = matches!(
            bearer,
            Some(Bearer::Group(_) | Bearer::Producer(_) | Bearer::Clients)
        );
        side.len() == 1 && !family && !matches!(side[0].as_str(), "brokers" | "controllers")
    };
    if sides[0] == sides[1] && is_one(&sides[0]) {
        let text = format!("both sides of this link are `{}`", sides[0][0]);
        context.error_help(Kind::Fault, node.place, text, "a link has two ends");
        return None;
    }
    Some(LinkSides { sides })
}

fn side(context: &mut Context, node: &Node, names: &Names<'_>) -> Option<Vec<String>> {
    let mut side: Vec<String> = Vec::new();
    for item in context.one_or_more(node) {
        let name = names.any_actor(context, item)?;
        match names.bearer(&name) {
            Some(Bearer::Later) => {
                context.not_yet(item.place, &format!("a link of `{name}`"));
                return None;
            }
            _ if name.starts_with("transaction ") => {
                context.not_yet(item.place, &format!("the role `{name}`"));
                return None;
            }
            _ if side.contains(&name) => {
                let text = format!("`{name}` stands here twice");
                context.error(Kind::Name, item.place, text);
            }
            _ => side.push(name),
        }
    }
    (!side.is_empty()).then_some(side)
}

/// What is done to a link.
pub(super) fn link_action(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
    names: &Names<'_>,
) -> Option<Action> {
    let link = link(context, &entry.node, names);
    let length = fields.get("for").map(|node| context.drawn_duration(node));
    let one_way = fields.get("one-way").map(|node| context.boolean(node));
    let by = fields.get("by").map(|node| context.timing(node));
    if verb == Verb::Slow && by.is_none() {
        let text = "this `slow` does not say by how much";
        context.error_help(Kind::Missing, entry.key_place, text, "e.g. `by: 200ms`");
        return None;
    }
    let link = link?;
    let one_way = one_way.flatten().unwrap_or(false);
    Some(match verb {
        Verb::Cut => Action::Cut {
            link,
            length: length.flatten(),
            one_way,
        },
        Verb::Slow => Action::Slow {
            link,
            by: by.flatten()?,
            length: length.flatten(),
            one_way,
        },
        _ => Action::Heal { link },
    })
}

/// Which message is taken, and what becomes of it.
pub(super) fn message_action(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
    who: Vec<String>,
    names: &Names<'_>,
) -> Option<Action> {
    let message = message(context, fields, who, names);
    check_sender(context, fields, entry, verb, &message, names);
    let breakage = |context: &mut Context, fields: &mut Fields<'_>| {
        let word = fields.get("as");
        let word = word.and_then(|node| context.word(node, Area::Nothing));
        word.unwrap_or(Breakage::Reset)
    };
    Some(match verb {
        Verb::LoseRequest => Action::LoseRequest(message, breakage(context, fields)),
        Verb::LoseResponse => Action::LoseResponse(message, breakage(context, fields)),
        Verb::HoldRequest | Verb::HoldResponse => {
            let Some(node) = fields.get("for") else {
                let text = format!("this `{verb}` does not say how long");
                context.error_help(Kind::Missing, entry.key_place, text, "e.g. `for: 30s`");
                return None;
            };
            let length = context.drawn_duration(node)?;
            match verb {
                Verb::HoldRequest => Action::HoldRequest(message, length),
                _ => Action::HoldResponse(message, length),
            }
        }
        _ => {
            let Some(node) = fields.get("error") else {
                let text = "this `refuse` does not say which error is answered";
                let help = "e.g. `error: NOT_ENOUGH_REPLICAS`";
                context.error_help(Kind::Missing, entry.key_place, text, help);
                return None;
            };
            Action::Refuse(message, error(context, node)?)
        }
    })
}

/// An error by Kafka's name of its code.
fn error(context: &mut Context, node: &Node) -> Option<ErrorCode> {
    let text = context.text(node)?;
    let found = ErrorCode::from_name(&text).filter(|error| *error != ErrorCode::None);
    if found.is_none() {
        let names = ErrorCode::ALL.iter().map(|error| error.name());
        let near = nearest(&text, names);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "errors go by Kafka's names, such as `NOT_LEADER_OR_FOLLOWER`".to_owned(),
        };
        let text = format!("`{text}` is no error that a broker answers with");
        context.error_help(Kind::Value, node.place, text, help);
    }
    found
}

fn message(
    context: &mut Context,
    fields: &mut Fields<'_>,
    who: Vec<String>,
    names: &Names<'_>,
) -> Message {
    let request = fields.get("request").and_then(|node| {
        let text = context.text(node)?;
        let found = APIS.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            if LaterApi::parse(&text).is_some() {
                context.not_yet(node.place, &format!("the request `{text}`"));
                return None;
            }
            let words: Vec<&str> = APIS.iter().map(|(name, _)| *name).collect();
            context.unknown_word(node.place, &text, &words);
        }
        found.map(|(_, api)| *api)
    });
    let to = fields.get("to").and_then(|node| {
        let name = names.any_actor(context, node)?;
        let of_brokers = who.iter().any(|name| is_broker(name, names));
        if !(of_brokers && names.bearer(&name) == Some(Bearer::Controller)) {
            fault_rules::must_be_broker(context, names, &name, node.place);
        }
        Some(name)
    });
    Message { who, request, to }
}

fn is_broker(name: &str, names: &Names<'_>) -> bool {
    names.bearer(name) == Some(Bearer::Broker)
}

/// Whether such an actor sends such requests: what brokers ask of each other and of controllers can
/// be held up, and what only they ask is asked by nobody else.
fn check_sender(
    context: &mut Context,
    fields: &mut Fields<'_>,
    entry: &Entry,
    verb: Verb,
    message: &Message,
    names: &Names<'_>,
) {
    let of_brokers = message.request.is_some_and(|api| OF_BROKERS.contains(&api));
    let holds = matches!(verb, Verb::HoldRequest | Verb::HoldResponse);
    for name in &message.who {
        let bearer = names.bearer(name);
        let server = matches!(bearer, Some(Bearer::Broker | Bearer::Controller));
        if bearer == Some(Bearer::Broker) && holds {
            continue;
        }
        if server {
            let text = format!("`{verb}` befalls what clients ask, and `{name}` is none");
            let help = "what brokers ask can be held up: `hold-request`, `hold-response`";
            context.error_help(Kind::Fault, entry.node.place, text, help);
        } else if of_brokers && let Some(node) = fields.get("request") {
            let text = format!("`{name}` sends no such request: brokers do, to a controller");
            context.error(Kind::Fault, node.place, text);
        }
    }
}
