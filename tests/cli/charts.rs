//! `chart` and `report`: what they write, and what they leave alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lesson;
use crate::program::{Kafkasim, Scenario};

/// A folder that is not there yet.
fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(name);
    let removed = if folder.is_dir() {
        fs::remove_dir_all(&folder)
    } else if folder.exists() {
        fs::remove_file(&folder)
    } else {
        Ok(())
    };
    removed.expect("what an earlier run left can be removed");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry.expect("an entry")))
        .collect();
    names.sort();
    names
}

#[test]
fn a_chart_of_every_kind_is_written_as_picture_and_data() {
    let (file, out) = (lesson("charts"), fresh("charts-out"));
    let words = [
        "chart",
        file.path(),
        "--out",
        text(&out),
        "--csv",
        "--format",
        "svg",
    ];
    let run = Kafkasim::new(&words).run();
    run.exits(0);
    let names = names(&out);
    for name in [
        "charts-outcomes.svg",
        "charts-outcomes.csv",
        "charts-lag.svg",
        "charts-at-least-once-offsets.svg",
        "charts-at-most-once-owners.csv",
        "charts-at-most-once-life.svg",
    ] {
        assert!(names.contains(&name.to_owned()), "{name} among {names:?}");
        assert!(run.stdout.contains(name), "{name} is named");
    }
    assert!(
        names.iter().all(|name| !name.contains(".part")),
        "{names:?}"
    );
    let first = run.stdout.lines().next().expect("a title is printed");
    let svg = fs::read_to_string(out.join("charts-outcomes.svg")).expect("it is text");
    assert!(svg.contains(&format!("<title>{first}</title>")));
}

#[test]
fn kind_variant_format_and_size_choose() {
    let (file, out) = (lesson("chosen"), fresh("chosen-out"));
    let words = ["chart", file.path(), "--out", text(&out)];
    let choice = [
        "--kind",
        "offsets,owners",
        "--variant",
        "at-most-once",
        "--format",
        "svg",
    ];
    let run = Kafkasim::new(&[&words[..], &choice, &["--size", "page"]].concat()).run();
    run.exits(0);
    let expected = [
        "chosen-at-most-once-offsets.svg",
        "chosen-at-most-once-owners.svg",
    ];
    assert_eq!(names(&out), expected);
    let svg = fs::read_to_string(out.join(expected[0])).expect("it is text");
    assert!(svg.starts_with("<svg width=\"1000\""));
}

#[test]
fn what_cannot_be_drawn_or_written_exits_with_2_and_leaves_no_file() {
    let file = lesson("undrawn");
    let out = fresh("undrawn-out");
    let taken = fresh("undrawn-taken");
    fs::create_dir_all(taken.parent().expect("a folder")).expect("the folder can be made");
    fs::write(&taken, "a file").expect("the file can be written");
    let below = taken.join("below");
    let empty = Scenario::new(
        "no-group",
        "title: Nobody writes or reads\ntopics: { orders: {} }\n",
    );
    for (path, folder, more, says) in [
        (
            file.path(),
            &out,
            &["--variant", "at-most-onze"][..],
            "at-most-once",
        ),
        (file.path(), &out, &["--kind", "pie"][..], "outcomes"),
        (file.path(), &out, &["--format", "gif"][..], "svg"),
        (file.path(), &out, &["--size", "wall"][..], "slide"),
        ("nowhere.yaml", &out, &[][..], "no such file"),
        (empty.path(), &out, &[][..], "no chart"),
        (file.path(), &taken, &[][..], "not a folder"),
        (file.path(), &below, &[][..], "not a folder"),
    ] {
        let words = [&["chart", path, "--out", text(folder)], more].concat();
        let run = Kafkasim::new(&words).run();
        run.exits(2);
        assert_eq!(run.stdout, "", "no result of {words:?}");
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
        assert!(!out.exists(), "{words:?} writes nothing");
    }
    assert_eq!(
        fs::read_to_string(&taken).expect("it is still there"),
        "a file"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_device_are_told_from_folders() {
    let file = lesson("full");
    let words = [
        "chart",
        file.path(),
        "--out",
        "/dev/full",
        "--kind",
        "outcomes",
    ];
    let run = Kafkasim::new(&words).run();
    run.exits(2);
    assert!(run.stderr.contains("/dev/full"), "{}", run.stderr);
    let words = [
        "chart",
        file.path(),
        "--out",
        "/proc/none",
        "--kind",
        "outcomes",
    ];
    let run = Kafkasim::new(&words).run();
    run.exits(2);
    assert!(run.stderr.contains("error[output]"), "{}", run.stderr);
}

#[test]
fn a_gallery_is_made_once_and_then_checked() {
    let lessons = [
        ("one.yaml", crate::LESSON.to_owned()),
        ("two.yaml", crate::LESSON.to_owned()),
    ];
    let scenarios = Scenario::folder("gallery-in", &lessons);
    let out = fresh("gallery-out");
    let make = ["report", &scenarios, "--out", text(&out)];
    let check = [&make[..], &["--check"]].concat();
    let run = Kafkasim::new(&check).run();
    run.exits(1);
    assert!(!out.exists(), "a check writes nothing");
    Kafkasim::new(&make).run().exits(0);
    Kafkasim::new(&check).run().exits(0);
    assert_eq!(names(&out), ["README.md", "one", "two"]);
    let index = fs::read_to_string(out.join("README.md")).expect("there is an index");
    assert!(index.contains("](one/README.md)") && index.contains("](two/outcomes.svg)"));
    let page = fs::read_to_string(out.join("one/README.md")).expect("there is a page");
    for picture in page.split("](").skip(1) {
        let (picture, _) = picture.split_once(')').expect("a link is closed");
        assert!(out.join("one").join(picture).exists(), "{picture} is there");
    }
    assert!(
        page.contains("at-most-once") && page.contains("duplicated"),
        "a table is on it"
    );
    fs::write(out.join("one/outcomes.svg"), "changed").expect("it can be changed");
    fs::write(out.join("one/old.svg"), "stray").expect("it can be written");
    let run = Kafkasim::new(&check).run();
    run.exits(1);
    assert!(run.stdout.contains("outcomes.svg") && run.stdout.contains("old.svg"));
    assert!(
        !run.stdout.contains("lag.svg"),
        "what is up to date is not named"
    );
}

#[test]
fn a_gallery_of_nothing_is_refused() {
    let scenarios = Scenario::folder(
        "gallery-none",
        &[("a.yaml", "title: No variants\n".to_owned())],
    );
    let out = fresh("gallery-none-out");
    let run = Kafkasim::new(&["report", &scenarios, "--out", text(&out)]).run();
    run.exits(2);
    assert!(!out.exists());
}
