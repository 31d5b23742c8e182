//! A week of one gateway: it is started, works, is reloaded, stopped and cut off at the worst of
//! moments, and started again over what was on its disk. Then all trouble ends, and whatever is left
//! has time to come to an end.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::super::{Engine, Parts};
use super::catalog::Operator;
use super::chance::{Chance, Dice};
use super::clients::Clients;
use super::traffic::{self, Wish};
use super::weather::Weather;
use super::world::World;
use crate::clock::{Ms, now_ms, simulated};
use crate::id;
use crate::images::{Images, Kind, Stored};
use crate::live::AccountId;
use crate::settings::Limits;
use crate::store::memory::{Disk, Pace};

/// What of a run its seed does not decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) days: u64,
    /// Edits in an hour of the day.
    pub(super) an_hour: u64,
    /// Jobs whole in memory; the others wait on disk.
    pub(super) in_memory: usize,
}

/// A run and what is left of it.
pub(super) struct Week {
    chance: Chance,
    scale: Scale,
    pub(super) world: Arc<World>,
    pub(super) disk: Disk,
    pub(super) clients: Arc<Clients>,
    pub(super) images: Arc<Images>,
    operator: Operator,
    wishes: Vec<Wish>,
    come: usize,
    now: Ms,
    until: Ms,
    _dir: TempDir,
    /// How the gateway's lives ended.
    pub(super) crashes: u32,
    pub(super) stops: u32,
    /// When the gateway was down.
    down: Vec<(Ms, Ms)>,
    /// When its disk is full.
    full: Vec<(Ms, Ms)>,
    /// When a person looks after what is unknown.
    next_look: Ms,
    healing: bool,
    /// Accounts with places in use after everything has ended.
    pub(super) leaked: Vec<AccountId>,
    /// Every account there was.
    accounts: Vec<AccountId>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Crash,
    Stop,
    Over,
}

/// A Monday.
const START: Ms = 1_800_000_000_000;
const DAY: Ms = 86_400_000;
const HOUR: Ms = 3_600_000;
/// Between two looks of a person.
const LOOKS: Ms = 5 * HOUR;
/// As long as at a real stop.
const GRACE: Duration = Duration::from_secs(25);

impl Week {
    /// Lives through it.
    pub(super) fn live(seed: u64, scale: Scale) -> Self {
        id::simulated::start(seed);
        let mut week = Self::new(Chance::new(seed), scale);
        let mut dice = week.chance.of("lives", &[]);
        while week.now < week.until {
            let stop = week.now + dice.skewed(60_000, DAY);
            week.life(stop.min(week.until), &mut dice);
        }
        week.world.calm();
        week.operator.restore();
        (week.healing, week.until) = (true, week.now + DAY);
        week.life(week.until, &mut dice);
        week.audit();
        week
    }

    /// Whether the client of that wish has an idempotency key.
    pub(super) fn has_key(&self, wish: usize) -> bool {
        self.wishes.get(wish).is_some_and(|wish| wish.key.is_some())
    }

    /// For how long the gateway was down, or could write nothing, between these times.
    pub(super) fn down_between(&self, from: Ms, until: Ms) -> Ms {
        let overlap =
            |(begins, ends): &(Ms, Ms)| (*ends).min(until).saturating_sub((*begins).max(from));
        self.down.iter().chain(&self.full).map(overlap).sum()
    }

    fn new(chance: Chance, scale: Scale) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let images = Arc::new(Images::open(&dir.path().join("images")).unwrap());
        let pictures = runtime().block_on(pictures(&images));
        let until = START + scale.days * DAY;
        let weather = Weather::new(chance, START, until);
        let pace = Pace { at_most: Duration::from_millis(8), loses_notes: 7, seed: 1 };
        Self {
            chance,
            scale,
            world: Arc::new(World::new(chance, weather, pictures)),
            disk: Disk::new(pace),
            clients: Arc::default(),
            images,
            operator: Operator::new(dir.path(), chance, START, until),
            wishes: traffic::wishes(chance, START, until, scale.an_hour),
            come: 0,
            now: START,
            until,
            _dir: dir,
            crashes: 0,
            stops: 0,
            down: Vec::new(),
            full: full(chance, until),
            next_look: START + LOOKS,
            healing: false,
            leaked: Vec::new(),
            accounts: Vec::new(),
        }
    }

    /// One life of the gateway, and the time it is down after it.
    fn life(&mut self, stop: Ms, dice: &mut Dice) {
        // A runtime of its own: with it ends whatever the gateway was about, wherever it stood.
        let runtime = runtime();
        let ending = runtime.block_on(self.work(stop));
        drop(runtime);
        let down = match ending {
            Ending::Over => 0,
            Ending::Crash => dice.skewed(500, 3_600_000),
            Ending::Stop => dice.skewed(500, 600_000),
        };
        self.crashes += u32::from(ending == Ending::Crash);
        self.stops += u32::from(ending == Ending::Stop);
        self.down.push((self.now, self.now + down));
        self.now += down;
        self.operator_catches_up();
    }

    async fn work(&mut self, stop: Ms) -> Ending {
        simulated::start(self.now);
        let power = self.world.power();
        let store = Arc::new(self.disk.open());
        self.audit();
        let parts = self.parts(store);
        let engine = Engine::start(parts).await.unwrap();
        let mut talks = JoinSet::new();
        self.clients.talk(&engine, &mut talks);
        let ending = loop {
            self.now = now_ms();
            self.what_is_due(&engine, &mut talks);
            let next = self.next().min(stop);
            tokio::select! {
                biased;
                () = power.notified() => break Ending::Crash,
                () = tokio::time::sleep(Duration::from_millis(next.saturating_sub(self.now))) => {}
                Some(_) = talks.join_next() => continue,
            }
            if now_ms() >= stop {
                break if stop == self.until && self.come == self.wishes.len() {
                    Ending::Over
                } else {
                    Ending::Stop
                };
            }
        };
        if ending == Ending::Crash {
            self.disk.crash();
        } else {
            self.see_places(&engine);
            engine.stopped(GRACE).await;
        }
        self.now = now_ms();
        ending
    }

    fn parts(&self, store: Arc<dyn crate::store::Store>) -> Parts {
        Parts {
            store,
            line: self.world.clone(),
            images: self.images.clone(),
            snapshot: self.operator.snapshot.clone(),
            pins: self.operator.pins(),
            limits: Limits { in_memory: self.scale.in_memory, ..Limits::default() },
        }
    }

    fn disk_is_full(&self) -> bool {
        self.full.iter().any(|(from, until)| (*from..*until).contains(&self.now))
    }

    fn next(&self) -> Ms {
        let wish = self.wishes.get(self.come).map(|wish| wish.at);
        let full = self.full.iter().flat_map(|(from, until)| [*from, *until]);
        let full = full.filter(|at| *at > self.now).min();
        let dates = [wish, self.operator.next(), full, Some(self.next_look)];
        dates.into_iter().flatten().min().unwrap_or(Ms::MAX)
    }

    fn what_is_due(&mut self, engine: &Arc<Engine>, talks: &mut JoinSet<()>) {
        self.operator_catches_up();
        self.disk.set_full(self.disk_is_full());
        if self.next_look <= self.now {
            self.next_look = self.now + LOOKS;
            for job in self.disk.jobs() {
                // Only some of it: the rest must come to its end alone.
                if self.chance.of(&job.request.prompt, &[]).in_1000(400) {
                    self.clients.look_after(&job, &self.world, engine, talks);
                }
            }
        }
        while let Some(wish) = self.wishes.get(self.come).filter(|wish| wish.at <= self.now) {
            self.clients.come(self.come, wish.clone());
            self.clients.talk_of(self.come, engine, talks);
            self.come += 1;
        }
    }

    fn operator_catches_up(&mut self) {
        if self.operator.next().is_some_and(|at| at <= self.now) {
            self.operator.act(self.now);
        }
        let snapshot = self.operator.snapshot.load();
        for account in snapshot.providers.iter().map(|provider| provider.account) {
            if !self.accounts.contains(&account) {
                self.accounts.push(account);
            }
        }
    }

    /// What clients were told still stands on disk.
    fn audit(&self) {
        let mut memory = self.clients.memory();
        self.disk.jobs().iter().for_each(|job| memory.hear(job));
    }

    fn see_places(&mut self, engine: &Engine) {
        if self.healing {
            let open = self.accounts.iter().filter(|account| engine.live.open(**account) > 0);
            self.leaked = open.copied().collect();
        }
    }
}

/// Three times the disk is full for a while.
fn full(chance: Chance, until: Ms) -> Vec<(Ms, Ms)> {
    let mut dice = chance.of("disk", &[]);
    let times = (0..3).map(|_| {
        let from = dice.between(START, until - HOUR);
        (from, from + dice.skewed(1_000, HOUR))
    });
    times.collect()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A few pictures for everybody: what matters is which one a job gets.
async fn pictures(images: &Images) -> Vec<Stored> {
    let mut pictures = Vec::new();
    for shade in 0..16u8 {
        let mut png = std::io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(2, 2, image::Luma([shade]))
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        let mut spool = images.spool(Kind::Result).await.unwrap();
        spool.write(png.get_ref()).await.unwrap();
        pictures.push(spool.finish(false).await.unwrap());
    }
    pictures
}
