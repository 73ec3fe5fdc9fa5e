//! `infra/COST.md`, as far as it is held to anything: its tables.

use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/COST.md");

/// The page.
pub(super) struct Page(String);

impl Page {
    pub(super) fn read() -> Self {
        Self(fs::read_to_string(PAGE).expect("the page"))
    }

    /// The rows of the first table after this heading or bold line, without the table's own head.
    pub(super) fn table(&self, heading: &str) -> Vec<Vec<String>> {
        let is_heading = |line: &&str| line.trim_start_matches(['#', '*', ' ']).trim_end_matches('*') == heading;
        let after = self.0.lines().skip_while(|line| !is_heading(line)).skip_while(|line| !line.starts_with('|'));
        let rows = after.take_while(|line| line.starts_with('|')).skip(2);
        let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        rows.map(cells).collect()
    }

    /// A cell of a table, by what the row begins with.
    fn cell(&self, heading: &str, row: &str, place: usize) -> String {
        let rows = self.table(heading);
        let found = rows.iter().find(|cells| cells[0] == row);
        found.unwrap_or_else(|| panic!("`{row}` is not in `{heading}`: {rows:?}"))[place].clone()
    }

    /// How many of something a request is, in this column.
    pub(super) fn quantity(&self, what: &str, place: usize) -> f64 {
        number(&self.cell(QUANTITIES, what, 1 + place))
    }

    /// What a request is made of.
    pub(super) fn units(&self) -> Vec<String> {
        self.table(QUANTITIES).into_iter().map(|cells| cells[0].clone()).collect()
    }

    /// What a million of something cost, in dollars.
    pub(super) fn price(&self, what: &str) -> f64 {
        number(&self.cell(QUANTITIES, what, 1 + VARIANTS))
    }

    /// What a line of the bill is, in this column, in dollars for a million requests.
    pub(super) fn dollars(&self, line: &str, place: usize) -> f64 {
        number(&self.cell(DOLLARS, line, 1 + place))
    }

    /// The lines of the bill that are ours, in order.
    pub(super) fn dollar_lines(&self) -> Vec<String> {
        let lines = self.table(DOLLARS).into_iter().filter(|cells| cells[1] != "–");
        lines.map(|cells| cells[0].clone()).filter(|line| line != SUM).collect()
    }

    /// What a line of the bill is made of; the line may say more than the name that its parts know it by.
    pub(super) fn parts_of(&self, line: &str) -> Vec<String> {
        let units = self.table(QUANTITIES);
        let parts = units.iter().filter(|cells| line.starts_with(&cells[2 + VARIANTS])).map(|cells| cells[0].clone());
        parts.collect()
    }
}

/// Columns of ours: each transport at each fan-out.
pub(super) const VARIANTS: usize = 4;

const QUANTITIES: &str = "Units of one request";
/// What the last row of a table is called.
pub(super) const SUM: &str = "**sum**";
const DOLLARS: &str = "Dollars for a million requests";

fn number(cell: &str) -> f64 {
    cell.trim_matches('*').parse().unwrap_or_else(|_| panic!("`{cell}` is no number"))
}
