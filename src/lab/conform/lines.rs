//! Real Kafka's side: the story of a run from the JSON lines that the project in `tests/real-kafka`
//! writes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build::Builder;
use super::story::{Happened, How, Place, Story};
use crate::scenario::Scenario;

/// The version of the resolved scenario, and of the lines, that both sides speak.
const VERSION: u64 = 1;

/// What a run was played with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The release of the brokers and of the Java client.
    pub kafka: String,
    /// The Java runtime.
    pub java: String,
    /// The release of librdkafka, where a member ran on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub librdkafka: Option<String>,
}

/// A run of real Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What it was played with.
    pub versions: Versions,
    /// What happened.
    pub story: Story,
}

/// Reads the lines of a run.
///
/// # Errors
/// A sentence that names the first line that cannot be read, or says that the lines end too early.
pub fn read(scenario: &Scenario, text: &str) -> Result<Played, String> {
    let mut reader = Reader {
        scenario,
        builder: Builder::new(scenario),
        versions: None,
        librdkafka: None,
        ended: None,
    };
    for (line, number) in text.lines().zip(1..) {
        let value: Value = serde_json::from_str(line)
            .map_err(|error| format!("line {number} is no JSON ({error}): {line}"))?;
        let said = reader.hear(&value);
        said.ok_or_else(|| format!("line {number} says something that is not known: {line}"))?;
    }
    let drained = reader.ended.ok_or("the lines end before the run did")?;
    let versions = reader
        .versions
        .ok_or("the lines do not say their versions")?;
    Ok(Played {
        versions: Versions {
            librdkafka: reader.librdkafka,
            ..versions
        },
        story: reader.builder.finish(!drained),
    })
}

/// `shop#7 key "value"`; a value that only has a size is left out.
pub(super) fn record_text(name: &str, key: Option<&str>, value: Option<&Option<String>>) -> String {
    let key = key.map_or(String::new(), |key| format!(" {key}"));
    let value = match value {
        Some(Some(value)) => format!(" {value:?}"),
        Some(None) => " null".to_owned(),
        None => String::new(),
    };
    format!("{name}{key}{value}")
}

struct Reader<'s> {
    scenario: &'s Scenario,
    builder: Builder<'s>,
    versions: Option<Versions>,
    librdkafka: Option<String>,
    ended: Option<bool>,
}

impl Reader<'_> {
    /// Takes in a line; `None` if it says something unknown.
    fn hear(&mut self, line: &Value) -> Option<()> {
        let event = line["event"].as_str()?;
        match event {
            "versions" => {
                (line["version"] == VERSION).then_some(())?;
                self.versions = Some(Versions {
                    kafka: text(line, "kafka")?,
                    java: text(line, "java")?,
                    librdkafka: None,
                });
            }
            "acknowledged" | "send-failed" => {
                let (producer, record) = (line["producer"].as_str()?, line["record"].as_str()?);
                let number = record.rsplit_once('#')?.1.parse().ok()?;
                match event {
                    "acknowledged" => self.builder.acknowledged(producer, number),
                    _ => self
                        .builder
                        .send_failed(producer, number, line["error"].as_str()?),
                }
            }
            "offsets-set" | "records-deleted" => {}
            "log" => self.log(line)?,
            "stored" => self.stored(line)?,
            "committed" => {
                for (partition, offset) in line["offsets"].as_object()? {
                    let group = line["group"].as_str()?;
                    self.builder.committed(group, partition, offset.as_u64()?);
                }
            }
            "end" => self.ended = Some(line["how"] == "drained"),
            _ => self.member(event, line)?,
        }
        Some(())
    }

    fn log(&mut self, line: &Value) -> Option<()> {
        for record in line["records"].as_array()? {
            let value = record
                .get("value")
                .map(|value| value.as_str().map(str::to_owned));
            let text = record_text(
                record["record"].as_str()?,
                record["key"].as_str(),
                value.as_ref(),
            );
            let offset = record["offset"].as_u64()?;
            let partition = line["partition"].as_str()?;
            self.builder.logged(partition, format!("{offset} {text}"));
        }
        Some(())
    }

    /// What the group had stored before time 0 was written too, and is no part of the story.
    fn stored(&mut self, line: &Value) -> Option<()> {
        let (group, partition) = (line["group"].as_str()?, line["partition"].as_str()?);
        let before = self
            .scenario
            .groups
            .get(group)?
            .committed
            .contains(partition);
        let offsets = line["offsets"].as_array()?.iter();
        for offset in offsets.skip(usize::from(before)) {
            self.builder.stored(group, partition, offset.as_u64()?);
        }
        Some(())
    }

    fn member(&mut self, event: &str, line: &Value) -> Option<()> {
        let what = match event {
            "began" => Happened::Began,
            "runs-on" => {
                self.librdkafka = Some(text(line, "librdkafka")?);
                return Some(());
            }
            "assigned" => Happened::Assigned {
                generation: line["generation"].as_i64()?,
                partitions: texts(&line["partitions"])?,
            },
            "revoked" => Happened::Revoked(texts(&line["partitions"])?),
            "lost" => Happened::Lost(texts(&line["partitions"])?),
            "polled" => Happened::Polled(spans(&line["records"])?),
            "poll-failed" => Happened::PollFailed(text(line, "error")?),
            "processed" => Happened::Processed(place(line)?),
            "rows-stored" => Happened::RowsStored(spans(&line["records"])?),
            "processing-failed" => Happened::ProcessingFailed(place(line)?),
            "skipped" => Happened::Skipped(place(line)?),
            "handed-on" => Happened::HandedOn(place(line)?),
            "commit-asked" => Happened::CommitAsked(how(line)?),
            "commit-confirmed" => {
                let offsets = line["offsets"].as_object()?.iter();
                let offsets = offsets.map(|(tp, offset)| Some((tp.clone(), offset.as_u64()?)));
                Happened::CommitConfirmed(how(line)?, offsets.collect::<Option<_>>()?)
            }
            "commit-failed" => Happened::CommitFailed(how(line)?, text(line, "error")?),
            "leaving" => Happened::Leaving(line["reason"].as_str().map(str::to_owned)),
            "crashed" => Happened::Crashed,
            "closed" => return Some(()),
            _ => return None,
        };
        let member = line["member"].as_str()?;
        let group = self.scenario.groups.iter();
        let mut group =
            group.filter(|(name, group)| group.actors(name).iter().any(|one| one == member));
        self.builder.happened(group.next()?.0, member, what);
        Some(())
    }
}

fn text(line: &Value, key: &str) -> Option<String> {
    line[key].as_str().map(str::to_owned)
}

fn texts(list: &Value) -> Option<Vec<String>> {
    let texts = list.as_array()?.iter();
    texts.map(|text| Some(text.as_str()?.to_owned())).collect()
}

fn how(line: &Value) -> Option<How> {
    How::parse(line["how"].as_str()?)
}

fn place(line: &Value) -> Option<Place> {
    Place::parse(line["record"].as_str()?)
}

fn spans(list: &Value) -> Option<Vec<Place>> {
    let spans = list.as_array()?.iter().map(|span| {
        Some(Place {
            partition: span[0].as_str()?.to_owned(),
            first: span[1].as_u64()?,
            count: span[2].as_u64()?,
        })
    });
    spans.collect()
}
