//! The numbers of a group, as the columns of a table: what is rare has one only where it occurred.

use super::table::Table;
use super::text::{Text, grouped};
use crate::verdict::summary::GroupVerdict;

/// A column's name, whether it stands there though every number is 0, and its number.
type Column = (&'static str, bool, fn(&GroupVerdict) -> u64);

const COLUMNS: [Column; 9] = [
    ("once", true, |group| group.once.len()),
    ("duplicated", true, |group| group.duplicated.len()),
    ("lost", true, GroupVerdict::lost_count),
    ("reordered", false, |group| group.reordered.len()),
    ("overtaken", false, |group| group.overtaken.len()),
    ("handed on", false, |group| group.handed_on.len()),
    ("waiting", false, |group| group.waiting.len()),
    ("processed", true, |group| group.totals.processed),
    ("rebalances", true, |group| group.rebalances),
];

/// A row: its name, the group's numbers if there is such a group, and what is said behind them.
pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) group: Option<&'a GroupVerdict>,
    pub(super) end: Option<&'static str>,
}

/// The table; the first column is headed by `title`, the last by `end`.
pub(super) fn table(title: &str, rows: &[Row<'_>], end: Option<&str>) -> Text {
    let groups = || rows.iter().filter_map(|row| row.group);
    let occurs = |value: fn(&GroupVerdict) -> u64| groups().any(|group| 0 < value(group));
    let shown = COLUMNS
        .iter()
        .filter(|(_, always, value)| *always || occurs(*value));
    let mut names = vec![title];
    for (name, _, _) in shown.clone() {
        names.extend((*name == "processed").then_some("|"));
        names.push(*name);
    }
    names.extend(end);
    let mut table = Table::new(&names);
    for row in rows {
        let mut cells = vec![row.name.clone()];
        cells.extend(shown.clone().map(|(_, _, value)| {
            row.group
                .map_or_else(|| "-".to_owned(), |group| grouped(value(group)))
        }));
        cells.extend(row.end.map(str::to_owned));
        table.row(cells);
    }
    let mut text = Text::default();
    if !table.is_empty() {
        text.table(2, table);
    }
    text
}
