//! The crash matrix: one run for each place at which a gateway can be stopped.

use std::{collections::BTreeMap, future::pending, sync::Arc};

use reqwest::Method;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{Kind, Market, Mortal, Order, Point, Side, Stopper, Tally};
use crate::{Client, Job};

/// Runs at once: nearly all of a run is waiting for polls.
const AT_ONCE: usize = 16;

/// How many of the places are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// After each call that makes something durable or is seen by a provider.
    Short,
    /// Before and after every call.
    Full,
}

/// The places that were found, and the runs they make.
pub struct Matrix {
    stopper: Arc<Stopper>,
    kinds: Vec<Kind>,
    points: Vec<Point>,
    calls: BTreeMap<String, usize>,
}

impl Matrix {
    /// Watches these orders being done once, undisturbed, to learn which places there are.
    pub async fn recorded(kinds: &[Kind], width: Width) -> Self {
        let stopper = Arc::new(Stopper::compiled());
        let market = Market::start();
        let mut mortal = Mortal::new(&market);
        let Some(client) = mortal.start_armed(&stopper, &market.ports(), None).await else {
            panic!("it does not start:\n{}", mortal.log());
        };
        let mut orders = Order::many("watched", kinds.len(), kinds);
        for order in &mut orders {
            order.place(&client).await;
        }
        over(&client, &orders).await;
        let trace = mortal.trace();
        let tally = Tally::of(&client, &market, &orders, 0).await;
        assert_eq!((tally.whole, tally.unknown), (kinds.len(), 0), "{}", mortal.log());
        mortal.kill().await;
        let mut calls = BTreeMap::new();
        trace.iter().for_each(|call| *calls.entry(call.clone()).or_default() += 1);
        let points = Point::all(&trace).into_iter().filter(|point| width.takes(point)).collect();
        Self { stopper, kinds: kinds.to_vec(), points, calls }
    }

    /// How often each call was seen.
    pub fn calls(&self) -> &BTreeMap<String, usize> {
        &self.calls
    }

    /// The places to stop at.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Goes through all of them, several at once; `lives` processes are stopped at each before one
    /// may live on. Fails with every place whose run failed.
    pub async fn run(&self, lives: usize) -> Tally {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut runs = JoinSet::new();
        let mut names = BTreeMap::new();
        for point in &self.points {
            let (stopper, room) = (Arc::clone(&self.stopper), Arc::clone(&room));
            let (kinds, point) = (self.kinds.clone(), point.clone());
            let name = point.to_string();
            let run = runs.spawn(async move {
                let _room = room.acquire().await;
                died_at(&stopper, &point, &kinds, lives).await
            });
            names.insert(run.id(), name);
        }
        let mut tally = Tally::default();
        let mut failed = Vec::new();
        while let Some(run) = runs.join_next_with_id().await {
            match run {
                Ok((_, one)) => tally += one,
                Err(error) => failed.extend(names.get(&error.id())),
            }
        }
        assert!(failed.is_empty(), "these places failed, see above: {failed:#?}");
        tally
    }
}

impl Width {
    fn takes(self, point: &Point) -> bool {
        let (what, _) = point.call.split_once(':').unwrap_or_default();
        let tells = matches!(what, "sync" | "rename" | "connect" | "send" | "recv");
        match self {
            Self::Full => true,
            Self::Short => tells && point.side == Side::After,
        }
    }
}

/// Lives that all die at the same place, one that does not, and what came of the orders.
async fn died_at(stopper: &Stopper, point: &Point, kinds: &[Kind], lives: usize) -> Tally {
    let market = Market::start();
    let mut mortal = Mortal::new(&market);
    let mut orders = Order::many("order", kinds.len(), kinds);
    let mut deaths = 0;
    for _ in 0..lives {
        let client = mortal.start_armed(stopper, &market.ports(), Some(point)).await;
        deaths += usize::from(lived(&mortal, client, &mut orders).await == Some(9));
        mortal.kill().await;
    }
    let client = mortal.start_safe().await;
    for order in &mut orders {
        order.place(&client).await;
    }
    let tally = Tally::of(&client, &market, &orders, deaths).await;
    mortal.kill().await;
    Tally { missed: lives - deaths, ..tally }
}

/// One life with these orders: the signal that ended it, or none where all of them ended before.
async fn lived(mortal: &Mortal, client: Option<Client>, orders: &mut [Order]) -> Option<i32> {
    let Some(client) = client else { return mortal.dead().await.signal };
    let served = async {
        for order in &mut *orders {
            order.place(&client).await;
        }
        over(&client, orders).await;
    };
    tokio::select! {
        biased;
        ended = mortal.dead() => ended.signal,
        () = served => None,
    }
}

/// Waits until every order has ended; never returns where the gateway dies before.
async fn over(client: &Client, orders: &[Order]) {
    for order in orders {
        let Some(id) = &order.job else { return pending().await };
        loop {
            let request = client.request(Method::GET, &format!("/v1/jobs/{id}?wait=20"));
            let Ok(answer) = request.send().await else { return pending().await };
            let Ok(text) = answer.text().await else { return pending().await };
            let job: Job = serde_json::from_str(&text).unwrap();
            if job.is_terminal() {
                break;
            }
        }
    }
}
