//! A scene as SVG or PNG, with plotters. The only file that knows plotters.
//!
//! SVG names the font and holds whole numbers only, so its bytes are the same everywhere. PNG is
//! drawn twice as large and carries the embedded font's letters.

use ab_glyph::{Font, PxScale, point};
use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};
use plotters_backend::{DrawingBackend, DrawingErrorKind};

use super::palette::{Colour, Fill, Texture, WHITE};
use super::scene::{Anchor, Area, Label, Mark, Point, Scene, hatching};
use super::type_face::{self, FAMILY, Weight};

/// Pixels of a PNG per pixel of the scene.
const PNG_SCALE: i32 = 2;
/// The distance of a texture's lines.
const TEXTURE_STEP: i32 = 12;
/// What plotters divides a font's size by to get pixels per em.
const PLOTTERS_EM: f64 = 1.24;
/// Where the baseline is below the upper edge of a line, in hundredths of its size; plotters' SVG
/// says the same.
const BASELINE: i32 = 76;

/// The picture as SVG; its title is for who cannot see it.
pub(super) fn svg(scene: &Scene, title: &str) -> String {
    let mut text = String::new();
    {
        let size = (scene.width as u32, scene.height as u32);
        let mut backend = SVGBackend::with_string(&mut text, size);
        paint(scene, &mut backend, 1, named_letters).expect("writing to a string does not fail");
        backend
            .present()
            .expect("writing to a string does not fail");
    }
    let (head, body) = text.split_once(">\n").expect("an SVG begins with its tag");
    // What every viewer assumes anyway.
    let body = body.replace(" opacity=\"1\"", "");
    let body = body.replace(" stroke=\"none\" stroke-width=\"1\"", "");
    let body = body.replace(" stroke=\"none\"", "");
    let body = body
        .replace("\n</text>", "</text>")
        .replace(" \"/>", "\"/>");
    let body = with_lengths(scene, &body);
    let title = escaped(title);
    format!("{head} role=\"img\">\n<title>{title}</title>\n{body}")
}

/// The picture as PNG, two pixels for one of the scene.
pub(super) fn png(scene: &Scene) -> Vec<u8> {
    let (width, height) = (scene.width * PNG_SCALE, scene.height * PNG_SCALE);
    let mut pixels = vec![0xff; (width * height * 3) as usize];
    {
        let size = (width as u32, height as u32);
        let mut bitmap = BitMapBackend::with_buffer(&mut pixels, size);
        paint(scene, &mut bitmap, PNG_SCALE, drawn_letters)
            .expect("drawing into memory does not fail");
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Default);
    let mut writer = encoder.write_header().expect("memory takes every byte");
    writer
        .write_image_data(&pixels)
        .expect("the picture has the size it was announced with");
    writer.finish().expect("memory takes every byte");
    bytes
}

/// Says of every text how wide it is, so that it takes the same room in a viewer's own font.
fn with_lengths(scene: &Scene, body: &str) -> String {
    const TEXT: &str = "<text ";
    let mut pieces = body.split(TEXT);
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for (label, piece) in scene.labels().zip(pieces) {
        let width = label.area().width();
        let length = format!("textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" ");
        whole.push_str(&[TEXT, &length, piece].concat());
    }
    whole
}

/// A text inside of SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

type Painted<B> = Result<(), DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

/// How a label comes to stand on a backend, at a scale.
type Letters<B> = fn(&mut B, &Label, i32) -> Painted<B>;

fn paint<B: DrawingBackend>(
    scene: &Scene,
    backend: &mut B,
    scale: i32,
    letters: Letters<B>,
) -> Painted<B> {
    let paper = Area::new(0, 0, scene.width, scene.height);
    surface(backend, &paper, Fill::plain(WHITE), scale)?;
    for mark in &scene.marks {
        match mark {
            Mark::Surface(area, fill) => surface(backend, area, *fill, scale)?,
            Mark::Outline(area, colour) => {
                let (low, high) = corners(area, scale);
                backend.draw_rect(low, high, &stroke(*colour, scale), false)?;
            }
            Mark::Path(points, colour, thick) => {
                backend.draw_path(scaled(points, scale), &stroke(*colour, thick * scale))?;
            }
            Mark::Dot(at, radius, colour) => {
                let radius = (radius * scale) as u32;
                backend.draw_circle(times(*at, scale), radius, &filled(*colour), true)?;
            }
            Mark::Shape(points, colour) => {
                backend.fill_polygon(scaled(points, scale), &filled(*colour))?;
            }
            Mark::Text(label) => letters(backend, label, scale)?,
        }
    }
    Ok(())
}

fn surface<B: DrawingBackend>(backend: &mut B, area: &Area, fill: Fill, scale: i32) -> Painted<B> {
    let (low, high) = corners(area, scale);
    backend.draw_rect(low, high, &filled(fill.colour), true)?;
    if fill.texture == Texture::Plain {
        return Ok(());
    }
    let lines = stroke(fill.colour.ink(), scale);
    for (from, to) in hatching(area, fill.texture, TEXTURE_STEP) {
        backend.draw_path([times(from, scale), times(to, scale)], &lines)?;
    }
    Ok(())
}

/// Text that names its font and leaves the letters to who shows the picture.
fn named_letters<B: DrawingBackend>(backend: &mut B, label: &Label, scale: i32) -> Painted<B> {
    let style = label.style;
    let horizontal = match style.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let weight = match style.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    let family = FontFamily::Name(FAMILY);
    let ink = colour(style.colour);
    let text_style = TextStyle::from((family, plotters_size(style.size * scale), weight))
        .color(&ink)
        .pos(Pos::new(horizontal, VPos::Top));
    backend.draw_text(&label.text, &text_style, times(label.place, scale))
}

/// The size that plotters turns into so many pixels per em.
#[allow(
    clippy::float_arithmetic,
    reason = "plotters takes sizes as floats; one product of two constants is the same everywhere"
)]
fn plotters_size(pixels: i32) -> f64 {
    f64::from(pixels) * PLOTTERS_EM
}

fn times((x, y): Point, scale: i32) -> Point {
    (x * scale, y * scale)
}

fn scaled(points: &[Point], scale: i32) -> Vec<Point> {
    points.iter().map(|point| times(*point, scale)).collect()
}

fn corners(area: &Area, scale: i32) -> (Point, Point) {
    let low = times((area.left, area.top), scale);
    (low, times((area.right, area.bottom), scale))
}

const fn colour(Colour(red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn filled(of: Colour) -> ShapeStyle {
    ShapeStyle::from(&colour(of)).filled()
}

fn stroke(of: Colour, thick: i32) -> ShapeStyle {
    ShapeStyle::from(&colour(of)).stroke_width(thick as u32)
}

/// Text whose letters are drawn here, each at its own width and bearing.
fn drawn_letters<B: DrawingBackend>(backend: &mut B, label: &Label, scale: i32) -> Painted<B> {
    let style = label.style;
    let font = type_face::font(style.weight);
    let area = label.area();
    let size = style.size * scale;
    let per_em = font.units_per_em().expect("the embedded font has a size") as i32;
    // A scale in ab_glyph is the height of a line, not the em.
    let height = font.height_unscaled() as i32 * size;
    let pixels = PxScale::from(to_float(height, per_em));
    let baseline = area.top * scale + size * BASELINE / 100;
    let mut units = 0;
    for letter in label.text.chars() {
        let id = font.glyph_id(letter);
        let x = to_float(units * size, per_em);
        units += font.h_advance_unscaled(id) as i32;
        let glyph = id.with_scale_and_position(pixels, point(x, 0.0));
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let corner = outline.px_bounds().min;
        let (left, top) = (
            area.left * scale + corner.x as i32,
            baseline + corner.y as i32,
        );
        let mut painted = Ok(());
        outline.draw(|x, y, coverage| {
            let place = (left + x as i32, top + y as i32);
            let colour = colour(style.colour).mix(coverage.clamp(0.0, 1.0).into());
            if painted.is_ok() {
                painted = backend.draw_pixel(place, colour.to_backend_color());
            }
        });
        painted?;
    }
    Ok(())
}

/// A fraction as the font's renderer takes it.
#[allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "letters are placed between pixels; one division is the same everywhere"
)]
fn to_float(numerator: i32, denominator: i32) -> f32 {
    numerator as f32 / denominator as f32
}
