//! The time axis. Runs of Kafka have milliseconds of work and then a session timeout of 45 s: where
//! nothing happens for long, the axis is broken, and each stretch between breaks has its own scale.

use super::frame::zigzag;
use super::palette::FAINT;
use super::scene::{Anchor, Scene, Style};
use crate::base::{Instant, Span};

/// The stretches of time that a chart shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    stretches: Vec<Stretch>,
    /// Whether something goes on behind the last instant.
    open: bool,
}

/// Time without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: Instant,
    to: Instant,
    /// At how many different instants something happens.
    instants: u64,
}

/// A timeline laid out between two edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pieces: Vec<Piece>,
    /// Room behind the last instant for what goes on to the end of the run.
    tail: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    stretch: Stretch,
    left: i32,
    right: i32,
}

/// A gap is left out if it takes more than this part of what is shown, in hundredths …
const GAP_SHARE: u64 = 12;
/// … and so many times the mean of the other gaps.
const GAP_TIMES: u64 = 5;
/// The width of a break.
const BREAK: i32 = 28;
/// The distance of a stretch's first and last instant from its edges.
const PADDING: i32 = 8;

impl Timeline {
    /// The time in which these things happen, with at most so many stretches.
    pub(super) fn new(mut instants: Vec<Instant>, stretches_max: usize) -> Self {
        instants.sort_unstable();
        instants.dedup();
        let first = instants.first().copied().unwrap_or(Instant::ZERO);
        let last = instants.last().copied().unwrap_or(Instant::ZERO);
        let mut gaps: Vec<(Instant, Instant)> =
            instants.windows(2).map(|pair| (pair[0], pair[1])).collect();
        gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to.since(*from)));
        let mut left = last.since(first).0;
        let mut breaks = Vec::new();
        for (index, (from, to)) in gaps.iter().enumerate() {
            let gap = to.since(*from).0;
            let others = (gaps.len() - index - 1) as u64;
            let mean = (left - gap) / others.max(1);
            let is_long = left * GAP_SHARE / 100 < gap && mean.saturating_mul(GAP_TIMES) < gap;
            if !is_long || stretches_max <= breaks.len() + 1 {
                break;
            }
            breaks.push((*from, *to));
            left -= gap;
        }
        breaks.sort_unstable();
        let begins = std::iter::once(first).chain(breaks.iter().map(|(_, to)| *to));
        let ends = breaks.iter().map(|(from, _)| *from).chain([last]);
        let stretch = |(from, to): (Instant, Instant)| Stretch {
            from,
            to,
            instants: instants
                .iter()
                .filter(|at| from <= **at && **at <= to)
                .count() as u64,
        };
        Self {
            stretches: begins.zip(ends).map(stretch).collect(),
            open: false,
        }
    }

    /// Leaves out the time from the last instant to the end of the run, in which what began there
    /// goes on.
    #[must_use]
    pub(super) fn open_if(self, open: bool) -> Self {
        Self { open, ..self }
    }

    /// Whether time is left out.
    pub(super) fn is_broken(&self) -> bool {
        1 < self.stretches.len() || self.open
    }

    /// Lays it out with so much room at the right, if it is open, for what goes on to the end.
    pub(super) fn laid_with_tail(&self, left: i32, right: i32, label: i32, tail: i32) -> Axis {
        let tail = if self.open { tail } else { 0 };
        let axis = self.laid(left, right - tail, label);
        Axis { tail, ..axis }
    }

    /// Lays it out. A stretch's width is by its length and by how much happens in it, half and half;
    /// none is narrower than a label.
    pub(super) fn laid(&self, left: i32, right: i32, label: i32) -> Axis {
        let count = self.stretches.len() as i32;
        let narrowest = label
            .min((right - left - BREAK * (count - 1)) / count)
            .max(1);
        let free = (right - left - BREAK * (count - 1) - narrowest * count).max(0);
        let length = |stretch: &Stretch| u128::from(stretch.to.since(stretch.from).0);
        let lengths: u128 = self.stretches.iter().map(length).sum();
        let instants: u64 = self.stretches.iter().map(|stretch| stretch.instants).sum();
        let share = |stretch: &Stretch| {
            let by_length = length(stretch) * free as u128 / lengths.max(1);
            let by_count =
                u128::from(stretch.instants) * free as u128 / u128::from(instants.max(1));
            u128::midpoint(by_length, by_count) as i32
        };
        let mut at = left;
        let mut pieces: Vec<Piece> = Vec::new();
        for stretch in &self.stretches {
            let width = narrowest + share(stretch);
            pieces.push(Piece {
                stretch: *stretch,
                left: at,
                right: at + width,
            });
            at += width + BREAK;
        }
        if let Some(last) = pieces.last_mut() {
            last.right = right;
        }
        Axis { pieces, tail: 0 }
    }
}

impl Piece {
    fn x(&self, at: Instant) -> i32 {
        let (from, to) = (self.stretch.from, self.stretch.to);
        let room = self.right - self.left - 2 * PADDING;
        let length = to.since(from).0;
        if length == 0 {
            return i32::midpoint(self.left, self.right);
        }
        let into = at.since(from).0.min(length);
        self.left + PADDING + (u128::from(into) * room.max(0) as u128 / u128::from(length)) as i32
    }

    /// Round instants with their labels, none of which leaves the piece.
    fn ticks(&self, style: Style) -> Vec<(i32, String)> {
        let (from, to) = (self.stretch.from, self.stretch.to);
        let inside = |x: i32, text: &str| {
            let half = style.width(text) / 2 + 2;
            self.left - BREAK / 2 <= x - half && x + half <= self.right + BREAK / 2
        };
        for step in steps() {
            let length = to.since(from).0;
            if length < step / 2 || 100 < length / step {
                continue;
            }
            let first = from.0.div_ceil(step);
            let ticks = (first..=to.0 / step).map(|n| Instant(n * step));
            let labelled: Vec<(i32, String)> =
                ticks.map(|at| (self.x(at), seconds(at, step))).collect();
            let apart = labelled.windows(2).all(|pair| {
                let needed = style.width(&pair[1].1) + style.size;
                needed <= pair[1].0 - pair[0].0
            });
            if !apart {
                continue;
            }
            let shown: Vec<_> = labelled
                .into_iter()
                .filter(|(x, text)| inside(*x, text))
                .collect();
            if !shown.is_empty() {
                return without_zeros(shown);
            }
        }
        let text = seconds(from, finest(from));
        let x = i32::midpoint(self.left, self.right);
        if inside(x, &text) {
            vec![(x, text)]
        } else {
            Vec::new()
        }
    }
}

/// Whole seconds without decimals, where all of them are whole.
fn without_zeros(labels: Vec<(i32, String)>) -> Vec<(i32, String)> {
    let whole = |text: &str| Some(format!("{} s", text.strip_suffix(".0 s")?));
    let shorter = labels.iter().map(|(x, text)| Some((*x, whole(text)?)));
    shorter.collect::<Option<Vec<_>>>().unwrap_or(labels)
}

/// 1, 2 and 5 microseconds, and so on up to hours.
fn steps() -> impl Iterator<Item = u64> {
    (0..10).flat_map(|power| [1, 2, 5].map(|n: u64| n * 1_000 * 10_u64.pow(power)))
}

/// The step that shows an instant to the millisecond.
fn finest(at: Instant) -> u64 {
    let millis = at.as_millis();
    match (millis.is_multiple_of(1_000), millis.is_multiple_of(10)) {
        (true, _) => 1_000_000_000,
        (false, true) => 10_000_000,
        (false, false) => 1_000_000,
    }
}

/// An instant in seconds, with as many decimals as a multiple of the step needs.
fn seconds(at: Instant, step: u64) -> String {
    let decimals = (0..9_u32)
        .find(|decimals| step.is_multiple_of(1_000_000_000 / 10_u64.pow(*decimals)))
        .unwrap_or(9);
    let unit = 1_000_000_000 / 10_u64.pow(decimals);
    let units = at.0 / unit;
    let scale = 10_u64.pow(decimals);
    if decimals == 0 {
        format!("{units} s")
    } else {
        let places = decimals as usize;
        format!("{}.{:0places$} s", units / scale, units % scale)
    }
}

impl Axis {
    /// Where an instant is; one that is left out is in the middle of its break.
    pub(super) fn x(&self, at: Instant) -> i32 {
        let piece = self.pieces.iter().find(|piece| at <= piece.stretch.to);
        match piece {
            Some(piece) if at < piece.stretch.from => {
                let is_first = piece.left == self.left();
                if is_first {
                    piece.left
                } else {
                    piece.left - BREAK / 2
                }
            }
            Some(piece) => piece.x(at),
            None => self.right(),
        }
    }

    /// The left edge.
    pub(super) fn left(&self) -> i32 {
        self.pieces.first().map_or(0, |piece| piece.left)
    }

    /// The right edge.
    pub(super) fn right(&self) -> i32 {
        let last = self.pieces.last().map_or(0, |piece| piece.right);
        last + self.tail
    }

    /// The last instant on it.
    pub(super) fn end(&self) -> Instant {
        self.pieces
            .last()
            .map_or(Instant::ZERO, |piece| piece.stretch.to)
    }

    /// Draws the line with its breaks.
    pub(super) fn draw(&self, scene: &mut Scene, y: i32) {
        for piece in &self.pieces {
            scene.line((piece.left, y), (piece.right, y), FAINT, 2);
        }
        for pair in self.pieces.windows(2) {
            zigzag(scene, i32::midpoint(pair[0].right, pair[1].left), y, 6);
        }
        if 0 < self.tail {
            let begin = self.right() - self.tail;
            scene.line((begin, y), (self.right(), y), FAINT, 2);
            zigzag(scene, begin + BREAK / 2, y, 6);
        }
    }

    /// Puts instants below the line.
    pub(super) fn label(&self, scene: &mut Scene, y: i32, style: Style) {
        let style = style.anchored(Anchor::Middle);
        for (x, text) in self.pieces.iter().flat_map(|piece| piece.ticks(style)) {
            scene.line((x, y), (x, y + 6), FAINT, 2);
            let half = style.width(&text) / 2 + 1;
            // The last label may not leave the picture.
            let x = x.min(scene.width - half).max(half);
            scene.text((x, y + 10), style, text);
        }
    }
}

/// A length of time for a sentence: `45 s`, `1.5 s`, `12 ms`.
pub(super) fn spoken(span: Span) -> String {
    let millis = span.as_millis();
    match millis {
        0 => format!("{} µs", span.0 / 1_000),
        1..1_000 => format!("{millis} ms"),
        1_000..10_000 => {
            format!("{}.{} s", millis / 1_000, millis % 1_000 / 100).replace(".0 s", " s")
        }
        _ => format!("{} s", (millis + 500) / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instants(millis: &[u64]) -> Vec<Instant> {
        millis.iter().map(|at| Instant(at * 1_000_000)).collect()
    }

    #[test]
    fn a_session_timeout_is_left_out_and_work_is_not() {
        let work = [
            10_000, 10_020, 10_040, 10_060, 61_000, 61_020, 61_040, 61_060,
        ];
        let timeline = Timeline::new(instants(&work), 8);
        assert_eq!(timeline.stretches.len(), 2);
        let axis = timeline.laid(100, 900, 80);
        let x: Vec<i32> = instants(&work).into_iter().map(|at| axis.x(at)).collect();
        assert!(x.windows(2).all(|pair| pair[0] < pair[1]), "{x:?} ascends");
        assert!(100 <= x[0] && x[7] <= 900);
        let between = axis.x(Instant(30_000_000_000));
        assert!(x[3] < between && between < x[4]);
    }

    #[test]
    fn an_even_pace_has_no_break() {
        let timeline = Timeline::new((0..20).map(|n| Instant(n * 500_000_000)).collect(), 8);
        assert!(!timeline.is_broken());
    }

    #[test]
    fn what_lasts_to_the_end_has_room_behind_the_last_instant() {
        let timeline = Timeline::new(instants(&[0, 100, 200]), 8).open_if(true);
        assert!(timeline.is_broken(), "the rest of the run is left out");
        let axis = timeline.laid_with_tail(0, 500, 80, 100);
        let last = axis.x(Instant(200_000_000));
        assert!(last <= 400 && axis.x(Instant(9_000_000_000)) == 500);
        let closed = Timeline::new(instants(&[0, 100, 200]), 8);
        let axis = closed.laid_with_tail(0, 500, 80, 100);
        assert!(400 < axis.x(Instant(200_000_000)));
    }

    #[test]
    fn whole_seconds_have_no_decimals() {
        let labels = |texts: &[&str]| texts.iter().map(|t| (0, (*t).to_owned())).collect();
        let texts = |labels: Vec<(i32, String)>| -> Vec<String> {
            labels.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(without_zeros(labels(&["12.0 s"]))), ["12 s"]);
        let mixed = ["6.5 s", "7.0 s"];
        assert_eq!(texts(without_zeros(labels(&mixed))), mixed);
    }

    #[test]
    fn labels_stand_apart() {
        let work = [
            0, 50, 100, 10_000, 10_107, 16_116, 16_117, 21_203, 61_116, 61_400,
        ];
        for width in [250, 400, 1_500] {
            let timeline = Timeline::new(instants(&work), (width / 110) as usize);
            let style = Style::grey(18);
            let mut scene = Scene::new(width + 40, 60);
            let axis = timeline.laid(20, width + 20, 76);
            axis.label(&mut scene, 10, style);
            assert_eq!(scene.collision(), None);
            assert!(scene.labels().next().is_some());
        }
    }

    #[test]
    fn seconds_have_the_decimals_of_their_step() {
        let at = Instant(16_120_000_000);
        assert_eq!(seconds(at, 20_000_000), "16.12 s");
        assert_eq!(seconds(at, 1_000_000_000), "16 s");
        assert_eq!(seconds(Instant(2_050_000_000), 50_000_000), "2.05 s");
        assert_eq!(spoken(Span::from_millis(44_912)), "45 s");
        assert_eq!(spoken(Span::from_millis(1_500)), "1.5 s");
        assert_eq!(spoken(Span::from_millis(12)), "12 ms");
    }
}
