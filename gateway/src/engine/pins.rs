//! Providers as they were when attempts began: kept before an attempt names them, brought back for
//! attempts that outlive a change of the catalog or a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use crate::clock::{Ms, now_ms};
use crate::master::MasterKey;
use crate::pin::{Pin, PinId};
use crate::plugin::Shelf;
use crate::snapshot::{self, Provider};
use crate::store::StoreError;

/// A pin is written again after this time, so that no sweep takes it between that and the commit of
/// the first attempt that names it.
const FRESH: Ms = 1_800_000;
/// Providers brought back that are remembered.
const REMEMBERED: u64 = 256;

/// What pins are made from and opened with.
pub struct Pins {
    master: MasterKey,
    plugins: Shelf,
    public_url: bool,
    kept: Mutex<HashMap<PinId, Ms>>,
    opened: moka::sync::Cache<PinId, Arc<Provider>>,
}

impl Pins {
    /// With the installation's key and the private copies of its plugins.
    pub fn new(master: MasterKey, plugins: Shelf, public_url: bool) -> Self {
        Self {
            master,
            plugins,
            public_url,
            kept: Mutex::default(),
            opened: moka::sync::Cache::new(REMEMBERED),
        }
    }

    fn name(&self, provider: &Provider) -> Option<PinId> {
        // The sandbox is what it is now: it remembers nothing over a restart.
        (!provider.sandbox).then(|| *provider.pin.get_or_init(|| PinId::of(provider, &self.master)))
    }

    fn is_kept(&self, id: PinId, now: Ms) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).is_some_and(|at| now < at + FRESH)
    }

    fn open(&self, content: &str) -> Result<Provider, String> {
        let pin: Pin = serde_json::from_str(content).map_err(|error| error.to_string())?;
        let key = self.master.unseal(&pin.key, &pin.host).map_err(|error| error.to_string())?;
        let library = self.plugins.get(&pin.plugin).map_err(|refusal| refusal.to_string())?;
        snapshot::assemble(pin.file, pin.host, key, &library, self.public_url)
            .map_err(|problem| problem.to_string())
    }
}

impl Engine {
    /// Keeps a provider as it is, so that an attempt may name it. The sandbox is not kept.
    pub(super) async fn pin(&self, provider: &Provider) -> Result<Option<PinId>, StoreError> {
        let pins = &self.parts.pins;
        let now = now_ms();
        let Some(id) = pins.name(provider) else { return Ok(None) };
        if pins.is_kept(id, now) {
            return Ok(Some(id));
        }
        let unavailable = |what: String| StoreError::Unavailable(what);
        let pin = Pin::of(provider, &pins.master).map_err(|e| unavailable(e.to_string()))?;
        let content = serde_json::to_string(&pin).map_err(|e| unavailable(e.to_string()))?;
        self.parts.store.pin(id, content).await?;
        pins.plugins.put(&provider.library);
        pins.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now);
        Ok(Some(id))
    }

    /// The provider an attempt began with: the running one while nothing changed, else as it was.
    /// `None`: it cannot be brought back, and the log says why.
    pub(super) async fn pinned(&self, id: &str, pin: Option<PinId>) -> Option<Arc<Provider>> {
        let running = self.parts.snapshot.load().provider(id).cloned();
        let Some(pin) = pin else { return running };
        let pins = &self.parts.pins;
        if let Some(running) = running.filter(|provider| pins.name(provider) == Some(pin)) {
            return Some(running);
        }
        if let Some(known) = pins.opened.get(&pin) {
            return Some(known);
        }
        let content = match self.parts.store.pinned(pin).await {
            Ok(content) => content?,
            Err(error) => {
                tracing::error!(%pin, %error, "A provider as it was cannot be read.");
                return None;
            }
        };
        match pins.open(&content) {
            Ok(provider) => {
                let provider = Arc::new(provider);
                pins.opened.insert(pin, provider.clone());
                Some(provider)
            }
            Err(why) => {
                tracing::error!(%pin, provider = id, why, "A provider as it was cannot be brought back.");
                None
            }
        }
    }
}
