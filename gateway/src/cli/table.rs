//! Plain tables: columns as wide as what is in them, two spaces between, no lines.
//!
//! Widths are counted as a terminal shows them, where a Chinese character takes two columns.

use unicode_width::UnicodeWidthStr;

/// Lays out rows under their headings, a line each whatever is in them. The last column is never
/// padded.
pub(super) fn render(headings: &[String], rows: &[Vec<String>]) -> String {
    let flat = |row: &[String]| row.iter().map(|cell| cell.replace('\n', " ")).collect();
    let all: Vec<Vec<String>> =
        std::iter::once(flat(headings)).chain(rows.iter().map(|row| flat(row))).collect();
    let widest = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.as_str().width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(widest).collect();
    all.iter().map(|row| line(row, &widths)).collect::<Vec<_>>().join("\n")
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// The first line of a text, cut to `longest` characters.
pub(super) fn excerpt(text: &str, longest: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_line_up_in_both_scripts() {
        let rows = [row(&["job_1", "排队中", "x\ny"]), row(&["job_22", "failed", ""])];
        assert_eq!(
            render(&row(&["ID", "STATUS", "WHY"]), &rows),
            "ID      STATUS  WHY\njob_1   排队中  x y\njob_22  failed"
        );
        assert_eq!(render(&row(&["ID", "STATUS"]), &[]), "ID  STATUS");
    }

    #[test]
    fn an_excerpt_is_the_beginning_of_the_first_line() {
        let table = [
            ("short", "short"),
            ("  two\nlines", "two"),
            ("abcdefg", "abcdef…"),
            ("黑白照片的风格化", "黑白照片的风…"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(excerpt(text, 6), expected);
        }
    }
}
