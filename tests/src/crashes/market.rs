//! Providers of every kind the gateway speaks to, each with its ledger.

use super::{Kind, Order};
use crate::{Fal, Ledger, OpenAi, Provider, ProviderFile, Turn};

/// Places at each account.
pub(super) const PLACES: usize = 40;
/// More than any run submits.
const MANY: usize = 4_096;
/// Model names that lead to two providers, one after the other.
pub(super) const PAIR: &str = "a-pair";
pub(super) const RISKY: &str = "a-risky-pair";

/// Six services that never fail but for what their script says.
pub struct Market {
    polled: Provider,
    sync: OpenAi,
    queue: Fal,
    /// Refuses each edit, so that the next provider is asked.
    full: Provider,
    /// Takes each edit and hangs up.
    lossy: OpenAi,
    /// Takes each edit and answers when it is told to.
    held: OpenAi,
}

impl Market {
    /// All of them, and each answers.
    pub fn start() -> Self {
        let market = Self::holding();
        market.release();
        market
    }

    /// All of them; one answers only when it is told to.
    pub fn holding() -> Self {
        // Held and let go at once: the first poll already says that it is done.
        let polled = Provider::scripted(vec![Turn::Hold; MANY]);
        polled.release();
        Self {
            polled,
            sync: OpenAi::start(),
            queue: Fal::start(),
            full: Provider::scripted(vec![Turn::QueueFull; MANY]),
            lossy: OpenAi::scripted(vec![Turn::Cut; MANY]),
            held: OpenAi::scripted(vec![Turn::Hold; MANY]),
        }
    }

    /// Lets everything go on that was held.
    pub fn release(&self) {
        self.held.release();
    }

    /// The providers' files.
    pub fn files(&self) -> [ProviderFile; 6] {
        let sync = ProviderFile::openai("sync", &self.sync)
            .line(&format!("aliases = [\"{PAIR}\", \"{RISKY}\"]"));
        let full = ProviderFile::runninghub("full", &self.full).priority(2);
        let lossy = ProviderFile::openai("lossy", &self.lossy).priority(2);
        [
            ProviderFile::runninghub("polled", &self.polled),
            sync,
            ProviderFile::fal("queue", &self.queue),
            ProviderFile::openai("held", &self.held),
            full.line(&format!("aliases = [\"{PAIR}\"]")),
            lossy
                .line(&format!("aliases = [\"{RISKY}\"]"))
                .line("on_ambiguous = \"availability_first\""),
        ]
        .map(|file| file.line(&format!("limits.concurrency = {PLACES}")))
    }

    /// Their ports.
    pub fn ports(&self) -> Vec<String> {
        let origins = [
            self.polled.origin(),
            self.sync.origin(),
            self.queue.origin(),
            self.full.origin(),
            self.lossy.origin(),
            self.held.origin(),
        ];
        origins.map(|origin| origin.rsplit(':').next().unwrap_or_default().to_owned()).into()
    }

    /// What came to all of them.
    pub fn books(&self) -> Books {
        Books(vec![
            self.polled.ledger(),
            self.sync.ledger(),
            self.queue.ledger(),
            self.full.ledger(),
            self.lossy.ledger(),
            self.held.ledger(),
        ])
    }
}

/// The ledgers of a market at one moment.
pub struct Books(Vec<Ledger>);

impl Books {
    /// How often an order was submitted anywhere.
    pub fn submits(&self, order: &Order) -> usize {
        self.turns(order).count()
    }

    /// How often it was charged for.
    pub fn charges(&self, order: &Order) -> usize {
        self.turns(order).filter(|turn| turn.is_charged()).count()
    }

    /// Fails if anything came that no such service expects.
    #[track_caller]
    pub fn assert_no_strays(&self) {
        let strays: Vec<&String> = self.0.iter().flat_map(|ledger| &ledger.strays).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }

    fn turns(&self, order: &Order) -> impl Iterator<Item = Turn> {
        let submits = self.0.iter().flat_map(|ledger| &ledger.submits);
        let its = submits.filter(|submit| submit.body["prompt"] == order.prompt.as_str());
        its.map(|submit| submit.turn)
    }
}

impl Kind {
    /// How its request says where to go.
    pub(super) fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Polled | Self::PolledTwo => ("provider", "polled"),
            Self::Sync => ("provider", "sync"),
            Self::Queue => ("provider", "queue"),
            Self::Held => ("provider", "held"),
            Self::Failover => ("model", PAIR),
            Self::Risky => ("model", RISKY),
        }
    }
}
