//! Draws a prompt onto a picture, in any script of Unicode's basic plane.
//!
//! The glyphs are GNU Unifont's bitmaps: 8 or 16 pixels wide, 16 high, enlarged by whole
//! factors. Text that does not fit is cut with an ellipsis; the picture's size never changes.

use image::{Rgba, RgbaImage};

const GLYPH: u32 = 16;
/// About this many Chinese characters to a line: large enough to be read in a thumbnail.
const FULL_WIDTH_PER_LINE: u32 = 22;
const MAX_LINES: usize = 4;
const INK: [u8; 3] = [255, 255, 255];
/// Shown for what the font lacks, such as emoji.
const MISSING: char = '\u{FFFD}';
const ELLIPSIS: char = '…';

/// Draws `text` in white on a darkened band along the picture's lower edge.
pub(super) fn draw(picture: &mut RgbaImage, text: &str) {
    let (width, height) = picture.dimensions();
    let scale = (width / (GLYPH * FULL_WIDTH_PER_LINE)).max(1);
    let margin = GLYPH * scale / 2;
    let line_height = GLYPH * scale + 4 * scale;
    let room = width.saturating_sub(2 * margin) / scale;
    let fitting = usize::try_from(height.saturating_sub(margin) / line_height).unwrap_or(1);
    let lines = wrap(text, room.max(GLYPH), fitting.clamp(1, MAX_LINES));

    let band = lines.len() as u32 * line_height + margin;
    let top = height.saturating_sub(band);
    darken(picture, top);
    for (row, line) in lines.iter().enumerate() {
        let y = top + margin / 2 + row as u32 * line_height;
        draw_line(picture, line, (margin.min(width / 8), y), scale);
    }
}

/// Breaks text into lines of at most `room` font pixels: at a space where the line has one.
fn wrap(text: &str, room: u32, max_lines: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for piece in pieces(word, room) {
            let Some(line) = lines.last_mut() else { break };
            let gap = if line.is_empty() { "" } else { " " };
            if width_of(line) + width_of(gap) + width_of(&piece) <= room {
                line.push_str(gap);
                line.push_str(&piece);
            } else {
                lines.push(piece);
            }
            if lines.len() > max_lines {
                return shorten(lines, max_lines, room);
            }
        }
    }
    lines
}

/// A word as pieces that each fit on a line. Chinese runs on without spaces, so a run of it is
/// one word here.
fn pieces(word: &str, room: u32) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for glyph in word.chars() {
        let width = glyph_width(glyph);
        if used + width > room {
            pieces.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(piece) = pieces.last_mut() {
            piece.push(glyph);
        }
    }
    pieces
}

fn shorten(mut lines: Vec<String>, max_lines: usize, room: u32) -> Vec<String> {
    lines.truncate(max_lines);
    if let Some(last) = lines.last_mut() {
        while width_of(last) + glyph_width(ELLIPSIS) > room && last.pop().is_some() {}
        last.push(ELLIPSIS);
    }
    lines
}

fn darken(picture: &mut RgbaImage, from: u32) {
    let row = picture.width() as usize;
    for pixel in picture.pixels_mut().skip(from as usize * row) {
        let [r, g, b, alpha] = pixel.0;
        // A transparent picture gets a visible band all the same.
        pixel.0 = [r / 4, g / 4, b / 4, alpha.max(192)];
    }
}

fn draw_line(picture: &mut RgbaImage, line: &str, (left, top): (u32, u32), scale: u32) {
    let mut pen = left;
    for character in line.chars() {
        let Some(glyph) = glyph_of(character) else { continue };
        let width = glyph_width(character);
        for y in 0..GLYPH * scale {
            for x in 0..width * scale {
                let inked = glyph.get_pixel((x / scale) as usize, (y / scale) as usize);
                if inked && let Some(pixel) = picture.get_pixel_mut_checked(pen + x, top + y) {
                    *pixel = Rgba([INK[0], INK[1], INK[2], 255]);
                }
            }
        }
        pen += width * scale;
    }
}

fn glyph_of(character: char) -> Option<&'static unifont::Glyph> {
    unifont::get_glyph(character).or_else(|| unifont::get_glyph(MISSING))
}

fn glyph_width(character: char) -> u32 {
    glyph_of(character).map_or(0, |glyph| if glyph.is_fullwidth() { GLYPH } else { GLYPH / 2 })
}

fn width_of(text: &str) -> u32 {
    text.chars().map(glyph_width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(width: u32, height: u32) -> RgbaImage {
        RgbaImage::from_pixel(width, height, Rgba([120, 60, 30, 255]))
    }

    fn inked(picture: &RgbaImage) -> usize {
        picture.pixels().filter(|pixel| pixel.0 == [255; 4]).count()
    }

    #[test]
    fn captions_show_in_chinese_and_in_ascii_and_differ() {
        let drawn = ["加一顶红帽子", "add a red hat", "加一頂藍帽子"].map(|text| {
            let mut picture = blank(400, 300);
            draw(&mut picture, text);
            assert!(inked(&picture) > 100, "{text}");
            assert_eq!(picture.get_pixel(200, 10).0, [120, 60, 30, 255], "the top is untouched");
            picture
        });
        assert!(drawn[0] != drawn[1] && drawn[0] != drawn[2]);
    }

    #[test]
    fn a_chinese_glyph_is_the_font_s_and_not_a_placeholder() {
        assert_eq!(width_of("红a"), 24);
        assert_ne!(glyph_of('红'), glyph_of(MISSING));
        assert_eq!(glyph_of('🎩'), glyph_of(MISSING));
    }

    #[test]
    fn letters_grow_with_the_picture() {
        let [mut small, mut large] = [blank(400, 400), blank(1600, 400)];
        draw(&mut small, "hat");
        draw(&mut large, "hat");
        assert!(inked(&large) > 8 * inked(&small));
    }

    #[test]
    fn long_text_wraps_at_spaces_and_ends_in_an_ellipsis() {
        assert_eq!(wrap("add a red hat", 80, 4), ["add a red", "hat"]);
        assert_eq!(wrap("加一顶红帽子", 48, 4), ["加一顶", "红帽子"]);
        assert_eq!(wrap("加一顶红帽子", 48, 1), ["加一…"]);
        assert_eq!(wrap("  \n ", 48, 1), [""]);
    }

    #[test]
    fn any_picture_takes_any_text() {
        for (width, height) in [(1, 1), (3, 500), (500, 3), (40, 40)] {
            for text in ["", "a", "🎩\u{202e}\0", &"长".repeat(5000)] {
                let mut picture = blank(width, height);
                draw(&mut picture, text);
                assert_eq!(picture.dimensions(), (width, height));
            }
        }
    }
}
