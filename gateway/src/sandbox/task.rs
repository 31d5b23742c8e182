//! Tasks and what a query says about them, by time: pure, no clock, no lock, no picture.
//!
//! A task is QUEUED for the first fifth of its time, then RUNNING, and over when its time has
//! run out *and* its picture is made. Tasks are dropped oldest first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::wire::Fault;
use super::words::Quirk;

/// Accepted and not yet made: beyond it the real service says that its queue is full, and so
/// do we.
pub(super) const MAX_OPEN: usize = 256;
/// A task is some hundred bytes; the oldest of more than these are forgotten.
const MAX_TASKS: usize = 4096;
const SLOW: Duration = Duration::from_secs(20);
/// How many queries of a `sandbox:flaky` task fail.
const FLAKY_QUERIES: u32 = 2;

/// A task's number: 19 decimal digits on the wire, so that a client which reads it as a
/// floating-point number asks for the wrong task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(u64);

/// How the making of a picture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The file of the result.
    Made(String),
    Failed(Fault),
}

/// What one query learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Running,
    /// The result's file; none for a task that succeeds without a result.
    Succeeded(Option<String>),
    Failed(Fault),
    /// The answer is to be no JSON at all.
    Garbled,
    /// There is no such task, any more.
    Unknown,
}

/// All tasks the server remembers.
#[derive(Debug)]
pub(super) struct Tasks {
    next: u64,
    tasks: BTreeMap<TaskId, Task>,
    open: usize,
}

#[derive(Debug)]
struct Task {
    made_at: Duration,
    takes: Duration,
    quirks: Vec<Quirk>,
    outcome: Option<Outcome>,
    queries: u32,
    successes_told: u32,
}

impl TaskId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 19 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(Self)
    }

    /// A number that looks random and is the same for the same task: its place in the spread.
    pub(super) fn lot(self) -> u32 {
        // Fibonacci hashing: neighbours land far apart.
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
    }
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:019}", self.0)
    }
}

impl Tasks {
    /// `seed` sets the numbers apart from those of an earlier run of the server.
    pub(super) fn new(seed: u64) -> Self {
        let first = 2_000_000_000_000_000_000 + seed % 1_000_000_000_000_000_000;
        Self { next: first, tasks: BTreeMap::new(), open: 0 }
    }

    pub(super) fn has_room(&self) -> bool {
        self.open < MAX_OPEN
    }

    /// How many are accepted and not yet made.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Creates a task; `usual` says how long one with its number takes.
    pub(super) fn create(
        &mut self,
        now: Duration,
        quirks: Vec<Quirk>,
        usual: impl FnOnce(TaskId) -> Duration,
    ) -> TaskId {
        let id = TaskId(self.next);
        self.next += 1;
        let takes = if quirks.contains(&Quirk::Stuck) {
            Duration::MAX
        } else if quirks.contains(&Quirk::Slow) {
            SLOW
        } else if quirks.contains(&Quirk::Instant) {
            Duration::ZERO
        } else {
            usual(id)
        };
        let task =
            Task { made_at: now, takes, quirks, outcome: None, queries: 0, successes_told: 0 };
        self.tasks.insert(id, task);
        self.open += 1;
        self.forget_oldest();
        id
    }

    /// Notes how the making of a task's picture ended.
    pub(super) fn finish(&mut self, id: TaskId, outcome: Outcome) {
        if let Some(task) = self.tasks.get_mut(&id)
            && task.outcome.replace(outcome).is_none()
        {
            self.open -= 1;
        }
    }

    /// Whether the task's time has run out and only its picture is still to be made.
    pub(super) fn waits_for_picture(&self, id: TaskId, now: Duration) -> bool {
        self.tasks.get(&id).is_some_and(|task| task.outcome.is_none() && task.time_is_up(now))
    }

    /// What a query is told. Asking counts: some misbehaviours pass after a while.
    pub(super) fn look(&mut self, id: TaskId, now: Duration) -> State {
        self.tasks.get_mut(&id).map_or(State::Unknown, |task| task.look(now))
    }

    fn forget_oldest(&mut self) {
        while self.tasks.len() > MAX_TASKS {
            let Some((_, task)) = self.tasks.pop_first() else { return };
            if task.outcome.is_none() {
                self.open -= 1;
            }
        }
    }
}

impl Task {
    fn look(&mut self, now: Duration) -> State {
        self.queries += 1;
        if self.has(Quirk::Forget) {
            return State::Unknown;
        }
        if self.has(Quirk::Flaky) && self.queries <= FLAKY_QUERIES {
            return State::Garbled;
        }
        // Moderation strikes at the submit; everything else takes its time.
        match (&self.outcome, self.time_is_up(now)) {
            (Some(Outcome::Failed(fault)), _) if self.has(Quirk::Moderate) => {
                State::Failed(fault.clone())
            }
            (Some(Outcome::Failed(fault)), true) => State::Failed(fault.clone()),
            (Some(Outcome::Made(file)), true) => {
                let file = file.clone();
                self.succeed(file)
            }
            (None, true) => State::Running,
            (_, false) => self.underway(now),
        }
    }

    fn underway(&self, now: Duration) -> State {
        if self.age(now) < self.takes / 5 && !self.has(Quirk::Stuck) {
            State::Queued
        } else {
            State::Running
        }
    }

    fn succeed(&mut self, file: String) -> State {
        self.successes_told += 1;
        if self.has(Quirk::Fail) {
            State::Failed(Fault::GENERATION_FAILED)
        } else if self.has(Quirk::Empty) {
            State::Succeeded(None)
        } else if self.has(Quirk::BadLink) && self.successes_told == 1 {
            State::Succeeded(Some(format!("expired-{file}")))
        } else {
            State::Succeeded(Some(file))
        }
    }

    fn time_is_up(&self, now: Duration) -> bool {
        self.age(now) >= self.takes
    }

    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.made_at)
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "7.png";

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A task made at 100 ms that takes one second, its picture ready.
    fn ready(quirks: &[Quirk]) -> (Tasks, TaskId) {
        let mut tasks = Tasks::new(7);
        let id = tasks.create(ms(100), quirks.to_vec(), |_| ms(1000));
        tasks.finish(id, Outcome::Made(FILE.to_owned()));
        (tasks, id)
    }

    fn done() -> State {
        State::Succeeded(Some(FILE.to_owned()))
    }

    #[test]
    fn a_task_goes_from_queued_over_running_to_success_by_time() {
        let (mut tasks, id) = ready(&[]);
        let table = [
            (100, State::Queued),
            (299, State::Queued),
            (300, State::Running),
            (1099, State::Running),
            (1100, done()),
            (99_999, done()),
            (0, State::Queued),
        ];
        for (at, expected) in table {
            assert_eq!(tasks.look(id, ms(at)), expected, "at {at} ms");
        }
    }

    #[test]
    fn a_picture_that_takes_longer_than_its_task_keeps_it_running() {
        let mut tasks = Tasks::new(7);
        let id = tasks.create(ms(0), vec![], |_| ms(1000));
        assert!(!tasks.waits_for_picture(id, ms(999)));
        assert!(tasks.waits_for_picture(id, ms(1000)));
        assert_eq!(tasks.look(id, ms(1000)), State::Running);
        tasks.finish(id, Outcome::Failed(Fault::FILE));
        assert!(!tasks.waits_for_picture(id, ms(1000)));
        assert_eq!(tasks.look(id, ms(999)), State::Running);
        assert_eq!(tasks.look(id, ms(1000)), State::Failed(Fault::FILE));
    }

    #[test]
    fn misbehaviour_shows_in_what_queries_are_told() {
        let expired = State::Succeeded(Some("expired-7.png".to_owned()));
        let table: &[(Quirk, u64, &[State])] = &[
            (Quirk::Slow, 20_099, &[State::Running]),
            (Quirk::Slow, 20_100, &[done()]),
            (Quirk::Stuck, 9_999_999_999, &[State::Running, State::Running]),
            (Quirk::Instant, 100, &[done()]),
            (Quirk::Fail, 1099, &[State::Running]),
            (Quirk::Fail, 1100, &[State::Failed(Fault::GENERATION_FAILED)]),
            (Quirk::Empty, 1100, &[State::Succeeded(None)]),
            (Quirk::Forget, 100, &[State::Unknown]),
            (Quirk::Flaky, 1100, &[State::Garbled, State::Garbled, done()]),
            (Quirk::BadLink, 1100, &[expired, done(), done()]),
        ];
        for (quirk, at, answers) in table {
            let (mut tasks, id) = ready(&[*quirk]);
            for expected in *answers {
                assert_eq!(tasks.look(id, ms(*at)), *expected, "{quirk:?} at {at} ms");
            }
        }
    }

    #[test]
    fn moderation_is_told_at_once() {
        let mut tasks = Tasks::new(7);
        let id = tasks.create(ms(0), vec![Quirk::Moderate], |_| ms(1000));
        tasks.finish(id, Outcome::Failed(Fault::MODERATED));
        assert_eq!(tasks.look(id, ms(0)), State::Failed(Fault::MODERATED));
    }

    #[test]
    fn numbers_are_strings_of_19_digits_that_a_float_cannot_tell_apart() {
        for seed in [0, 1, u64::MAX] {
            let mut tasks = Tasks::new(seed);
            let [one, two] = [(); 2].map(|()| tasks.create(ms(0), vec![], |_| ms(0)));
            assert_eq!(one.to_string().len(), 19);
            assert_eq!(TaskId::parse(&one.to_string()), Some(one));
            assert_ne!(one, two);
            let as_float = |id: TaskId| id.to_string().parse::<f64>().unwrap() as u64;
            assert!(as_float(one) == as_float(two) || as_float(two) != two.0);
        }
        for wrong in ["", "7", "+200000000000000000", "20000000000000000000"] {
            assert_eq!(TaskId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn open_tasks_and_remembered_tasks_are_bounded() {
        let mut tasks = Tasks::new(7);
        let open: Vec<_> = (0..MAX_OPEN).map(|_| tasks.create(ms(0), vec![], |_| ms(0))).collect();
        assert!(!tasks.has_room());
        for id in &open {
            tasks.finish(*id, Outcome::Made(FILE.to_owned()));
            tasks.finish(*id, Outcome::Made(FILE.to_owned()));
        }
        assert_eq!(tasks.open, 0);
        for _ in 0..MAX_TASKS {
            tasks.create(ms(0), vec![], |_| ms(0));
        }
        assert_eq!((tasks.tasks.len(), tasks.open), (MAX_TASKS, MAX_TASKS));
        assert_eq!(tasks.look(open[0], ms(0)), State::Unknown);
    }
}
