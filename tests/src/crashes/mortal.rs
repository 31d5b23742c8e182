//! A gateway that may die at any moment, its start included, and lives again over the same data.

use super::{Market, Point, Stopper};
use crate::{Client, Ended, Home, Plugin, Process, wait};

/// The line on stdout that says where the gateway listens.
const READY: &str = "retouch listening on ";

/// A home and the process that serves from it, if one does.
pub struct Mortal {
    home: Home,
    life: Option<Process>,
}

impl Mortal {
    /// Not yet started.
    pub fn new(market: &Market) -> Self {
        Self::of(Home::with(market.files()).plugin(Plugin::OpenAi).plugin(Plugin::Fal))
    }

    /// The same with any other home.
    pub fn of(home: Home) -> Self {
        Self { home, life: None }
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Starts it to be stopped at a point, or watched where there is none. No client where it died
    /// before it listened.
    pub async fn start_armed(
        &mut self,
        stopper: &Stopper,
        ports: &[String],
        point: Option<&Point>,
    ) -> Option<Client> {
        stopper.arm(&mut self.home, ports, point);
        self.start().await
    }

    /// Starts it to live on.
    pub async fn start_safe(&mut self) -> Client {
        Stopper::disarm(&mut self.home);
        match self.start().await {
            Some(client) => client,
            None => panic!("nothing kills it, and it does not start:\n{}", self.log()),
        }
    }

    async fn start(&mut self) -> Option<Client> {
        let life = self.home.start(&["serve", "--listen", "127.0.0.1:0"]);
        let life = self.life.insert(life);
        let origin = |text: &str| {
            let whole = &text[..text.rfind('\n')? + 1];
            whole.lines().find_map(|line| line.strip_prefix(READY)).map(str::to_owned)
        };
        let ready = wait::answered("a start or a death", async || origin(&life.stdout()));
        tokio::select! {
            origin = ready => Some(Client::new(&origin)),
            _ = life.end() => None,
        }
    }

    /// Waits for its death. Never returns while it lives.
    pub async fn dead(&self) -> Ended {
        match &self.life {
            Some(life) => life.end().await,
            None => panic!("it was never started"),
        }
    }

    /// Kills it where it still lives.
    pub async fn kill(&self) {
        if let Some(life) = &self.life {
            life.signal("KILL");
            life.end().await;
        }
    }

    /// The calls its last armed life made.
    pub fn trace(&self) -> Vec<String> {
        Stopper::trace(&self.home)
    }

    /// What its last life said.
    pub fn log(&self) -> String {
        self.life.as_ref().map(Process::stderr).unwrap_or_default()
    }
}
