//! Providers as they were when attempts began: kept before an attempt names them, brought back for
//! attempts that outlive a change of the catalog or a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use crate::attempt::{Attempt, Memo};
use crate::clock::{Ms, now_ms};
use crate::master::MasterKey;
use crate::pin::{Pin, PinId};
use crate::plugin::{Library, Registry, Shelf};
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
    read: moka::sync::Cache<PinId, Arc<Pin>>,
    /// By the plugin that was first thought of, too.
    opened: moka::sync::Cache<(PinId, String), Arc<Provider>>,
}

impl Pins {
    /// With the installation's key and the private copies of its plugins.
    pub fn new(master: MasterKey, plugins: Shelf, public_url: bool) -> Self {
        Self {
            master,
            plugins,
            public_url,
            kept: Mutex::default(),
            read: moka::sync::Cache::new(REMEMBERED),
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

    /// The provider with the running plugin, if that reads what is written, else with the one that
    /// wrote it.
    fn open(
        &self,
        (id, pin): (PinId, &Pin),
        running: &Registry,
        memo: Option<&Memo>,
    ) -> Result<Arc<Provider>, String> {
        let newer = successor(pin, running, memo);
        let writer = memo.map(|memo| memo.plugin.as_str()).filter(|writer| !writer.is_empty());
        let writer = writer.unwrap_or(&pin.plugin);
        let first = newer.map_or(writer, |newer| newer.sha256()).to_owned();
        if let Some(known) = self.opened.get(&(id, first.clone())) {
            return Ok(known);
        }
        if pin.v > Pin::VERSION {
            return Err(format!("it was kept by a newer Retouch (layout {})", pin.v));
        }
        let key = self.master.unseal(&pin.key, &pin.host).map_err(|error| error.to_string())?;
        let with = |library: &Arc<Library>| {
            let (file, host) = (pin.file.clone(), pin.host.clone());
            snapshot::assemble(file, host, key.clone(), library, self.public_url)
        };
        let provider = match newer.map(with) {
            Some(Ok(provider)) => provider,
            other => {
                if let Some(Err(problem)) = other {
                    tracing::info!(%problem, "An older plugin finishes what the newer one refuses.");
                }
                let library = self.plugins.get(writer).map_err(|refusal| refusal.to_string())?;
                with(&library).map_err(|problem| problem.to_string())?
            }
        };
        let provider = Arc::new(provider);
        self.opened.insert((id, first), provider.clone());
        Ok(provider)
    }
}

/// The running plugin of the id that a pin names, if it reads the attempt's state.
fn successor<'a>(
    pin: &Pin,
    running: &'a Registry,
    memo: Option<&Memo>,
) -> Option<&'a Arc<Library>> {
    let (library, _) = running.api_type(&pin.file.api_type)?;
    let is_same = library.label().id == pin.plugin_id;
    (is_same && reads(library, memo)).then_some(library)
}

fn reads(library: &Library, memo: Option<&Memo>) -> bool {
    memo.is_none_or(|memo| library.label().state.reads.contains(&memo.version))
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

    /// The provider that goes on with an attempt; see [`Engine::pinned`].
    pub(super) async fn pinned_for(&self, attempt: &Attempt) -> Option<Arc<Provider>> {
        self.pinned(&attempt.provider, attempt.pin, Some(&attempt.memo)).await
    }

    /// The provider an attempt began with: the running one while nothing changed, else as it was,
    /// with the newest plugin that reads `memo`. `None`: it cannot be brought back, and the log says
    /// why.
    pub(super) async fn pinned(
        &self,
        id: &str,
        pin: Option<PinId>,
        memo: Option<&Memo>,
    ) -> Option<Arc<Provider>> {
        let snapshot = self.parts.snapshot.load_full();
        let running = snapshot.provider(id).cloned();
        // Only the sandbox is not pinned. A real provider that took its id would be paid.
        let Some(pin) = pin else { return running.filter(|provider| provider.sandbox) };
        let pins = &self.parts.pins;
        let is_it = |p: &Arc<Provider>| pins.name(p) == Some(pin) && reads(&p.library, memo);
        if let Some(running) = running.filter(is_it) {
            return Some(running);
        }
        let why = match self.read_pin(pin).await? {
            Ok(known) => match pins.open((pin, &known), &snapshot.plugins, memo) {
                Ok(provider) => return Some(provider),
                Err(why) => why,
            },
            Err(why) => why,
        };
        tracing::error!(%pin, provider = id, why, "A provider as it was cannot be brought back.");
        None
    }

    /// What a pin's row says; `None` where there is no such row.
    async fn read_pin(&self, id: PinId) -> Option<Result<Arc<Pin>, String>> {
        if let Some(known) = self.parts.pins.read.get(&id) {
            return Some(Ok(known));
        }
        let content = match self.parts.store.pinned(id).await {
            Ok(content) => content?,
            Err(error) => return Some(Err(error.to_string())),
        };
        let read = serde_json::from_str(&content).map(Arc::new);
        Some(
            read.inspect(|pin| self.parts.pins.read.insert(id, Arc::clone(pin)))
                .map_err(|e| e.to_string()),
        )
    }
}
