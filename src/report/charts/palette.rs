//! Colours and textures: those of Okabe and Ito, which people with any colour vision tell apart.
//!
//! Colour is never alone: every meaning also has a texture, a shape or a word.

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// What a surface is covered with, so that it can be told apart without its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texture {
    /// Nothing.
    Plain,
    /// Lines that rise to the right.
    Rising,
    /// Lines that fall to the right.
    Falling,
    /// Both.
    Crossed,
    /// Lines from left to right.
    Level,
    /// Lines from top to bottom.
    Upright,
}

/// How a surface looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    /// Its colour.
    pub(super) colour: Colour,
    /// Its texture.
    pub(super) texture: Texture,
}

/// Text and outlines.
pub(super) const INK: Colour = Colour(0x1c, 0x1c, 0x1c);
/// Text of lesser weight.
pub(super) const GREY: Colour = Colour(0x5e, 0x5e, 0x5e);
/// Axes.
pub(super) const FAINT: Colour = Colour(0x9a, 0x9a, 0x9a);
/// Grid lines, and surfaces behind everything else.
pub(super) const PALE: Colour = Colour(0xe6, 0xe6, 0xe6);
/// The paper.
pub(super) const WHITE: Colour = Colour(0xff, 0xff, 0xff);
/// Okabe and Ito's orange.
pub(super) const ORANGE: Colour = Colour(0xe6, 0x9f, 0x00);
/// Their sky blue.
pub(super) const SKY: Colour = Colour(0x56, 0xb4, 0xe9);
/// Their bluish green.
pub(super) const GREEN: Colour = Colour(0x00, 0x9e, 0x73);
/// Their yellow.
pub(super) const YELLOW: Colour = Colour(0xf0, 0xe4, 0x42);
/// Their blue.
pub(super) const BLUE: Colour = Colour(0x00, 0x72, 0xb2);
/// Their vermilion.
pub(super) const VERMILION: Colour = Colour(0xd5, 0x5e, 0x00);
/// Their reddish purple.
pub(super) const PURPLE: Colour = Colour(0xcc, 0x79, 0xa7);

/// Colours for things that have no meaning but to be different, such as the members of a group.
const SERIES: [Colour; 7] = [SKY, ORANGE, GREEN, PURPLE, YELLOW, BLUE, VERMILION];
/// Their textures: once the colours are through, they begin again with the next texture.
const TEXTURES: [Texture; 5] = [
    Texture::Plain,
    Texture::Rising,
    Texture::Level,
    Texture::Falling,
    Texture::Upright,
];

impl Fill {
    /// A surface of one colour.
    pub(super) const fn plain(colour: Colour) -> Self {
        Self {
            colour,
            texture: Texture::Plain,
        }
    }

    /// A surface with a texture.
    pub(super) const fn with(colour: Colour, texture: Texture) -> Self {
        Self { colour, texture }
    }

    /// The look of the `index`th of several things; the first 35 are all different.
    pub(super) fn nth(index: usize) -> Self {
        let texture = TEXTURES[index / SERIES.len() % TEXTURES.len()];
        Self::with(SERIES[index % SERIES.len()], texture)
    }
}

impl Colour {
    /// The colour for text upon this one: black or white, whichever can be read.
    pub(super) fn ink(self) -> Self {
        let Self(red, green, blue) = self;
        let light = u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114;
        if 130_000 < light { INK } else { WHITE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_never_look_the_same() {
        let fills: Vec<Fill> = (0..35).map(Fill::nth).collect();
        for (index, fill) in fills.iter().enumerate() {
            assert!(!fills[..index].contains(fill), "{fill:?} came before");
        }
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        assert_eq!(YELLOW.ink(), INK);
        assert_eq!(BLUE.ink(), WHITE);
    }
}
