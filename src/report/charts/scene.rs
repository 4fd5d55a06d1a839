//! A picture as data: marks at whole pixels, back to front. What draws them is `draw`.
//!
//! Texts are kept with the box they take, so that a test can hold that no two overlap.

use super::palette::{Colour, Fill, GREY, INK, PALE, Texture};
use super::type_face::{self, Weight};

/// A point: pixels to the right and down.
pub(super) type Point = (i32, i32);

/// A rectangle; the right and lower edge are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// The left edge.
    pub(super) left: i32,
    /// The upper edge.
    pub(super) top: i32,
    /// The right edge.
    pub(super) right: i32,
    /// The lower edge.
    pub(super) bottom: i32,
}

/// Which end of a text its place means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Pixels per em.
    pub(super) size: i32,
    /// How heavy it is.
    pub(super) weight: Weight,
    /// Its colour.
    pub(super) colour: Colour,
    /// Which end its place means.
    pub(super) anchor: Anchor,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// What it says.
    pub(super) text: String,
    /// How it looks.
    pub(super) style: Style,
    /// The anchored end, at the upper edge of the line.
    pub(super) place: Point,
}

/// One thing that is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A filled rectangle.
    Surface(Area, Fill),
    /// The outline of a rectangle.
    Outline(Area, Colour),
    /// A line through points, so many pixels thick.
    Path(Vec<Point>, Colour, i32),
    /// A filled circle.
    Dot(Point, i32, Colour),
    /// A filled polygon.
    Shape(Vec<Point>, Colour),
    /// Text.
    Text(Label),
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    /// Its width in pixels.
    pub(super) width: i32,
    /// Its height in pixels.
    pub(super) height: i32,
    /// What is on it, back to front.
    pub(super) marks: Vec<Mark>,
}

impl Area {
    /// The rectangle from one corner to the other.
    pub(super) const fn new(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// How wide it is.
    pub(super) const fn width(&self) -> i32 {
        self.right - self.left
    }

    /// How high it is.
    pub(super) const fn height(&self) -> i32 {
        self.bottom - self.top
    }

    /// Whether the two share a pixel.
    #[cfg(test)]
    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

impl Style {
    /// Running text in black.
    pub(super) const fn plain(size: i32) -> Self {
        Self {
            size,
            weight: Weight::Regular,
            colour: INK,
            anchor: Anchor::Start,
        }
    }

    /// Text that stands out.
    pub(super) const fn bold(size: i32) -> Self {
        Self {
            weight: Weight::Bold,
            ..Self::plain(size)
        }
    }

    /// Text that steps back.
    pub(super) const fn grey(size: i32) -> Self {
        Self {
            colour: GREY,
            ..Self::plain(size)
        }
    }

    /// The same in another colour.
    #[must_use]
    pub(super) const fn coloured(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The same with another anchor.
    #[must_use]
    pub(super) const fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// How wide a text is in this style.
    pub(super) fn width(&self, text: &str) -> i32 {
        type_face::width(text, self.size, self.weight)
    }

    /// The distance from one line to the next.
    pub(super) const fn line(&self) -> i32 {
        self.size * 5 / 4
    }
}

impl Label {
    /// The box it takes.
    pub(super) fn area(&self) -> Area {
        let width = self.style.width(&self.text);
        let (x, top) = self.place;
        let left = match self.style.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2,
            Anchor::End => x - width,
        };
        Area::new(left, top, left + width, top + self.style.size)
    }
}

impl Scene {
    /// An empty picture.
    pub(super) fn new(width: i32, height: i32) -> Self {
        Self {
            width,
            height,
            marks: Vec::new(),
        }
    }

    /// Adds a text at its upper edge.
    pub(super) fn text(&mut self, place: Point, style: Style, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.marks.push(Mark::Text(Label { text, style, place }));
        }
    }

    /// Adds a text whose middle is at the height of the place.
    pub(super) fn text_beside(&mut self, (x, y): Point, style: Style, text: impl Into<String>) {
        self.text((x, y - style.size / 2), style, text);
    }

    /// Adds a filled rectangle, if there is anything of it.
    pub(super) fn surface(&mut self, area: Area, fill: Fill) {
        if 0 < area.width() && 0 < area.height() {
            self.marks.push(Mark::Surface(area, fill));
        }
    }

    /// Adds the outline of a rectangle.
    pub(super) fn outline(&mut self, area: Area, colour: Colour) {
        self.marks.push(Mark::Outline(area, colour));
    }

    /// Adds a line through points.
    pub(super) fn path(&mut self, points: Vec<Point>, colour: Colour, thick: i32) {
        if 1 < points.len() {
            self.marks.push(Mark::Path(points, colour, thick));
        }
    }

    /// Adds a straight line.
    pub(super) fn line(&mut self, from: Point, to: Point, colour: Colour, thick: i32) {
        self.path(vec![from, to], colour, thick);
    }

    /// Adds a dotted upright line: what happened at one instant.
    pub(super) fn dotted(&mut self, x: i32, top: i32, bottom: i32, colour: Colour) {
        let mut y = top;
        while y < bottom {
            self.line((x, y), (x, (y + 5).min(bottom)), colour, 2);
            y += 10;
        }
    }

    /// Adds a filled circle.
    pub(super) fn dot(&mut self, at: Point, radius: i32, colour: Colour) {
        self.marks.push(Mark::Dot(at, radius, colour));
    }

    /// Adds a filled polygon.
    pub(super) fn shape(&mut self, points: Vec<Point>, colour: Colour) {
        self.marks.push(Mark::Shape(points, colour));
    }

    /// Adds a cross: the end of something.
    pub(super) fn cross(&mut self, (x, y): Point, reach: i32, colour: Colour) {
        let thick = (reach / 2).max(2);
        self.line(
            (x - reach, y - reach),
            (x + reach, y + reach),
            colour,
            thick,
        );
        self.line(
            (x - reach, y + reach),
            (x + reach, y - reach),
            colour,
            thick,
        );
    }

    /// A horizontal line of a grid.
    pub(super) fn grid(&mut self, left: i32, right: i32, y: i32) {
        self.line((left, y), (right, y), PALE, 1);
    }

    /// The texts that are on it.
    pub(super) fn labels(&self) -> impl Iterator<Item = &Label> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) => Some(label),
            _ => None,
        })
    }
}

#[cfg(test)]
impl Scene {
    /// Two texts that overlap, or one that leaves the picture: there is to be none.
    pub(super) fn collision(&self) -> Option<(String, String)> {
        let boxes: Vec<(&Label, Area)> = self.labels().map(|label| (label, label.area())).collect();
        let picture = Area::new(0, 0, self.width, self.height);
        for (index, (label, area)) in boxes.iter().enumerate() {
            let inside = picture.left <= area.left
                && area.right <= picture.right
                && picture.top <= area.top
                && area.bottom <= picture.bottom;
            if !inside {
                return Some((label.text.clone(), "the edge".to_owned()));
            }
            let hit = boxes[..index]
                .iter()
                .find(|(_, other)| area.overlaps(other));
            if let Some((other, _)) = hit {
                return Some((label.text.clone(), other.text.clone()));
            }
        }
        None
    }
}

/// The lines of a texture within an area, as pairs of points.
pub(super) fn hatching(area: &Area, texture: Texture, step: i32) -> Vec<(Point, Point)> {
    let Area {
        left,
        top,
        right,
        bottom,
    } = *area;
    let mut lines = Vec::new();
    if matches!(texture, Texture::Level) {
        let first = top + step / 2;
        let rows = (first..bottom).step_by(step as usize);
        lines.extend(rows.map(|y| ((left, y), (right, y))));
    }
    if matches!(texture, Texture::Upright) {
        let columns = (left + step / 2..right).step_by(step as usize);
        lines.extend(columns.map(|x| ((x, top), (x, bottom))));
    }
    // Lines of equal x + y rise, lines of equal x - y fall.
    if matches!(texture, Texture::Rising | Texture::Crossed) {
        let sums = (left + top + step..right + bottom).step_by(step as usize);
        lines.extend(sums.map(|sum| {
            let (low, high) = (left.max(sum - bottom), right.min(sum - top));
            ((low, sum - low), (high, sum - high))
        }));
    }
    if matches!(texture, Texture::Falling | Texture::Crossed) {
        let differences = (left - bottom + step..right - top).step_by(step as usize);
        lines.extend(differences.map(|difference| {
            let (low, high) = (left.max(top + difference), right.min(bottom + difference));
            ((low, low - difference), (high, high - difference))
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textures_stay_within_their_area() {
        let area = Area::new(13, 40, 97, 71);
        let textures = [
            Texture::Rising,
            Texture::Falling,
            Texture::Crossed,
            Texture::Level,
            Texture::Upright,
        ];
        for texture in textures {
            let lines = hatching(&area, texture, 7);
            assert!(3 < lines.len(), "{texture:?} is visible");
            for (x, y) in lines.into_iter().flat_map(|(from, to)| [from, to]) {
                let inside =
                    (area.left..=area.right).contains(&x) && (area.top..=area.bottom).contains(&y);
                assert!(inside, "{texture:?} at {x},{y}");
            }
        }
    }

    #[test]
    fn texts_upon_each_other_are_noticed() {
        let mut scene = Scene::new(200, 100);
        scene.text((10, 10), Style::plain(20), "lost");
        scene.text((10, 40), Style::plain(20), "once");
        assert_eq!(scene.collision(), None);
        scene.text((30, 50), Style::plain(20), "twice");
        assert!(scene.collision().is_some());
        let mut scene = Scene::new(200, 100);
        scene.text((190, 10), Style::plain(20), "beyond");
        assert!(scene.collision().is_some());
    }
}
