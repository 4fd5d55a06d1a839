//! Claims about whole charts, of runs large and small.

use super::*;
use crate::scenario;
use crate::scenario::written::{Fault, Group, Producer, Scenario, Topic};
use crate::verdict::names::NamedSet;

/// A shop, its workers, and a crash in the middle.
fn scenario(partitions: u32, records: u32, members: u32, commit: &str) -> Scenario {
    let group = Group::reading("orders")
        .members(members)
        .start_at("5s")
        .commit(commit)
        .config("auto.offset.reset", "earliest");
    Scenario::new("A worker <crashes> & its records come back")
        .topic("orders", Topic::with(partitions, 3))
        .producer("shop", Producer::to("orders").records(records))
        .group("workers", group)
        .fault(
            Fault::crash("workers")
                .before("process")
                .nth(3)
                .restart_after("5s"),
        )
}

fn comparison(scenarios: &[(&str, Scenario)]) -> Comparison {
    let experiment = |(name, scenario): &(&str, Scenario)| {
        let mut experiment = Experiment::of(scenario).expect("the scenario has no mistake");
        experiment.variant = (!name.is_empty()).then(|| (*name).to_owned());
        experiment
    };
    Comparison::new(scenarios.iter().map(experiment).collect())
}

fn both() -> Comparison {
    comparison(&[
        ("at-least-once", scenario(3, 30, 2, "after-processing")),
        ("at-most-once", scenario(3, 30, 2, "before-processing")),
    ])
}

fn cells(csv: &str) -> Vec<Vec<&str>> {
    csv.lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect()
}

#[test]
fn labels_stand_apart_with_few_and_many_partitions_records_and_members() {
    for (partitions, records, members) in [(1, 5, 1), (2, 60, 2), (5, 30, 9), (12, 60, 3)] {
        let scenario = scenario(partitions, records, members, "after-processing");
        let comparison = comparison(&[("", scenario)]);
        for size in [Size::Slide, Size::Page] {
            for chart in of(&comparison, &Kind::ALL, size) {
                let what = format!("{partitions} partitions, {records} records, {size:?}");
                assert_eq!(chart.scene.collision(), None, "{:?}: {what}", chart.kind);
            }
        }
    }
}

/// The lesson in which a leader dies with records that only it has.
fn dead_leader() -> Comparison {
    const LESSON: &str = include_str!("../../../scenarios/cluster/acks-and-a-dead-leader.yaml");
    let no_file = |name: &str| Err(format!("{name} is not read here"));
    let options = scenario::Options::default();
    let loaded = scenario::load(LESSON.as_bytes(), "lesson.yaml", &no_file, &options);
    let runs = loaded.expect("a lesson has no mistake").runs;
    let experiments = runs
        .iter()
        .map(|run| Experiment::new(run).expect("it was checked"));
    Comparison::new(experiments.collect())
}

#[test]
fn the_copies_of_a_partition_show_what_their_cluster_went_through() {
    let charts = of(&dead_leader(), &[Kind::Replicas], Size::Page);
    let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "broker-2 leads orders-0 from 23 s on; 30 records are gone from the log of broker-1",
            "broker-2 leads orders-0 from 23 s on; 30 records are gone from the log of broker-1",
            "broker-2 leads orders-0 from 23 s on; no log loses its end",
        ]
    );
    for chart in &charts {
        assert_eq!(chart.scene.collision(), None, "{:?}", chart.variant);
        let rows = cells(&chart.csv);
        let ends = |broker: &str| {
            let own = rows.iter().filter(|row| row[1] == broker);
            own.map(|row| row[3].parse::<u64>().expect("a number"))
                .collect::<Vec<_>>()
        };
        let falls = ends("broker-1").windows(2).any(|pair| pair[1] < pair[0]);
        assert_eq!(falls, chart.variant.as_deref() != Some("acks-all"));
        assert_eq!(
            ends("broker-1").last(),
            ends("broker-3").last(),
            "all agree in the end"
        );
    }
}

#[test]
fn there_is_a_chart_of_every_kind_and_no_two_have_one_name() {
    let mut charts = of(&both(), &Kind::ALL, Size::Slide);
    charts.extend(of(&dead_leader(), &[Kind::Replicas], Size::Slide));
    for kind in Kind::ALL {
        assert!(charts.iter().any(|chart| chart.kind == kind), "{kind:?}");
    }
    let mut names: Vec<String> = charts.iter().map(|chart| chart.file_stem("file")).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(
        names.contains(&"file-at-most-once-offsets".to_owned()),
        "{names:?}"
    );
}

#[test]
fn titles_hold_the_numbers_of_their_runs() {
    let comparison = both();
    let verdict = |index: usize| &comparison.runs[index].1.verdict.groups[0];
    let (again, lost) = (verdict(0).duplicated.len(), verdict(1).lost_count());
    assert!(
        0 < again && 0 < lost,
        "the crash did something in both variants"
    );
    let charts = of(&comparison, &Kind::ALL, Size::Slide);
    let title = |kind, variant: Option<&str>| {
        let own = |chart: &&Chart| chart.kind == kind && chart.variant.as_deref() == variant;
        charts
            .iter()
            .find(own)
            .expect("every kind is drawn")
            .title
            .clone()
    };
    let outcomes = title(Kind::Outcomes, None);
    assert!(
        outcomes.contains(&format!("repeats {again} of 30")),
        "{outcomes}"
    );
    assert!(outcomes.contains(&format!("loses {lost}")), "{outcomes}");
    let life = title(Kind::Life, Some("at-least-once"));
    assert!(life.starts_with(&format!("{again} of 30")), "{life}");
    let offsets = title(Kind::Offsets, Some("at-most-once"));
    assert!(offsets.contains("never processed"), "{offsets}");
}

#[test]
fn data_under_a_chart_is_what_the_ledger_counts() {
    let comparison = both();
    let charts = of(&comparison, &Kind::ALL, Size::Page);
    for (experiment, outcome) in &comparison.runs {
        let group = &outcome.verdict.groups[0];
        let of_kind = |kind| {
            let own = |chart: &&Chart| chart.kind == kind && chart.variant == experiment.variant;
            charts.iter().find(own).map(|chart| cells(&chart.csv))
        };
        let count = |kind, column: usize, word: &str| {
            let rows = of_kind(kind).expect("the run is drawn");
            rows.iter().filter(|row| row[column] == word).count() as u64
        };
        assert_eq!(count(Kind::Offsets, 2, "processed"), group.totals.processed);
        assert_eq!(count(Kind::Life, 2, "processed"), group.totals.processed);
        assert_eq!(count(Kind::Life, 2, "lost"), group.lost_count());
        let last = |what: &str, partition: &str| {
            let rows = of_kind(Kind::Offsets).expect("the run is drawn");
            let mut own = rows
                .iter()
                .filter(|row| row[0] == partition && row[2] == what);
            own.next_back().and_then(|row| row[3].parse::<u64>().ok())
        };
        for (name, partition) in &group.partitions {
            assert_eq!(last("committed", name), partition.committed, "{name}");
            assert_eq!(last("position", name), partition.position, "{name}");
        }
        let sets: [&NamedSet; 2] = [&group.once, &group.duplicated];
        let processed: u64 = sets.iter().map(|set| set.len()).sum();
        assert!(
            processed + group.lost_count() == 30,
            "every record is accounted for"
        );
    }
}

#[test]
fn an_svg_is_well_formed_and_says_its_title() {
    for chart in of(&both(), &Kind::ALL, Size::Page) {
        let svg = chart.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        let title = chart.title.replace('&', "&amp;").replace('<', "&lt;");
        assert!(svg.contains(&format!("<title>{title}</title>")));
        let mut open: Vec<&str> = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, _) = piece.split_once('>').expect("a tag is closed");
            let name = tag
                .trim_start_matches('/')
                .split(' ')
                .next()
                .expect("a tag has a name");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "tags are nested");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty());
        assert!(!svg.contains("& ") && svg.contains("&lt;crashes&gt; &amp; its"));
        let plain =
            |word: &str| !word.contains('.') || !word.ends_with(|c: char| c.is_ascii_digit());
        let coordinates = svg
            .split(['"', ' ', ','])
            .filter(|word| word.starts_with('-'));
        assert!(
            coordinates.clone().all(plain),
            "coordinates are whole numbers"
        );
    }
}

#[test]
fn the_same_run_is_drawn_with_the_same_bytes() {
    let draw = || {
        let charts = of(&both(), &Kind::ALL, Size::Page);
        charts.iter().map(Chart::svg).collect::<Vec<_>>()
    };
    assert!(draw() == draw());
}

#[test]
fn a_png_has_the_size_of_its_scene_twice() {
    let charts = of(&both(), &[Kind::Outcomes], Size::Slide);
    let png = charts[0].png();
    assert!(png == charts[0].png(), "the same bytes again");
    assert_eq!(&png[1..4], b"PNG");
    let number = |at: usize| u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]);
    assert_eq!((number(16), number(20)), (3200, 1800));
}
