//! `GET /metrics`: how the gateway stands, for Prometheus and whatever reads its text format. For the
//! operator alone: it names the providers. Read off what is known in memory; a scrape waits for nothing.

mod text;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::admin::Operator;
use crate::api::Api;
use crate::clock::{Ms, now_ms, seconds};
use crate::engine::Load;
use crate::live::Standing;
use crate::snapshot::Counts;
use text::{Kind, Text};

/// The format's version, which scrapers ask for.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What is said of a provider that its file switches off.
const DISABLED: &str = "disabled";

/// What is told.
#[derive(Clone, Debug, Default)]
struct Facts {
    revision: u64,
    is_refused: bool,
    is_degraded: bool,
    reloads: Counts,
    load: Load,
    providers: Vec<Provider>,
}

/// What is told of a provider.
#[derive(Clone, Debug)]
struct Provider {
    id: String,
    open: u32,
    places: u32,
    /// One of [`Standing::WORDS`], or [`DISABLED`].
    state: &'static str,
}

/// `GET /metrics`
pub(crate) async fn show(State(api): State<Arc<Api>>, _operator: Operator) -> Response {
    let headers = [(header::CONTENT_TYPE, FORMAT), (header::CACHE_CONTROL, "no-store")];
    (headers, told(&Facts::of(&api, now_ms()))).into_response()
}

impl Facts {
    fn of(api: &Api, now: Ms) -> Self {
        let (snapshot, status) = (api.snapshot.load(), api.reloader.status());
        let provider = |provider: &Arc<crate::snapshot::Provider>| Provider {
            id: provider.file.id.clone(),
            open: api.engine.health(provider, now).open,
            places: provider.file.limits.concurrency,
            state: match provider.file.enabled {
                true => api.engine.standing(provider, now).word(),
                false => DISABLED,
            },
        };
        Self {
            revision: snapshot.revision,
            is_refused: status.refused,
            is_degraded: status.degraded,
            reloads: api.reloader.reloads(),
            load: api.engine.load(),
            providers: snapshot.providers.iter().map(provider).collect(),
        }
    }
}

fn told(facts: &Facts) -> String {
    let mut text = Text::default();
    let help = "Always 1; the version of the running gateway is in the label.";
    let version = ("version", env!("CARGO_PKG_VERSION"));
    text.family(Kind::Gauge, "retouch_build_info", help).one(&[version], 1);
    tell_catalog(&mut text, facts);
    tell_jobs(&mut text, facts.load);
    tell_providers(&mut text, &facts.providers);
    text.finish()
}

fn tell_catalog(text: &mut Text, facts: &Facts) {
    let Facts { revision, is_refused, is_degraded, reloads, .. } = facts;
    let help = "Number of the catalog in use. It counts from 1 at each start of the gateway.";
    text.family(Kind::Gauge, "retouch_catalog_revision", help).one(&[], *revision);
    let help = "Times the catalog was read again since the start. Published: another catalog is in \
                use. Unchanged: the files say the same as before. Refused: the files have an error \
                and the catalog from before stays.";
    let mut family = text.family(Kind::Counter, "retouch_catalog_reloads_total", help);
    for (outcome, count) in [
        ("published", reloads.published),
        ("unchanged", reloads.unchanged),
        ("refused", reloads.refused),
    ] {
        family.one(&[("outcome", outcome)], count);
    }
    let help = "When the catalog's files were last read, in unix seconds.";
    let name = "retouch_catalog_last_attempt_timestamp_seconds";
    text.family(Kind::Gauge, name, help).one(&[], seconds(reloads.tried));
    let help = "When the catalog's files were last read and found good, in unix seconds. 0 if they \
                never were since the start.";
    let name = "retouch_catalog_last_success_timestamp_seconds";
    text.family(Kind::Gauge, name, help).one(&[], seconds(reloads.found_good));
    let help = "1 while the catalog's files have an error and are therefore not what is in use.";
    text.family(Kind::Gauge, "retouch_catalog_refused", help).one(&[], (*is_refused).into());
    let help = "1 while the gateway runs on the last good copy, because the files already had an \
                error when it started.";
    text.family(Kind::Gauge, "retouch_catalog_degraded", help).one(&[], (*is_degraded).into());
}

fn tell_jobs(text: &mut Text, load: Load) {
    let help = "Jobs that have not ended.";
    text.family(Kind::Gauge, "retouch_jobs_unfinished", help).one(&[], load.unfinished);
    let help = "Jobs that wait for a free place at a provider's account.";
    text.family(Kind::Gauge, "retouch_jobs_in_line", help).one(&[], load.in_line);
}

fn tell_providers(text: &mut Text, providers: &[Provider]) {
    let help = "Jobs that are at the provider's account now. Providers with the same address and key \
                share an account and show the same number.";
    let mut family = text.family(Kind::Gauge, "retouch_provider_places_open", help);
    for Provider { id, open, .. } in providers {
        family.one(&[("provider", id)], (*open).into());
    }
    let help = "Jobs that may be at the provider's account at once (limits.concurrency).";
    let mut family = text.family(Kind::Gauge, "retouch_provider_places_limit", help);
    for Provider { id, places, .. } in providers {
        family.one(&[("provider", id)], (*places).into());
    }
    let help = "1 for the state the provider is in, 0 for the others. Free: it takes a job. Full: all \
                places are in use. Cooling: it was asked too often. Broken: it failed too often. \
                Probing: one job tries it again. Used_up: no submits are left today. Shut: its key or \
                its credit is no good. Disabled: switched off in its file.";
    let mut family = text.family(Kind::Gauge, "retouch_provider_health", help);
    for Provider { id, state, .. } in providers {
        for word in Standing::WORDS.into_iter().chain([DISABLED]) {
            family.one(&[("provider", id), ("state", word)], (word == *state).into());
        }
    }
}

#[cfg(test)]
mod tests;
