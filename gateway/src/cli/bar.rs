//! Shows how far a job is, on stderr: a moving bar for a person, a line a phase for a log.
//!
//! The bar eases towards what the server last said, never backwards, and is gone when the job is
//! over; what remains on the terminal is the result.

use std::{future::Future, pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::MissedTickBehavior;

use super::{job::Job, out::Out};

/// Often enough to look smooth, seldom enough to cost nothing.
const BEAT: Duration = Duration::from_millis(80);
/// The bar's own unit is a tenth of a percent, as it moves in smaller steps than it is told.
const FULL: f64 = 1000.0;
/// How much of the way to the server's number one beat goes: most of it within half a second.
const EASE: f64 = 0.25;

/// The progress of one job.
pub(super) struct Bar {
    out: Out,
    moving: Option<ProgressBar>,
    shown: f64,
    aim: f64,
    said: String,
}

impl Bar {
    /// A bar at its beginning.
    pub(super) fn new(out: Out) -> Self {
        let moving = out.is_watched().then(moving);
        Self { out, moving, shown: 0.0, aim: 0.0, said: String::new() }
    }

    /// Shows a phase that only this side knows, such as sending the pictures.
    pub(super) fn phase(&mut self, phase: &str) {
        self.say(self.out.words.name("phase", phase), None);
    }

    /// Shows where the job is. How it ended is not for the bar to say.
    pub(super) fn show(&mut self, job: &Job) {
        if job.is_over() {
            self.aim = FULL;
            return;
        }
        self.aim = self.aim.max(job.percent() * FULL / 100.0);
        let mut text = self.out.words.name("phase", job.phase());
        if let Some(provider) = &job.provider {
            text = format!("{text} · {provider}");
        }
        self.say(text, Some(job));
    }

    /// Waits for `work` while the bar moves.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beat.tick() => self.glide(),
            }
        }
    }

    /// Takes the bar off the terminal.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.moving {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, text: String, job: Option<&Job>) {
        if self.said == text {
            return;
        }
        match (&self.moving, job) {
            (Some(bar), _) => bar.set_message(text.clone()),
            // Whoever reads JSON has no use for the phases, wherever stderr goes.
            (None, _) if self.out.json => {}
            (None, Some(job)) => self.out.remark(&format!("{}: {text}", job.id)),
            (None, None) => self.out.remark(&text),
        }
        self.said = text;
    }

    fn glide(&mut self) {
        self.shown = eased(self.shown, self.aim);
        if let Some(bar) = &self.moving {
            bar.update(|state| state.set_pos(self.shown.round() as u64));
            bar.tick();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A step of the way from what is shown to what is so.
fn eased(shown: f64, aim: f64) -> f64 {
    let left = aim - shown;
    if left < 1.0 { shown.max(aim) } else { shown + left * EASE }
}

fn moving() -> ProgressBar {
    // The template is a constant; should indicatif ever refuse it, its own bar does.
    let style =
        ProgressStyle::with_template("{spinner} [{bar:28}] {percent:>3}% {elapsed:>4}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(FULL as u64), ProgressDrawTarget::stderr()).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::eased;

    #[test]
    fn eases_forward_and_arrives() {
        let table =
            [(0.0, 0.0, 0.0), (0.0, 400.0, 100.0), (399.5, 400.0, 400.0), (500.0, 400.0, 500.0)];
        for (shown, aim, expected) in table {
            assert_eq!(eased(shown, aim), expected, "{shown} to {aim}");
        }
        let after = (0..60).fold(0.0, |shown, _| eased(shown, 1000.0));
        assert_eq!(after, 1000.0);
    }
}
