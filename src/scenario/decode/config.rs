//! Kafka's settings: the one place where the loader meets the setting tables.
//!
//! Whether a setting exists, is well-formed, goes with the others and is modelled, `kafka::config`
//! says; here its answers get their places in the file.

use super::fields::{Context, Fields};
use crate::base::Span;
use crate::kafka::client::ClientFamily;
use crate::kafka::config::{
    self as kafka, About, BrokerConfig, ConsumerConfig, Effective, Mistake, Note, ProducerConfig,
    Role, SettingError, Settings, Source, TopicConfig,
};
use crate::scenario::diagnostic::{Kind, Problem};
use crate::scenario::origin::Origin;
use crate::scenario::resolved::client::Library;
use crate::scenario::resolved::{Cluster, Config, Defaults, Setting};
use crate::scenario::tree::{Entry, Node, Place, Value};

/// The one placeholder of settings.
pub(super) const PLACEHOLDER: &str = "<actor>";
/// Copies of the topic that groups keep their offsets in.
const OFFSETS_COPIES: &str = "offsets.topic.replication.factor";

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'n> {
    /// A producer of the Java client.
    Producer,
    /// A consumer of this library in this group.
    Consumer(Library, &'n str),
}

/// Settings as written, each with the places of its key and its value.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<WrittenSetting>);

#[derive(Debug)]
struct WrittenSetting {
    key: String,
    text: String,
    key_place: Place,
    place: Place,
    origin: Origin,
}

impl Written {
    /// The text of a setting.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|setting| setting.key == key);
        found.map(|setting| setting.text.as_str())
    }

    /// The place of a key.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        let found = self.0.iter().find(|setting| setting.key == key);
        found.map(|setting| setting.key_place)
    }

    /// Sets a setting that the file implies, as if it stood at `place`.
    pub(super) fn imply(&mut self, key: &str, text: &str, place: Place, origin: Origin) {
        self.set(WrittenSetting {
            key: key.to_owned(),
            text: text.to_owned(),
            key_place: place,
            place,
            origin,
        });
    }

    fn set(&mut self, setting: WrittenSetting) {
        match self.0.iter_mut().find(|known| known.key == setting.key) {
            Some(known) => *known = setting,
            None => self.0.push(setting),
        }
    }

    fn texts(&self) -> Settings {
        let pairs = self.0.iter().map(|s| (s.key.clone(), s.text.clone()));
        pairs.collect()
    }
}

/// Settings of brokers, with the defaults that `cluster.defaults` names.
pub(super) fn broker(context: &mut Context, node: Option<&Node>, defaults: Defaults) -> Config {
    let mut written = node.map_or_else(Written::default, |node| settings(context, node));
    if defaults == Defaults::ServerProperties && written.get(OFFSETS_COPIES).is_none() {
        // As in the `config/server.properties` that Kafka ships.
        written.imply(OFFSETS_COPIES, "1", Place::default(), Origin::SampleFile);
    }
    let texts = written.texts();
    let outcome = kafka::resolve_broker(&texts).map(|(_, notes)| notes);
    let family = ClientFamily::Java;
    complete(context, &written, family, Role::Broker, &texts, outcome)
}

/// What brokers run with; the defaults where a mistake was reported.
pub(crate) fn settings_of_broker(config: &Config) -> BrokerConfig {
    let resolved = kafka::resolve_broker(&texts(config));
    resolved.map(|(config, _)| config).unwrap_or_default()
}

/// What a topic runs with; the defaults where a mistake was reported.
pub(crate) fn settings_of_topic(config: &Config, broker: &BrokerConfig) -> TopicConfig {
    let resolved = kafka::resolve_topic(&texts(config), broker);
    resolved.map(|(config, _)| config).unwrap_or_default()
}

/// What a producer runs with; the defaults where a mistake was reported.
pub(crate) fn settings_of_producer(config: &Config) -> ProducerConfig {
    let resolved = kafka::resolve_producer(&texts(config), ClientFamily::Java);
    resolved.map(|(config, _)| config).unwrap_or_default()
}

/// What a member of a group runs with; the defaults where a mistake was reported.
pub(crate) fn settings_of_consumer(
    config: &Config,
    library: Library,
    group: &str,
) -> ConsumerConfig {
    let mut texts = texts(config);
    texts.insert("group.id".to_owned(), group.to_owned());
    let resolved = kafka::resolve_consumer(&texts, library.family());
    resolved.map(|(config, _)| config).unwrap_or_default()
}

/// Settings of a topic.
pub(super) fn topic(context: &mut Context, node: Option<&Node>, cluster: &Cluster) -> Config {
    let written = node.map_or_else(Written::default, |node| settings(context, node));
    let texts = written.texts();
    let broker = settings_of_broker(&cluster.config);
    let outcome = kafka::resolve_topic(&texts, &broker).map(|(_, notes)| notes);
    let family = ClientFamily::Java;
    complete(context, &written, family, Role::Topic, &texts, outcome)
}

/// Settings as names and texts.
fn texts(config: &Config) -> Settings {
    let pairs = config.iter();
    pairs
        .map(|(key, setting)| (key.to_owned(), setting.text()))
        .collect()
}

/// `config`, `properties` and `properties-file` of a client, folded into one.
pub(super) fn written(context: &mut Context, fields: &mut Fields<'_>, owner: Owner<'_>) -> Written {
    let mut written = Written::default();
    let (pasted, file) = (fields.entry("properties"), fields.entry("properties-file"));
    if let (Some(pasted), Some(file)) = (pasted, file) {
        let text = "`properties` and `properties-file` cannot stand together";
        let problem = Problem::new(Kind::Conflict, pasted.key_place, text);
        context
            .problems
            .push(problem.also(file.key_place).help("keep one"));
    }
    if let Some(entry) = pasted
        && let Some(text) = context.text(&entry.node)
    {
        properties(context, &text, entry.node.place, &mut written, None);
    }
    if let Some(entry) = file
        && let Some(path) = context.text(&entry.node)
    {
        match context.files.get(&path).cloned() {
            Some(Ok(text)) => {
                let origin = Origin::File(path, context.spot(entry.node.place));
                properties(
                    context,
                    &text,
                    entry.node.place,
                    &mut written,
                    Some(&origin),
                );
            }
            Some(Err(why)) => {
                let text = format!("the file `{path}` cannot be read: {why}");
                context.error(Kind::File, entry.node.place, text);
            }
            None => unreachable!("every file that is named was read before"),
        }
    }
    if let Some(node) = fields.get("config") {
        for setting in settings(context, node).0 {
            written.set(setting);
        }
        refuse_ours(context, node, owner);
    }
    written
}

/// The settings of a client, checked as that client does, with every default.
pub(super) fn client(context: &mut Context, written: &Written, owner: Owner<'_>) -> Config {
    let actor = match owner {
        Owner::Producer => "actor",
        Owner::Consumer(_, group) => group,
    };
    let mut texts = written.texts();
    for key in ["group.id", "client.id"] {
        texts.remove(key);
    }
    if let Owner::Consumer(_, group) = owner {
        texts.insert("group.id".to_owned(), group.to_owned());
    }
    let mut checked = texts.clone();
    for text in checked.values_mut() {
        *text = text.replace(PLACEHOLDER, actor);
    }
    let (family, role, outcome) = match owner {
        Owner::Producer => {
            let family = ClientFamily::Java;
            let outcome = kafka::resolve_producer(&checked, family).map(|(_, notes)| notes);
            (family, Role::Producer, outcome)
        }
        Owner::Consumer(library, _) => {
            let family = library.family();
            let outcome = kafka::resolve_consumer(&checked, family).map(|(_, notes)| notes);
            (family, Role::Consumer, outcome)
        }
    };
    let mut config = complete(context, written, family, role, &texts, outcome);
    config.remove("group.id");
    config
}

/// Reports what is wrong, or gives all settings in effect.
fn complete(
    context: &mut Context,
    written: &Written,
    family: ClientFamily,
    role: Role,
    texts: &Settings,
    outcome: Result<Vec<Note>, Vec<SettingError>>,
) -> Config {
    let notes = match outcome {
        Ok(notes) => notes,
        Err(errors) => {
            for mut error in errors {
                if error.kind == Mistake::Unknown {
                    error.help = nearest(family, role, &error);
                }
                refused(context, written, error);
            }
            let pairs = texts.iter();
            return pairs
                .map(|(key, text)| (key.clone(), Setting::read(text)))
                .collect();
        }
    };
    for note in notes.iter().filter(|note| note.about == About::Harmless) {
        if let Some(place) = written.place(&note.key).filter(|_| !is_local(&note.key)) {
            let problem = Problem::new(Kind::Setting, place, note.text.clone());
            context.problems.push(problem.warning());
        }
    }
    let effective = kafka::effective(family, role, texts, &notes);
    let origin_of = |setting: &Effective| match &setting.source {
        Source::Default => Origin::Default(family),
        Source::Adjusted(why) => Origin::Adjusted(why.clone()),
        Source::Given => {
            let is_it = |given: &&WrittenSetting| {
                let found = kafka::catalogue::find(family, role, &given.key);
                found.is_some_and(|found| found.key == setting.key)
            };
            let given = written.0.iter().find(is_it);
            given.map_or(Origin::Default(family), |given| given.origin.clone())
        }
    };
    let origins = effective.iter().map(|s| (s.key, origin_of(s)));
    context.origins.set(&context.owner, origins);
    let shown = effective.into_iter().filter_map(|setting| {
        let value = setting.value.filter(|value| value != "[hidden]")?;
        Some((setting.key, Setting::read(&value)))
    });
    shown.collect()
}

/// The settings nearest to one that does not exist, before anything else there is to say of it.
fn nearest(family: ClientFamily, role: Role, error: &SettingError) -> Option<String> {
    let key = error.keys.first()?;
    let near: Vec<String> = kafka::catalogue::nearest(family, role, key)
        .into_iter()
        .map(|near| format!("`{near}`"))
        .collect();
    let known = error.help.clone();
    if near.is_empty() || known.as_ref().is_some_and(|help| help.contains(&near[0])) {
        return known;
    }
    let near = format!("nearest: {}", near.join(", "));
    Some(known.map_or(near.clone(), |known| format!("{near}; {known}")))
}

fn refused(context: &mut Context, written: &Written, error: SettingError) {
    let on_value = matches!(error.kind, Mistake::WrongType | Mistake::OutOfRange);
    let places = error.keys.iter().filter_map(|key| {
        let setting = written.0.iter().find(|setting| setting.key == *key)?;
        let end = setting.place.end;
        Some(match error.kind {
            _ if on_value => setting.place,
            Mistake::Combination => Place {
                start: setting.key_place.start,
                end,
            },
            _ => setting.key_place,
        })
    });
    let mut places: Vec<Place> = places.collect();
    places.sort();
    let anywhere = written.0.first().map(|setting| setting.key_place);
    let first = places.first().copied().or(anywhere).unwrap_or_default();
    let mut problem = Problem::new(Kind::Setting, first, error.message);
    for place in places.into_iter().skip(1) {
        problem = problem.also(place);
    }
    context.problems.push(problem.maybe_help(error.help));
}

/// `group.id` and `client.id` are the names of the file.
fn refuse_ours(context: &mut Context, node: &Node, owner: Owner<'_>) {
    let ours: &[&str] = match owner {
        Owner::Producer => &["client.id"],
        Owner::Consumer(..) => &["group.id", "client.id"],
    };
    for entry in node.entries().unwrap_or_default() {
        if ours.contains(&entry.key.as_str()) {
            let key = &entry.key;
            let text = format!("`{key}` is set by the scenario: it is the name in the file");
            context.error_help(Kind::Setting, entry.key_place, text, "remove the key");
        }
    }
}

/// Settings a pasted file may hold that say nothing about the run, or that must not be printed.
fn is_local(key: &str) -> bool {
    let names = [
        "bootstrap.servers",
        "group.id",
        "client.id",
        "key.serializer",
        "value.serializer",
        "key.deserializer",
        "value.deserializer",
        "security.protocol",
    ];
    names.contains(&key) || key.starts_with("ssl.") || key.starts_with("sasl.")
}

/// Reads a `.properties` text as `java.util.Properties` does, escapes of characters excepted.
/// `origin` is that of a file; a pasted text has lines of its own.
fn properties(
    context: &Context,
    text: &str,
    place: Place,
    written: &mut Written,
    origin: Option<&Origin>,
) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while line.ends_with('\\') {
            line.pop();
            line.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let split = line.find(['=', ':', ' ', '\t']).unwrap_or(line.len());
        let (key, rest) = line.split_at(split);
        let value = rest.trim_start().trim_start_matches(['=', ':']).trim();
        if !is_local(key) {
            let place = line_of_property(context, place, key);
            written.set(WrittenSetting {
                key: key.to_owned(),
                text: value.to_owned(),
                key_place: place.part(0, key.len()),
                place,
                origin: origin
                    .cloned()
                    .unwrap_or_else(|| Origin::Pasted(context.spot(place))),
            });
        }
    }
}

/// The line of a pasted text on which a setting stands; the whole where it cannot be found.
fn line_of_property(context: &Context, place: Place, key: &str) -> Place {
    let source = context
        .source
        .get(place.start..place.end)
        .unwrap_or_default();
    let mut start = place.start;
    for line in source.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if line[indent..].starts_with(key) {
            let start = start + indent;
            return Place {
                start,
                end: start + line[indent..].trim_end().len(),
            };
        }
        start += line.len();
    }
    place
}

/// The settings of a map as they are written.
fn settings(context: &mut Context, node: &Node) -> Written {
    let mut written = Written::default();
    let Some(entries) = node.entries() else {
        context.expected("a map of Kafka settings", node);
        return written;
    };
    for entry in entries {
        if let Some(text) = setting(context, entry) {
            written.set(WrittenSetting {
                key: entry.key.clone(),
                text,
                key_place: entry.key_place,
                place: entry.node.place,
                origin: Origin::Config(context.spot(entry.key_place)),
            });
        }
    }
    written
}

fn setting(context: &mut Context, entry: &Entry) -> Option<String> {
    let key = &entry.key;
    let scalar = match &entry.node.value {
        Value::Null => return None,
        Value::Scalar(scalar) => scalar,
        // Kafka's lists are comma texts; a YAML list says the same.
        Value::List(_) => return Some(context.texts(&entry.node).join(",")),
        Value::Map(_) => {
            let text = format!("`{key}` takes one value, not a map: its dots are no paths");
            context.error(Kind::Setting, entry.node.place, text);
            return None;
        }
    };
    let text = scalar.text.as_str();
    let unit = key.rsplit('.').next().unwrap_or_default();
    let milliseconds = matches!(unit, "ms" | "millis");
    if milliseconds && let Ok(span) = Span::parse(text) {
        let text = format!("`{key}` is a Kafka setting and takes milliseconds as a plain number");
        let help = format!("write `{}`", span.as_millis());
        context.error_help(Kind::Setting, entry.node.place, text, help);
        return None;
    }
    Some(text.to_owned())
}

/// Whether the internal topics that groups need fit the cluster.
pub(super) fn check_internal_topics(
    context: &mut Context,
    cluster: &Cluster,
    node: Option<&Node>,
    root: &Node,
) {
    let copies = settings_of_broker(&cluster.config).offsets_topic_replication_factor;
    let has = cluster.brokers;
    if copies <= has {
        return;
    }
    let given = node
        .and_then(|node| node.get("config"))
        .and_then(|c| c.get(OFFSETS_COPIES));
    let whose = if given.is_some() {
        ""
    } else {
        " by Kafka's defaults"
    };
    let text = format!(
        "`__consumer_offsets` needs {copies} brokers{whose}, the cluster has {has}: \
         no group could ever start"
    );
    let written = node.and_then(|node| node.entry("brokers"));
    let place = written.map_or(root.place, |entry| Place {
        start: entry.key_place.start,
        end: entry.node.place.end,
    });
    let help = format!(
        "add `defaults: server.properties`, as the sample file of Kafka does, or set \
         `{OFFSETS_COPIES}: {has}`"
    );
    context.error_help(Kind::Conflict, place, text, help);
}
