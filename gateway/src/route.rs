//! Which provider next. Pure: the snapshot and what is known of the job in, a choice or the reasons
//! against out.

mod choose;
mod fit;

use std::cmp::Reverse;
use std::sync::Arc;

use crate::job::Skip;
use crate::request::EditRequest;
use crate::snapshot::{Provider, Snapshot};

pub use choose::{Choice, choose};
pub use fit::ignored;

/// Nobody can be asked, and never will be with this catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// No enabled provider of that id or name.
    #[error("no provider is called '{asked}'; there are: {}", list(.known))]
    Provider {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No provider serves that model.
    #[error("no provider serves the model '{asked}'; there are: {}", list(.known))]
    Model {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// Who may be asked, the best first, and who was passed over.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// In the order to ask.
    pub order: Vec<Arc<Provider>>,
    /// Passed over for good.
    pub skipped: Vec<Skip>,
    /// The field that ruled the first of them out.
    pub unfit: Option<&'static str>,
    /// Asked before all others, whatever their priority: the id of the style's provider.
    pub preferred: Option<String>,
}

/// The providers that serve a request.
///
/// # Errors
/// When the provider or model asked for is not there at all.
pub fn candidates(snapshot: &Snapshot, request: &EditRequest) -> Result<Candidates, Unroutable> {
    let mut candidates = Candidates::default();
    let preferred = preferred(snapshot, request);
    let mut chosen = match (&request.provider, &preferred, &request.model) {
        (Some(asked), ..) => vec![named(snapshot, asked)?],
        // It never takes part in failover, neither as the next one nor as the first.
        (None, Some(first), _) if first.sandbox => vec![first.clone()],
        (None, None, Some(model)) => serving(snapshot, model)?,
        (None, Some(_), Some(model)) => serving(snapshot, model).unwrap_or_default(),
        (None, _, None) => open(snapshot).collect(),
    };
    if let Some(first) = preferred.filter(|_| request.provider.is_none()) {
        candidates.preferred = Some(first.file.id.clone());
        chosen.retain(|provider| provider.file.id != first.file.id);
        chosen.push(first);
    }
    let later = |p: &Provider| candidates.preferred.as_ref() != Some(&p.file.id);
    chosen.sort_by_key(|p| (later(p), Reverse(p.file.default), Reverse(p.file.priority)));
    for provider in chosen {
        match fit::unfit(&provider, request) {
            None => candidates.order.push(provider),
            Some((field, reason)) => {
                candidates.unfit.get_or_insert(field);
                candidates.skipped.push(Skip { provider: provider.file.id.clone(), reason });
            }
        }
    }
    Ok(candidates)
}

/// The provider a style asks first. A model that the client named is the client's own wish, and a
/// provider without it is none for it; the style's own model is one the provider is to be asked for.
fn preferred(snapshot: &Snapshot, request: &EditRequest) -> Option<Arc<Provider>> {
    let styled = request.styled.as_ref()?;
    let first = named(snapshot, styled.prefers.as_deref()?).ok()?;
    let fits = request.model.as_deref().is_none_or(|model| first.serves(model));
    (fits || styled.sets_model).then_some(first)
}

/// The model to ask a provider for: the one asked for where the provider has a model of that name, or
/// where a style names both; its own where an alias was used or none was named.
pub fn model_for(provider: &Provider, request: &EditRequest) -> Option<String> {
    let asked = request.model.as_deref();
    let styled = request.styled.as_ref().filter(|styled| styled.sets_model);
    let names_both = styled.is_some_and(|styled| {
        let first = styled.prefers.as_ref();
        first == Some(&provider.file.id) || first == Some(&provider.file.name)
    });
    match asked {
        Some(model) if provider.models().any(|m| m == model) => Some(model.to_owned()),
        Some(model) if names_both && !provider.serves(model) => Some(model.to_owned()),
        _ => provider.file.model.clone(),
    }
}

/// Names a client may ask for.
pub fn model_names(snapshot: &Snapshot) -> Vec<String> {
    let mut names: Vec<String> = open(snapshot)
        .flat_map(|p| {
            p.models().map(str::to_owned).chain(p.file.aliases.clone()).collect::<Vec<_>>()
        })
        .filter(|name| name != "*")
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Providers that take requests which do not name them.
fn open(snapshot: &Snapshot) -> impl Iterator<Item = Arc<Provider>> + '_ {
    snapshot
        .providers
        .iter()
        .filter(|p| p.file.enabled && (!p.sandbox || snapshot.sandbox_is_open))
        .cloned()
}

fn named(snapshot: &Snapshot, asked: &str) -> Result<Arc<Provider>, Unroutable> {
    let enabled = || snapshot.providers.iter().filter(|p| p.file.enabled);
    enabled().find(|p| p.file.id == asked || p.file.name == asked).cloned().ok_or_else(|| {
        let known = enabled().map(|p| p.file.id.clone()).collect();
        Unroutable::Provider { asked: asked.to_owned(), known }
    })
}

fn serving(snapshot: &Snapshot, model: &str) -> Result<Vec<Arc<Provider>>, Unroutable> {
    let serving: Vec<_> = open(snapshot).filter(|p| p.serves(model)).collect();
    if serving.is_empty() {
        return Err(Unroutable::Model { asked: model.to_owned(), known: model_names(snapshot) });
    }
    Ok(serving)
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
