//! What every chart has: the finding as its title, where it comes from, and a key to its looks.

use super::palette::{Colour, Fill};
use super::scene::{Area, Point, Scene, Style};
use super::size::Size;
use super::type_face;

/// Lines of a title.
const TITLE_LINES: usize = 3;

/// A chart under way: the picture, and the room that is left.
#[derive(Debug)]
pub(super) struct Frame {
    /// The picture.
    pub(super) scene: Scene,
    /// What it is made for.
    pub(super) size: Size,
    /// What is left of it for data.
    pub(super) room: Area,
}

/// How an entry of a key looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A surface.
    Surface(Fill),
    /// A line.
    Line(Colour),
    /// A line with a dot upon it.
    Dotted(Colour),
    /// A dot.
    Dot(Colour),
    /// A cross.
    Cross(Colour),
    /// A short upright line.
    Tick(Colour),
    /// A zigzag in the time axis.
    Break,
}

impl Frame {
    /// A picture of at least the size's height with a title; `extra` is the height that it needs
    /// beyond that.
    pub(super) fn new(size: Size, title: &str, source: &str, extra: i32) -> Self {
        let mut scene = Scene::new(size.width(), size.height() + extra.max(0));
        let margin = size.margin();
        let (mut y, room) = (margin * 3 / 4, size.width() - 2 * margin);
        let style = size.title();
        for line in title_lines(title, style, room) {
            scene.text((margin, y), style, line);
            y += style.line();
        }
        y += size.gap(3);
        let small = size.small();
        let source = type_face::fitted(source, small.size, small.weight, room);
        scene.text((margin, y), small, source);
        y += small.line() + size.gap(8);
        let room = Area::new(
            margin,
            y,
            size.width() - margin,
            scene.height - margin * 3 / 4,
        );
        Self { scene, size, room }
    }

    /// Puts a key at the top of the room, in as many rows as it needs.
    pub(super) fn key(&mut self, entries: &[(Look, &str)]) {
        let style = self.size.text();
        let (sample, gap) = (style.size * 8 / 5, style.size / 2);
        let (mut x, mut y) = (self.room.left, self.room.top);
        for (look, words) in entries {
            let wide = sample + gap + style.width(words);
            if self.room.right < x + wide && self.room.left < x {
                x = self.room.left;
                y += style.line() + gap / 2;
            }
            self.sample((x, y), *look);
            let words_room = self.room.right - x - sample - gap;
            let words = type_face::fitted(words, style.size, style.weight, words_room);
            self.scene.text((x + sample + gap, y), style, words);
            x += wide + style.size;
        }
        if !entries.is_empty() {
            self.room.top = y + style.line() + self.size.gap(9);
        }
    }

    /// An example of a look, one and a half letters wide and one high.
    fn sample(&mut self, (x, y): Point, look: Look) {
        let size = self.size.text().size;
        let (right, middle) = (x + size * 8 / 5, y + size / 2);
        let (centre, thick) = (x + size * 4 / 5, self.size.line());
        match look {
            Look::Surface(fill) => {
                let area = Area::new(x, y, right, y + size);
                self.scene.surface(area, fill);
            }
            Look::Line(colour) => self.scene.line((x, middle), (right, middle), colour, thick),
            Look::Dotted(colour) => {
                self.scene.line((x, middle), (right, middle), colour, thick);
                self.scene.dot((centre, middle), thick * 2, colour);
            }
            Look::Dot(colour) => self.scene.dot((centre, middle), thick * 2, colour),
            Look::Cross(colour) => self.scene.cross((centre, middle), size * 2 / 5, colour),
            Look::Tick(colour) => {
                let area = Area::new(centre - 1, y, centre + 2, y + size);
                self.scene.surface(area, Fill::plain(colour));
            }
            Look::Break => zigzag(&mut self.scene, centre, middle, size / 4),
        }
    }

    /// A note at the lower left of the picture, below the room.
    pub(super) fn note(&mut self, words: &str) {
        let style = self.size.small();
        let room = self.room.width();
        let lines = type_face::wrapped(words, style.size, style.weight, room);
        let mut y = self.room.bottom - style.line() * lines.len() as i32;
        self.room.bottom = y - self.size.gap(6);
        for line in lines {
            let line = type_face::fitted(&line, style.size, style.weight, room);
            self.scene.text((self.room.left, y), style, line);
            y += style.line();
        }
    }
}

/// The mark of a time that is left out.
pub(super) fn zigzag(scene: &mut Scene, x: i32, y: i32, reach: i32) {
    let points = vec![
        (x - reach * 2, y),
        (x - reach, y - reach),
        (x + reach, y + reach),
        (x + reach * 2, y),
    ];
    scene.path(points, super::palette::GREY, 2);
}

/// A title in few lines; a very long one ends in an ellipsis.
fn title_lines(title: &str, style: Style, room: i32) -> Vec<String> {
    let mut lines = type_face::wrapped(title, style.size, style.weight, room);
    if TITLE_LINES < lines.len() {
        lines.truncate(TITLE_LINES);
        let last = lines.last_mut().expect("there are several lines");
        last.push_str(" …");
    }
    let fit = |line: &String| type_face::fitted(line, style.size, style.weight, room);
    lines.iter().map(fit).collect()
}
