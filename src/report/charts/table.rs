//! The data under a chart as comma-separated values (RFC 4180): integers and names, a header first.

/// Rows of cells.
#[derive(Clone, Debug)]
pub(super) struct Csv {
    columns: usize,
    text: String,
}

impl Csv {
    /// A table with these columns.
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut csv = Self {
            columns: columns.len(),
            text: String::new(),
        };
        csv.row(columns.iter().map(ToString::to_string));
        csv
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&cell)).collect();
        assert_eq!(
            cells.len(),
            self.columns,
            "a row has a cell for every column"
        );
        self.text.push_str(&cells.join(","));
        self.text.push('\n');
    }

    /// The table as text.
    pub(super) fn text(self) -> String {
        self.text
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_name_is_no_column() {
        let mut csv = Csv::new(&["name", "records"]);
        csv.row(["workers, \"fast\"".to_owned(), "3".to_owned()]);
        assert_eq!(csv.text(), "name,records\n\"workers, \"\"fast\"\"\",3\n");
    }
}
