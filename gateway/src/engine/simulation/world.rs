//! The world outside: five providers with their troubles, behind the engine's way out. It keeps the
//! books in a ledger, and it goes on while the gateway is down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use retouch_sdk::Sent;
use serde_json::json;
use tokio::sync::Notify;

use super::chance::{Chance, Dice};
use super::ledger::{End, Ledger, Submit};
use super::visit::{Said, Visit, answer, full, limited, none, page, pause, policy};
use super::weather::{Trouble, Weather};
use crate::clock::{Ms, now_ms};
use crate::images::Stored;
use crate::upstream::egress::Origin;
use crate::upstream::{Call, DownloadError, Line, Reply};

/// Everything that is not the gateway.
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) weather: Weather,
    ledger: Mutex<Ledger>,
    seen: Mutex<HashMap<String, u64>>,
    pub(super) pictures: Vec<Stored>,
    calm: AtomicBool,
    power: Mutex<Arc<Notify>>,
}

/// A link leads to a picture for so long.
const LINK: Ms = 600_000;

impl World {
    pub(super) fn new(chance: Chance, weather: Weather, pictures: Vec<Stored>) -> Self {
        Self {
            chance,
            weather,
            ledger: Mutex::default(),
            seen: Mutex::default(),
            pictures,
            calm: AtomicBool::new(false),
            power: Mutex::default(),
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Ends all trouble.
    pub(super) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Told when the power fails; asked for once in each life of the gateway.
    pub(super) fn power(&self) -> Arc<Notify> {
        let power = Arc::new(Notify::new());
        *self.power.lock().unwrap() = power.clone();
        power
    }

    pub(super) fn is(&self, trouble: Trouble, provider: &str) -> bool {
        !self.is_calm() && self.weather.is(trouble, provider, now_ms())
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// How often that happened before.
    pub(super) fn nth(&self, what: &str) -> u64 {
        let mut seen = self.seen.lock().unwrap();
        let count = seen.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Now and then the power fails, mostly at the worst of moments.
    fn may_fail(&self, dice: &mut Dice, in_1000: u64) {
        if dice.in_1000(in_1000) && !self.is_calm() {
            self.power.lock().unwrap().notify_one();
        }
    }

    fn dice(&self, visit: &Visit) -> Dice {
        let who = visit.who();
        let what = match visit.path.split('/').next() {
            Some("find") => format!("{} find", visit.provider),
            _ => format!("{} {}", visit.provider, visit.path),
        };
        let nth =
            self.nth(&format!("{} {} {} {}", visit.provider, visit.path, who.wish, who.attempt));
        self.chance.of(&what, &[who.wish, who.attempt.into(), nth])
    }

    async fn serve(&self, visit: Visit) -> Reply {
        let mut dice = self.dice(&visit);
        if visit.path == "submit" {
            let submit =
                Submit { who: visit.who(), provider: visit.provider.clone(), at: visit.at };
            self.ledger().submits.push(submit);
        }
        if self.is(Trouble::Down, &visit.provider) {
            pause(3_000).await;
            return none(Sent::No, "connect");
        }
        if !self.is_calm() && dice.in_1000(15) {
            return none(Sent::No, "reset");
        }
        if visit.path == "submit" {
            self.submit(visit, dice).await
        } else {
            self.ask(&visit, dice).await
        }
    }

    async fn submit(&self, visit: Visit, mut dice: Dice) -> Reply {
        let under_way = UnderWay { world: self, visit: &visit, lands: dice.in_1000(500) };
        self.may_fail(&mut dice, 15);
        pause(dice.between(5, 400)).await;
        let taken = under_way.land();
        self.may_fail(&mut dice, 20);
        let task = match taken {
            Ok(task) => task,
            Err(said) => return answer(&visit, said),
        };
        let lossy = if self.is(Trouble::Lossy, &visit.provider) { 500 } else { 12 };
        let pages = if self.is(Trouble::ErrorPages, &visit.provider) { 500 } else { 10 };
        if !self.is_calm() && dice.in_1000(lossy) {
            pause(dice.between(10, 40_000)).await;
            return none(Sent::Maybe, "reset");
        }
        if !self.is_calm() && dice.in_1000(pages) {
            return answer(&visit, page(500));
        }
        if !self.is_calm() && dice.in_1000(8) {
            return answer(&visit, (200, Vec::new(), json!({ "state": "ok" }).to_string()));
        }
        if visit.provider == "gamma" {
            return self.at_once(&visit, &task).await;
        }
        // Some answers come after nobody waits for them any more.
        pause(dice.skewed(20, if self.is_calm() { 2_000 } else { 33_000 })).await;
        self.may_fail(&mut dice, 10);
        answer(&visit, (200, Vec::new(), json!({ "task": task, "state": "queued" }).to_string()))
    }

    /// A provider that answers when it is done.
    async fn at_once(&self, visit: &Visit, task: &str) -> Reply {
        let (ends, end) = {
            let ledger = self.ledger();
            (ledger.tasks[task].ends, ledger.tasks[task].end)
        };
        pause(ends.saturating_sub(now_ms())).await;
        let said = match end {
            End::Done => (200, Vec::new(), self.done(task).to_string()),
            End::FailedFree => full(),
            End::FailedBilled => page(500),
            End::Policy => policy(),
        };
        answer(visit, said)
    }

    /// A question: how a task goes, where it is, that it shall stop; or an upload.
    async fn ask(&self, visit: &Visit, mut dice: Dice) -> Reply {
        pause(dice.between(5, 300)).await;
        if !self.is_calm() {
            match dice.between(0, 100) {
                0..=2 => return none(Sent::Maybe, "reset"),
                3 | 4 => return answer(visit, page(500)),
                5 => return answer(visit, limited(&mut dice)),
                6 => return answer(visit, (200, Vec::new(), "<html>all is well".to_owned())),
                _ => {}
            }
        }
        self.may_fail(&mut dice, 1);
        if visit.path != "upload" && self.is(Trouble::Revoked, &visit.provider) {
            return answer(visit, (401, Vec::new(), String::new()));
        }
        if let Some(task) = visit.path.strip_prefix("cancel/") {
            return answer(visit, self.stop(task));
        }
        let said = match visit.path.split_once('/') {
            Some(("poll", task)) => self.state(visit, task, &mut dice),
            Some(("find", who)) => self.find(&visit.provider, who, &mut dice),
            _ => json!({ "state": "ok" }),
        };
        answer(visit, (200, Vec::new(), said.to_string()))
    }

    async fn fetch(&self, url: &str) -> Result<Stored, DownloadError> {
        let parts: Vec<&str> = url.trim_start_matches("https://cdn.example/").split('/').collect();
        let &[task, image, issued] = parts.as_slice() else {
            return Err(DownloadError::Blocked("not a link".to_owned()));
        };
        let (image, issued): (u64, Ms) = (image.parse().unwrap(), issued.parse().unwrap());
        let nth = self.nth(url);
        let mut dice = self.chance.of(url, &[nth]);
        pause(dice.between(20, 4_000)).await;
        let provider = task.split('-').next().unwrap_or_default();
        if self.is(Trouble::Down, provider) {
            let detail = "refused".to_owned();
            return Err(DownloadError::Unreachable { class: "connect", detail });
        }
        if self.is_gone(task) || now_ms() > issued + LINK {
            return Err(DownloadError::Status(403));
        }
        if !self.is_calm() {
            match dice.between(0, 100) {
                0..=5 => return Err(DownloadError::Status(403)),
                6..=11 => {
                    let detail = "in the middle".to_owned();
                    return Err(DownloadError::Unreachable { class: "reset", detail });
                }
                12 => {
                    pause(60_000).await;
                    return Err(DownloadError::Timeout);
                }
                13 => self.may_fail(&mut dice, 100),
                _ => {}
            }
        }
        Ok(self.picture(task, image).clone())
    }
}

impl Line for World {
    fn exchange<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        let visit = Visit::of(&call);
        let patience = Duration::from_millis(call.request.timeout_ms);
        Box::pin(async move {
            let reply = tokio::time::timeout(patience, self.serve(visit)).await;
            reply.unwrap_or_else(|_| none(Sent::Maybe, "timeout"))
        })
    }

    fn download<'a>(
        &'a self,
        url: &'a str,
        _: &'a [Origin],
    ) -> BoxFuture<'a, Result<Stored, DownloadError>> {
        Box::pin(self.fetch(url))
    }
}

/// A submit between here and there. If we are cut off meanwhile it may arrive all the same.
struct UnderWay<'a> {
    world: &'a World,
    visit: &'a Visit,
    lands: bool,
}

impl UnderWay<'_> {
    fn land(mut self) -> Result<String, Said> {
        self.lands = false;
        self.world.take(self.visit, now_ms())
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.lands {
            let _ = self.world.take(self.visit, now_ms().max(self.visit.at));
        }
    }
}
