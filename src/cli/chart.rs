//! `chart`: pictures of a scenario's runs, into a folder.

use serde_json::{Value, json};

use super::JSON_VERSION;
use super::args::{Chart as Arguments, ChartFormat, ChartKind, ChartSize, Choice};
use super::input::{self, Refusal};
use super::printer::Printer;
use super::run;
use super::status::Status;
use super::write;
use crate::lab::{Comparison, Experiment};
use crate::report::Tone;
use crate::report::charts::{self, Chart, Kind, Size};

/// Draws what was asked for, and says which files it wrote.
pub(super) fn chart(
    args: &Arguments,
    json: bool,
    printer: &mut Printer,
) -> Result<Status, Refusal> {
    let comparison = Comparison::new(experiments(args, printer)?);
    let kinds = kinds(&args.kind);
    let charts = charts::of(&comparison, &kinds, size(args.size));
    refuse_nothing(&charts, &args.kind)?;
    write::folder(&args.out)?;
    let stem = args.file.file_stem().unwrap_or_default();
    let mut written = Vec::new();
    for chart in &charts {
        let name = chart.file_stem(&stem.to_string_lossy());
        let files = files(args, &name);
        for (file, format) in &files {
            write::file(&args.out.join(file), &bytes(chart, *format))?;
        }
        if !json {
            printer.line(&chart.title);
            for (file, _) in &files {
                printer.line(format_args!("  {}", args.out.join(file).display()));
            }
        }
        written.push(document(args, chart, &files));
    }
    if json {
        printer.line(json!({
            "version": JSON_VERSION,
            "file": args.file.display().to_string(),
            "charts": written,
        }));
    }
    let statuses = comparison
        .runs
        .iter()
        .map(|(_, outcome)| run::status(outcome));
    // A chart judges nothing; but of a run that was cut short it shows only the beginning.
    if statuses
        .into_iter()
        .any(|status| status == Status::BoundHit)
    {
        printer.remark(
            Tone::Bad,
            "a bound was hit: the charts end where the run was cut short",
        );
        return Ok(Status::BoundHit);
    }
    Ok(Status::AsExpected)
}

/// The runs that are drawn: one variant, or all.
fn experiments(args: &Arguments, printer: &mut Printer) -> Result<Vec<Experiment>, Refusal> {
    let choice = Choice {
        variant: args.variant.clone(),
        seed: args.seed,
    };
    let loaded = input::load(&args.file, &choice, printer)?;
    if args.variant.is_some() {
        return Ok(vec![input::prepare(&loaded.runs[loaded.chosen])?]);
    }
    loaded.runs.iter().map(input::prepare).collect()
}

/// The kinds that were named, or all.
fn kinds(named: &[ChartKind]) -> Vec<Kind> {
    if named.is_empty() {
        return Kind::ALL.to_vec();
    }
    let kind = |kind: &ChartKind| match kind {
        ChartKind::Outcomes => Kind::Outcomes,
        ChartKind::Offsets => Kind::Offsets,
        ChartKind::Owners => Kind::Owners,
        ChartKind::Lag => Kind::Lag,
        ChartKind::Life => Kind::Life,
        ChartKind::Replicas => Kind::Replicas,
    };
    named.iter().map(kind).collect()
}

const fn size(named: ChartSize) -> Size {
    match named {
        ChartSize::Slide => Size::Slide,
        ChartSize::Page => Size::Page,
    }
}

/// A scenario of which there is nothing to draw is told so.
fn refuse_nothing(charts: &[Chart], named: &[ChartKind]) -> Result<(), Refusal> {
    if !charts.is_empty() {
        return Ok(());
    }
    let what = if named.is_empty() {
        ""
    } else {
        " of this kind"
    };
    let help = "charts show what groups did with records; this scenario has no group";
    Err(Refusal::argument(
        format!("there is no chart{what} to draw"),
        Some(help.to_owned()),
    ))
}

/// What a chart is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Svg,
    Png,
    Csv,
}

/// The files of a chart by name.
fn files(args: &Arguments, stem: &str) -> Vec<(String, Form)> {
    let pictures = args.format.iter().map(|format| match format {
        ChartFormat::Svg => (format!("{stem}.svg"), Form::Svg),
        ChartFormat::Png => (format!("{stem}.png"), Form::Png),
    });
    let data = args.csv.then(|| (format!("{stem}.csv"), Form::Csv));
    pictures.chain(data).collect()
}

fn bytes(chart: &Chart, form: Form) -> Vec<u8> {
    match form {
        Form::Svg => chart.svg().into_bytes(),
        Form::Png => chart.png(),
        Form::Csv => chart.csv.clone().into_bytes(),
    }
}

fn document(args: &Arguments, chart: &Chart, files: &[(String, Form)]) -> Value {
    let paths = files.iter().map(|(file, _)| args.out.join(file));
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    json!({
        "kind": chart.kind.word(),
        "variant": chart.variant,
        "group": chart.group,
        "title": chart.title,
        "files": paths,
    })
}
