//! The JSON API for the operator, below `/admin/api`: what no client may do. Errors and jobs look as
//! they do under `/v1`. Who may is decided in `access`, before a byte of a body is read.

mod access;
mod answer;
mod asker;
mod audit;
mod body;
mod check;
mod cookie;
mod entry;
mod extract;
mod jobs;
mod keys;
pub(crate) mod password;
mod plan;
mod plugins;
mod providers;
mod reload;
mod resolve;
mod saved;
mod session;
mod setup;
mod sign_in;
mod site;
mod styles;
mod tries;
mod version;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post, put};

pub(crate) use access::{Guard, Operator};
pub(crate) use audit::Audit;
pub(crate) use extract::Address;
pub(crate) use site::Site;

use crate::api::Api;
use crate::metrics;

/// Every route.
pub(crate) fn router(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/api/audit", get(audit::list))
        .route("/admin/api/jobs", get(jobs::list))
        .route("/admin/api/jobs/{id}", get(jobs::one).delete(jobs::delete))
        .route("/admin/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/admin/api/jobs/{id}/resolve", post(resolve::resolve))
        .route("/admin/api/keys", get(keys::list).post(keys::create))
        .route("/admin/api/keys/{id}", get(keys::one).patch(keys::change))
        .route("/admin/api/keys/{id}/revoke", post(keys::revoke))
        .route("/admin/api/password", put(sign_in::change))
        .route(
            "/admin/api/session",
            get(sign_in::show).post(sign_in::sign_in).delete(sign_in::sign_out),
        )
        .route("/admin/setup", get(setup::show).post(setup::set))
        .route("/metrics", get(metrics::show))
        .route("/admin/api/plugins", get(plugins::list))
        .merge(providers::router())
        .merge(styles::router())
        .route("/admin/api/providers/{id}/check", post(check::one))
        .route("/admin/api/check", post(check::all))
        .route("/admin/api/reload", get(reload::show).post(reload::reload))
        .route_layer(middleware::from_fn_with_state(api.clone(), audit::to_the_end))
}
