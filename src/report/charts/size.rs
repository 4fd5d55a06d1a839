//! The two sizes of a chart, and the room and letters that each has.

use super::scene::Style;

/// What a chart is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A projector: 1600 by 900, large letters.
    Slide,
    /// A printed page: 1000 by 660; at 150 mm width its smallest letters are of 6 points.
    Page,
}

impl Size {
    /// The width in pixels.
    pub(super) const fn width(self) -> i32 {
        match self {
            Self::Slide => 1600,
            Self::Page => 1000,
        }
    }

    /// The height in pixels; a chart with much to show is taller.
    pub(super) const fn height(self) -> i32 {
        match self {
            Self::Slide => 900,
            Self::Page => 660,
        }
    }

    /// The empty border.
    pub(super) const fn margin(self) -> i32 {
        match self {
            Self::Slide => 48,
            Self::Page => 28,
        }
    }

    /// The finding above the chart.
    pub(super) const fn title(self) -> Style {
        Style::bold(match self {
            Self::Slide => 36,
            Self::Page => 24,
        })
    }

    /// Names in the chart.
    pub(super) const fn name(self) -> Style {
        Style::bold(self.text().size)
    }

    /// Text in the chart.
    pub(super) const fn text(self) -> Style {
        Style::plain(match self {
            Self::Slide => 22,
            Self::Page => 16,
        })
    }

    /// Numbers on axes, and notes.
    pub(super) const fn small(self) -> Style {
        Style::grey(match self {
            Self::Slide => 18,
            Self::Page => 14,
        })
    }

    /// How thick a line of data is.
    pub(super) const fn line(self) -> i32 {
        match self {
            Self::Slide => 4,
            Self::Page => 3,
        }
    }

    /// A distance between things, in twelfths of the size of text.
    pub(super) const fn gap(self, twelfths: i32) -> i32 {
        self.text().size * twelfths / 12
    }
}
