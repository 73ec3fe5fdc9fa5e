//! What is printed: figures as they come, and the table of DESIGN section 8 at the end.

use std::fmt;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// A share of something, as 0.35 for 35 %.
    Share,
    /// How many times something.
    Times,
    /// Milliseconds.
    Milliseconds,
    /// Millions of bytes.
    Megabytes,
}

/// What DESIGN section 8 asks of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// More is better.
    AtLeast {
        /// What has to be reached.
        must: f64,
        /// What would be good.
        aim: f64,
    },
    /// Less is better.
    AtMost {
        /// What has to be kept.
        must: f64,
        /// What would be good, where there is more to want.
        aim: Option<f64>,
    },
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    what: String,
    figure: f64,
    unit: Unit,
    goal: Goal,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl Report {
    /// A figure with its goal.
    pub(crate) fn figure(&mut self, what: impl Into<String>, figure: f64, unit: Unit, goal: Goal) {
        self.rows.push(Row { what: what.into(), figure, unit, goal });
    }

    /// Something that must not be, whatever the figures are.
    pub(crate) fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    /// Prints the table; whether everything that must be is.
    pub(crate) fn print(&self) -> bool {
        say("");
        say(format_args!("{:<62} {:>9} {:>9} {:>9}", "what", "measured", "must", "aim"));
        for row in &self.rows {
            let (must, aim) = row.goal.texts(row.unit);
            let verdict = row.goal.verdict(row.figure);
            say(format_args!("{:<62} {:>9} {must:>9} {aim:>9}  {verdict}", row.what, text(row.figure, row.unit)));
        }
        for fault in &self.faults {
            say(format_args!("FAIL {fault}"));
        }
        self.faults.is_empty() && self.rows.iter().all(|row| row.goal.must_holds(row.figure))
    }
}

impl Goal {
    fn must_holds(self, figure: f64) -> bool {
        match self {
            Self::AtLeast { must, .. } => figure >= must,
            Self::AtMost { must, .. } => figure <= must,
        }
    }

    fn aim_holds(self, figure: f64) -> bool {
        match self {
            Self::AtLeast { aim, .. } => figure >= aim,
            Self::AtMost { aim, .. } => aim.is_none_or(|aim| figure <= aim),
        }
    }

    fn verdict(self, figure: f64) -> &'static str {
        match (self.must_holds(figure), self.aim_holds(figure)) {
            (true, true) => "PASS, and the aim",
            (true, false) => "PASS",
            (false, _) => "FAIL",
        }
    }

    fn texts(self, unit: Unit) -> (String, String) {
        match self {
            Self::AtLeast { must, aim } => (text(must, unit), text(aim, unit)),
            Self::AtMost { must, aim } => (text(must, unit), aim.map_or_else(String::new, |aim| text(aim, unit))),
        }
    }
}

fn text(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.1} %", figure * 100.0),
        Unit::Times => format!("{figure:.2} x"),
        Unit::Milliseconds => format!("{figure:.2} ms"),
        Unit::Megabytes => format!("{figure:.2} MB"),
    }
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "printing figures is what this program is for")]
pub(crate) fn say(line: impl fmt::Display) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_must_or_a_fault_fails() {
        let mut report = Report::default();
        report.figure("a", 0.2, Unit::Share, Goal::AtLeast { must: 0.2, aim: 0.35 });
        report.figure("b", 2.0, Unit::Milliseconds, Goal::AtMost { must: 2.0, aim: None });
        assert!(report.print());
        report.figure("c", 2.01, Unit::Times, Goal::AtMost { must: 2.0, aim: Some(1.3) });
        assert!(!report.print());
        let mut report = Report::default();
        report.fault("one delivery was lost");
        assert!(!report.print());
    }
}
