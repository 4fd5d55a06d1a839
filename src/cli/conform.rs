//! `conform`: the same scenario simulated and played on real Kafka, compared.
//!
//! Real Kafka is played once; where the stories part, or where two real runs already differ, it is
//! played again up to five times, because what varies there by itself is no fault of the simulator.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Choice, Conform};
use super::files::{self, Unreadable};
use super::input::{self, Refusal};
use super::printer::Printer;
use super::real_kafka::{self, Player, RealKafka, Unplayed};
use super::show;
use super::status::Status;
use super::write;
use crate::lab::Experiment;
use crate::lab::conform::{self, Comparison, Played, Stored, Story, compare};
use crate::report::conformance::{self, Result as Compared, Row, Tally};
use crate::report::{Text, Tone};

/// So often a run is played at most.
const RUNS_MAX: usize = 5;

/// One run of a file, on both sides.
struct Case {
    path: PathBuf,
    experiment: Experiment,
    document: Value,
    simulated: Story,
    played: Vec<Played>,
    /// Why there is no real story.
    without: Option<Unplayed>,
}

/// Compares every run of every file.
pub(super) fn conform(
    args: &Conform,
    json: bool,
    printer: &mut Printer,
) -> Result<Status, Refusal> {
    let rows = if args.stored {
        with_stored(args, printer)?
    } else {
        with_real(args, json, printer)?
    };
    if args.markdown {
        printer.line(conformance::markdown(&rows).trim_end());
    } else if json {
        let documents: Vec<Value> = rows.iter().map(conformance::document).collect();
        printer.line(json!({ "version": JSON_VERSION, "runs": documents }));
    } else {
        if args.stored {
            for row in &rows {
                printer.text(&conformance::row(row));
            }
        }
        printer.line("");
        printer.line(Tally::of(&rows).line());
    }
    Ok(status(&rows))
}

fn status(rows: &[Row]) -> Status {
    let worst = rows.iter().map(|row| match &row.result {
        Compared::Compared(comparison) if !comparison.agrees() => Status::NotAsExpected,
        Compared::Failed(_) => Status::BadInput,
        Compared::Compared(_) | Compared::Played | Compared::NotComparable(_) => Status::AsExpected,
    });
    worst.max().unwrap_or(Status::AsExpected)
}

/// The name of a scenario file in tables and stored runs.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The runs of a file that were asked for.
fn experiments(
    path: &Path,
    args: &Conform,
    printer: &mut Printer,
) -> Result<Vec<(Experiment, Value)>, Refusal> {
    let choice = Choice {
        variant: args.variant.clone(),
        seed: None,
    };
    let loaded = input::load(path, &choice, printer)?;
    let wanted = |index: &usize| args.variant.is_none() || *index == loaded.chosen;
    let runs = (0..loaded.runs.len())
        .filter(wanted)
        .map(|index| &loaded.runs[index]);
    let prepared = runs.map(|run| Ok((input::prepare(run)?, show::document(run))));
    prepared.collect()
}

// With the runs that were kept.

fn with_stored(args: &Conform, printer: &mut Printer) -> Result<Vec<Row>, Refusal> {
    let folder = real_kafka::folder()?.join("recorded");
    let mut rows = Vec::new();
    for path in files::all_scenarios(&args.paths)? {
        let stored = stored(&folder, &path)?;
        for (experiment, _) in experiments(&path, args, printer)? {
            let variant = experiment.variant.as_deref();
            let real = stored.as_ref().and_then(|stored| stored.of(variant));
            let result = match real {
                Some(real) => {
                    Compared::Compared(compare::compare(&conform::simulated(&experiment), &real))
                }
                None => Compared::NotComparable("no run of real Kafka is stored".to_owned()),
            };
            rows.push(Row {
                file: stem(&path),
                variant: experiment.variant.clone(),
                runs: stored.as_ref().map_or(0, |stored| stored.runs(variant)),
                result,
            });
        }
    }
    Ok(rows)
}

/// The stored runs of a scenario file, if they are of this very scenario.
fn stored(folder: &Path, scenario: &Path) -> Result<Option<Stored>, Refusal> {
    let path = folder.join(stem(scenario)).with_extension("json");
    if !path.is_file() {
        return Ok(None);
    }
    let text = |path: &Path| -> Result<String, Refusal> {
        let bytes = files::read(path)?;
        String::from_utf8(bytes).map_err(|_| unreadable(path, "not UTF-8".to_owned()))
    };
    let stored = Stored::read(&text(&path)?).map_err(|reason| unreadable(&path, reason))?;
    if stored.is_of(&text(scenario)?) {
        Ok(Some(stored))
    } else {
        let reason = "these are runs of another text of the scenario; `kafkasim conform --record` makes them anew";
        Err(unreadable(&path, reason.to_owned()))
    }
}

fn unreadable(path: &Path, reason: String) -> Refusal {
    let path = path.to_owned();
    Refusal::Unreadable(Unreadable { path, reason })
}

// With real Kafka itself.

fn with_real(args: &Conform, json: bool, printer: &mut Printer) -> Result<Vec<Row>, Refusal> {
    let paths = files::all_scenarios(&args.paths)?;
    let mut loaded = Vec::new();
    for path in paths {
        let experiments = experiments(&path, args, printer)?;
        loaded.push((path, experiments));
    }
    let mut crew = Crew {
        kafka: RealKafka::prepare()?,
        players: Vec::new(),
    };
    let mut rows = Vec::new();
    for (path, experiments) in loaded {
        let cases = experiments.into_iter().map(|(experiment, document)| {
            let without = conform::why_not(&experiment.scenario, crew.kafka.has_librdkafka());
            Case {
                path: path.clone(),
                simulated: conform::simulated(&experiment),
                experiment,
                document,
                played: Vec::new(),
                without: without.map(Unplayed::Unsupported),
            }
        });
        let mut cases: Vec<Case> = cases.collect();
        while play_once(&mut cases, args, &mut crew) {}
        for case in &cases {
            let row = case.row(args);
            if !json && !args.markdown {
                printer.text(&conformance::row(&row));
                if args.real_only && !args.record {
                    printer.text(&case.told());
                }
                printer.flush();
            }
            rows.push(row);
        }
        if args.record {
            record(&crew.kafka.folder.join("recorded"), &path, &cases)?;
        }
    }
    Ok(rows)
}

/// Plays every case that needs it once more, one with each player at a time. Whether there was any.
fn play_once(cases: &mut [Case], args: &Conform, crew: &mut Crew) -> bool {
    let wanted = (0..cases.len()).filter(|index| cases[*index].needs_more(args));
    let wanted: Vec<usize> = wanted.collect();
    for together in wanted.chunks(args.jobs.max(1)) {
        let started: Vec<_> = (together.iter().zip(0..))
            .map(|(index, at)| (*index, at, crew.play(at, &cases[*index].document)))
            .collect();
        for (index, at, started) in started {
            let case = &mut cases[index];
            let lines = started.and_then(|()| crew.story(at));
            let played = lines.and_then(|lines| {
                conform::read(&case.experiment.scenario, &lines).map_err(Unplayed::Failed)
            });
            match played {
                Ok(played) => case.played.push(played),
                Err(reason) => case.without = Some(reason),
            }
        }
    }
    !wanted.is_empty()
}

/// The processes that play, each started when it is first needed.
struct Crew {
    kafka: RealKafka,
    players: Vec<Option<Player>>,
}

impl Crew {
    fn play(&mut self, at: usize, document: &Value) -> Result<(), Unplayed> {
        if self.players.len() <= at {
            self.players.resize_with(at + 1, || None);
        }
        let player = match self.players[at].take() {
            Some(player) => player,
            None => self.kafka.start()?,
        };
        self.players[at].insert(player).play(document);
        Ok(())
    }

    fn story(&mut self, at: usize) -> Result<String, Unplayed> {
        let player = self.players[at].as_mut().expect("it was told to play");
        let story = player.story();
        if matches!(story, Err(Unplayed::Failed(_))) {
            self.players[at] = None;
        }
        story
    }
}

impl Case {
    fn stories(&self) -> Vec<&Story> {
        self.played.iter().map(|played| &played.story).collect()
    }

    fn compared(&self) -> Comparison {
        compare::compare(&self.simulated, &self.stories())
    }

    /// Once is enough where both sides agree; what differs may vary by itself.
    fn needs_more(&self, args: &Conform) -> bool {
        if self.without.is_some() || RUNS_MAX <= self.played.len() {
            return false;
        }
        if self.played.len() < args.runs {
            return true;
        }
        let comparison = self.compared();
        let unlike = comparison.varies() || !comparison.agrees();
        !args.real_only && unlike
    }

    fn row(&self, args: &Conform) -> Row {
        let result = match &self.without {
            Some(Unplayed::Unsupported(reason)) => Compared::NotComparable(reason.clone()),
            Some(Unplayed::Failed(reason)) => Compared::Failed(reason.clone()),
            None if args.real_only => Compared::Played,
            None => Compared::Compared(self.compared()),
        };
        Row {
            file: stem(&self.path),
            variant: self.experiment.variant.clone(),
            runs: self.played.len() as u32,
            result,
        }
    }

    /// The real stories, as they would be stored.
    fn told(&self) -> Text {
        let mut text = Text::default();
        for story in self.stories() {
            let told = serde_json::to_string_pretty(story);
            let told = told.expect("stories consist of maps, lists and texts");
            for line in told.lines() {
                text.line(Tone::Plain, line);
            }
        }
        text
    }
}

/// Keeps the real runs of a file, in place of those that were kept before.
fn record(folder: &Path, scenario: &Path, cases: &[Case]) -> Result<(), Refusal> {
    let text = String::from_utf8_lossy(&files::read(scenario)?).into_owned();
    // What was recorded of other variants stays, if it is of this very scenario.
    let kept = stored(folder, scenario).ok().flatten();
    let mut stored = kept.unwrap_or_else(|| Stored::new(&text));
    let played = cases
        .iter()
        .filter(|case| case.without.is_none() && !case.played.is_empty());
    for case in played {
        stored.keep(case.experiment.variant.as_deref(), &case.played);
    }
    if stored.variants.is_empty() {
        return Ok(());
    }
    let path = folder.join(stem(scenario)).with_extension("json");
    write::folder(folder)?;
    write::file(&path, stored.text().as_bytes())?;
    Ok(())
}
