//! Kills at random times, with jobs in all states, over the same data.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::{Kind, Market, Mortal, Order, Tally};
use crate::Client;

/// Clients that ask at once.
const CLIENTS: usize = 16;
/// The longest a life may last, in milliseconds: longer than the first poll takes to come.
const LONGEST: u64 = 4_000;

/// So many lives, each given new orders and killed at a time that only the seed knows, and a last
/// one in which everything ends.
pub async fn rounds(seed: u64, rounds: usize, orders_each: usize) -> Tally {
    let market = Market::holding();
    let mut mortal = Mortal::new(&market);
    let mut dice = Dice::new(seed);
    let mut orders = Vec::new();
    for round in 0..rounds {
        orders.extend(Order::many(&format!("round-{round}"), orders_each, &Kind::ALL));
        let client = mortal.start_safe().await;
        let asking = ask(&client, orders);
        let life = Duration::from_millis(dice.below(LONGEST));
        if let Ok(ended) = timeout(life, mortal.dead()).await {
            panic!("nobody killed it: {ended:#?}");
        }
        mortal.kill().await;
        orders = asking.join_all().await;
    }
    market.release();
    let client = mortal.start_safe().await;
    let orders = ask(&client, orders).join_all().await;
    let tally = Tally::of(&client, &market, &orders, rounds).await;
    mortal.kill().await;
    tally
}

/// Asks for every order, some at once. Each comes back, promised or not.
fn ask(client: &Client, orders: Vec<Order>) -> JoinSet<Order> {
    let room = Arc::new(Semaphore::new(CLIENTS));
    let mut asking = JoinSet::new();
    for mut order in orders {
        let (client, room) = (client.clone(), Arc::clone(&room));
        asking.spawn(async move {
            let _room = room.acquire().await;
            order.place(&client).await;
            order
        });
    }
    asking
}

/// Numbers that look random and follow from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // Spread, so that neighbouring seeds differ at once; never zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
