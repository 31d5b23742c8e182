//! The JSON API for the operator, below `/admin/api`: what no client may do. Errors and jobs look as
//! they do under `/v1`. Who may is decided in `access`, before a byte of a body is read.

mod access;
mod answer;
mod asker;
mod audit;
mod body;
mod check;
mod folder;
mod jobs;
mod keys;
mod plugins;
mod providers;
mod reload;
mod resolve;
mod styles;
mod version;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post, put};

pub(crate) use access::{Address, Guard, Operator, Site, password};
pub(crate) use audit::Audit;

use crate::api::Api;
use crate::metrics;
use access::{setup, sign_in};
use providers::Providers;
use styles::Styles;

/// Every route.
pub(crate) fn router(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/api/audit", get(audit::list))
        .route("/admin/api/jobs", get(jobs::list))
        .route("/admin/api/jobs/{id}", get(jobs::one).delete(jobs::delete))
        .route("/admin/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/admin/api/jobs/{id}/resolve", post(resolve::resolve))
        .route("/admin/api/keys", get(keys::list).post(keys::create))
        .route("/admin/api/keys/{id}", get(keys::one).patch(keys::change).fallback(keys::other))
        .route("/admin/api/keys/{id}/revoke", post(keys::revoke))
        .route("/admin/api/password", put(sign_in::change))
        .route(
            "/admin/api/session",
            get(sign_in::show).post(sign_in::sign_in).delete(sign_in::sign_out),
        )
        .route("/admin/setup", get(setup::show).post(setup::set))
        .route("/metrics", get(metrics::show))
        .route("/admin/api/plugins", get(plugins::list))
        .route(
            "/admin/api/providers",
            get(folder::list::<Providers>).post(folder::create::<Providers>),
        )
        .route(
            "/admin/api/providers/{id}",
            get(folder::one::<Providers>)
                .put(folder::put::<Providers>)
                .patch(folder::patch::<Providers>)
                .delete(folder::delete::<Providers>),
        )
        .route("/admin/api/providers/{id}/duplicate", post(folder::duplicate::<Providers>))
        .route("/admin/api/providers/order", put(providers::order))
        .route("/admin/api/providers/{id}/enable", post(providers::enable))
        .route("/admin/api/providers/{id}/disable", post(providers::disable))
        .route("/admin/api/providers/{id}/default", post(providers::default))
        .route("/admin/api/styles", get(folder::list::<Styles>).post(folder::create::<Styles>))
        .route(
            "/admin/api/styles/{id}",
            get(folder::one::<Styles>)
                .put(folder::put::<Styles>)
                .patch(folder::patch::<Styles>)
                .delete(folder::delete::<Styles>),
        )
        .route("/admin/api/styles/{id}/duplicate", post(folder::duplicate::<Styles>))
        .route("/admin/api/providers/{id}/check", post(check::one))
        .route("/admin/api/check", post(check::all))
        .route("/admin/api/reload", get(reload::show).post(reload::reload))
        .route_layer(middleware::from_fn_with_state(api.clone(), audit::to_the_end))
}
