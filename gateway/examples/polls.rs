//! Prints how many questions it takes to learn that a task is done, and how late: the gateway's learnt
//! times against pollers of a fixed interval, over shapes of latency that providers show. In virtual
//! time, so it takes a moment, and always the same numbers:
//!
//! ```sh
//! cargo run --release -p retouch --example polls
//! ```

#[path = "../src/poll/simulation.rs"]
mod simulation;

use std::io::{self, Write};

use retouch::poll::{Ask, Key, Pace, Seen};
use simulation::{Cost, JOBS, Poller, SHAPES, run};

/// One shape, or the mean of all, under each poller.
struct Line {
    shape: &'static str,
    learning: Cost,
    two: Cost,
    five: Cost,
    same_lag: Cost,
}

fn main() -> io::Result<()> {
    let mut lines: Vec<Line> = SHAPES.iter().map(Line::of).collect();
    lines.push(Line::mean(&lines));
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{JOBS} tasks of each shape. Lag: from a task's end to the answer that says so."
    )?;
    writeln!(out, "In brackets: learning against that poller, as a ratio.\n")?;
    write!(out, "{:<29} {:<11}", "", "asks")?;
    writeln!(out, " {:>15} {:>17} {:>17}", "polls a job", "mean lag", "p95 lag")?;
    for line in &lines {
        line.print(&mut out)?;
    }
    Ok(())
}

impl Line {
    fn of(shape: &simulation::Shape) -> Self {
        let learning = run(shape, Poller::Learning);
        Self {
            shape: shape.name,
            learning,
            two: run(shape, Poller::Fixed(2_000)),
            five: run(shape, Poller::Fixed(5_000)),
            same_lag: run(shape, Poller::as_late_as(learning)),
        }
    }

    fn mean(lines: &[Line]) -> Self {
        let mean = |of: fn(&Line) -> Cost| Cost::mean(&lines.iter().map(of).collect::<Vec<_>>());
        Self {
            shape: "mean of all",
            learning: mean(|line| line.learning),
            two: mean(|line| line.two),
            five: mean(|line| line.five),
            same_lag: mean(|line| line.same_lag),
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Cost { polls, lag, lag_p95 } = self.learning;
        write!(out, "{:<29} {:<11}", self.shape, "as learnt")?;
        writeln!(out, " {polls:>7.2} {lag:>15.2} s {lag_p95:>15.2} s")?;
        for (name, cost) in
            [("every 2 s", self.two), ("every 5 s", self.five), ("as late", self.same_lag)]
        {
            write!(out, "{:<29} {name:<11}", "")?;
            write!(out, " {:>7.2} ({:.2}x)", cost.polls, polls / cost.polls)?;
            write!(out, " {:>7.2} s ({:.2}x)", cost.lag, lag / cost.lag)?;
            writeln!(out, " {:>7.2} s ({:.2}x)", cost.lag_p95, lag_p95 / cost.lag_p95)?;
        }
        Ok(())
    }
}
