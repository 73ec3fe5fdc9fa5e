//! What the person at the terminal sees: lines that scroll, and below them, if it is a terminal, moving bars.

use std::{
    collections::HashMap,
    io::Write as _,
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use marketplace_core::ports::Clock as _;
use platform_base::clock::SystemClock;

use super::line::Line;

/// How wide the column of names is: the longest name in the demo.
pub(super) const WHO: usize = 15;

/// How often the bars move by themselves.
const TICK: Duration = Duration::from_millis(120);

/// Where there are no bars, a line tells how far it is after so many requests.
const TOLD_EVERY: usize = 20;

const WHOLE: &str = "{spinner:.cyan} {msg:15} [{bar:24.cyan/blue}] {pos}/{len} requests at their end";
const PARTY: &str = "  {prefix:15} [{bar:24.green/black.bright}] {pos}/{len} offers answered or ended";

/// Where the demo writes. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Screen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bars: MultiProgress,
    whole: ProgressBar,
    parties: Mutex<HashMap<String, ProgressBar>>,
    asides: Mutex<Vec<Line>>,
    told: AtomicUsize,
    over: AtomicBool,
}

impl Screen {
    /// Standard output, with bars if it is a terminal.
    pub(super) fn new() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let whole = bars.add(bar(WHOLE));
        Self(Arc::new(Inner {
            bars,
            whole,
            parties: Mutex::default(),
            asides: Mutex::default(),
            told: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }))
    }

    fn has_bars(&self) -> bool {
        !self.0.bars.is_hidden()
    }

    /// A line.
    pub(super) fn line(&self, text: &str) {
        // A reader that went away, as `| head` does, is no reason to stop.
        let _written =
            if self.has_bars() { self.0.bars.println(text) } else { writeln!(std::io::stdout().lock(), "{text}") };
    }

    /// A line of the timeline: when, who or which request, what.
    pub(super) fn event(&self, line: &Line) {
        let time = line.at.strftime("%H:%M:%S%.3f").to_string();
        self.line(&format!("{}  {:WHO$}  {}", style(time).dim(), line.who, line.text));
    }

    /// What a simulated party does or sees, now; shown when the timeline has got as far.
    pub(super) fn aside(&self, who: &str, what: &str) {
        let text = style(what).dim().to_string();
        let line = Line { at: SystemClock.now(), sequence: 0, who: who.to_owned(), text };
        if self.is_over() {
            self.event(&line);
        } else {
            self.0.asides.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    /// What a simulated party does as a matter of course: worth a line when no timeline is shown any more.
    pub(super) fn routine(&self, who: &str, what: &str) {
        if self.is_over() {
            self.aside(who, what);
        }
    }

    fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// The asides since they were last taken.
    pub(super) fn take_asides(&self) -> Vec<Line> {
        mem::take(&mut *self.0.asides.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The title of what comes next, and a sentence about it.
    pub(super) fn heading(&self, title: &str, about: &str) {
        self.line(&format!("\n{}  {}", style(title).bold(), style(about).dim()));
    }

    /// How many of the requests have reached their end.
    pub(super) fn progress(&self, ended: usize, of: usize) {
        set(&self.0.whole, ended, of);
        let steps = ended / TOLD_EVERY;
        if !self.has_bars() && self.0.told.swap(steps, Ordering::Relaxed) < steps {
            self.line(&format!("-- {ended} of {of} requests have reached their end"));
        }
    }

    /// How many of a party's offers are answered or ended.
    pub(super) fn party_progress(&self, party: &str, ended: usize, of: usize) {
        let mut parties = self.0.parties.lock().unwrap_or_else(PoisonError::into_inner);
        let row = parties.entry(party.to_owned()).or_insert_with(|| {
            self.0.whole.set_message("marketplace");
            self.0.whole.enable_steady_tick(TICK);
            self.0.bars.insert_before(&self.0.whole, bar(PARTY).with_prefix(party.to_owned()))
        });
        set(row, ended, of);
    }

    /// The timeline is over: takes the bars away.
    pub(super) fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
        let parties = self.0.parties.lock().unwrap_or_else(PoisonError::into_inner);
        for row in parties.values() {
            row.finish_and_clear();
        }
        self.0.whole.finish_and_clear();
    }
}

fn bar(template: &str) -> ProgressBar {
    // The templates are constants of this file; a bar in another style would do as well.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("━╸─"))
}

fn set(bar: &ProgressBar, position: usize, length: usize) {
    bar.set_length(length as u64);
    bar.set_position(position as u64);
}
