//! Aligned tables: the first column to the left, numbers to the right.
//!
//! Where the page is too narrow for a table its rows stand below each other, a line per column.

use super::text::Tone;

/// A table with a heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names. A name `|` is a column that only separates.
    pub fn new(heading: &[&str]) -> Self {
        Self {
            heading: heading.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; a separating column is not in it.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells = cells.into_iter();
        let filled = self.heading.iter().map(|name| match name.as_str() {
            "|" => "|".to_owned(),
            _ => cells.next().expect("a row has a cell for every column"),
        });
        let row: Vec<String> = filled.collect();
        assert!(cells.next().is_none(), "a row has no cell too many");
        self.rows.push(row);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, indented: side by side, or stacked where that is too wide.
    pub fn lines(&self, indent: usize, columns: usize) -> Vec<(Tone, String)> {
        let beside = self.beside(indent);
        let fits = |(_, line): &(Tone, String)| line.chars().count() <= columns;
        if beside.iter().all(fits) {
            beside
        } else {
            self.stacked(indent, columns)
        }
    }

    fn widths(&self) -> Vec<usize> {
        let all = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max();
        (0..self.heading.len())
            .map(|column| width(column).unwrap_or(0))
            .collect()
    }

    fn beside(&self, indent: usize) -> Vec<(Tone, String)> {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let mut line = " ".repeat(indent);
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line = match column {
                    0 => format!("{line}{cell:<width$}"),
                    _ => format!("{line}  {cell:>width$}"),
                };
            }
            line.trim_end().to_owned()
        };
        let heading = std::iter::once((Tone::Faint, line(&self.heading)));
        let rows = self.rows.iter().map(|row| (Tone::Plain, line(row)));
        heading.chain(rows).collect()
    }

    /// `group: workers`, and below it `once  26` for each column.
    fn stacked(&self, indent: usize, columns: usize) -> Vec<(Tone, String)> {
        let (margin, room) = (" ".repeat(indent), columns.saturating_sub(indent + 2));
        let real = || (1..self.heading.len()).filter(|column| self.heading[*column] != "|");
        let names = real().map(|column| self.heading[column].chars().count());
        let name_width = names.max().unwrap_or(0);
        let cells = self
            .rows
            .iter()
            .flat_map(|row| real().map(|column| &row[column]));
        let cell_width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        let cell_width = cell_width.min(room.saturating_sub(name_width + 2));
        let mut lines = Vec::new();
        for row in &self.rows {
            let title = format!("{margin}{}: {}", self.heading[0], row[0]);
            if title.chars().count() <= columns {
                lines.push((Tone::Faint, title.trim_end().to_owned()));
            } else {
                lines.push((Tone::Faint, format!("{margin}{}:", self.heading[0])));
                lines.push((Tone::Faint, format!("{margin} {}", row[0])));
            }
            lines.extend(real().map(|column| {
                let (name, cell) = (&self.heading[column], &row[column]);
                let line = format!("{margin}  {name:<name_width$}  {cell:>cell_width$}");
                (Tone::Plain, line.trim_end().to_owned())
            }));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["group", "once", "|", "lost"]);
        table.row(["workers", "26", "0"].map(String::from));
        table.row(["analytics", "1 000", "4"].map(String::from));
        table
    }

    fn shown(columns: usize) -> String {
        let lines = table().lines(2, columns);
        lines.into_iter().map(|(_, line)| line + "\n").collect()
    }

    #[test]
    fn columns_are_aligned() {
        insta::assert_snapshot!(shown(80), @r#"
        group       once  |  lost
        workers       26  |     0
        analytics  1 000  |     4
        "#);
    }

    #[test]
    fn rows_are_stacked_where_the_page_is_narrow() {
        insta::assert_snapshot!(shown(20), @r"
        group: workers
          once     26
          lost      0
        group: analytics
          once  1 000
          lost      4
        ");
    }

    #[test]
    fn a_long_title_of_a_stacked_row_takes_two_lines() {
        let mut table = Table::new(&["requests of workers", "fetch"]);
        table.row(["at-least-once", "26"].map(String::from));
        let lines = table.lines(2, 24);
        let lines: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            lines,
            [
                "  requests of workers:",
                "   at-least-once",
                "    fetch  26"
            ]
        );
    }
}
