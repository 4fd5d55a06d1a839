//! Aligned tables: the first column to the left, numbers to the right.

use super::text::{Text, Tone};

/// A table with a heading.
#[derive(Clone, Debug, Default)]
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

    /// The table as text, indented.
    pub fn text(&self, indent: usize) -> Text {
        let all = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |column: usize| {
            let widths = all().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let mut text = Text::default();
        for (number, row) in all().enumerate() {
            let mut line = " ".repeat(indent);
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                if column == 0 {
                    line = format!("{line}{cell:<width$}");
                } else {
                    line = format!("{line}  {cell:>width$}");
                }
            }
            text.line(
                if number == 0 {
                    Tone::Faint
                } else {
                    Tone::Plain
                },
                line,
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["group", "once", "|", "lost"]);
        table.row(["workers", "26", "0"].map(String::from));
        table.row(["analytics", "1 000", "4"].map(String::from));
        insta::assert_snapshot!(table.text(2).to_string(), @r#"
        group       once  |  lost
        workers       26  |     0
        analytics  1 000  |     4
        "#);
    }
}
