//! `POST /admin/api/providers/{id}/check`: finds out why a provider does not work, for nothing.
//! `POST /admin/api/check` does so for every enabled provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};

use super::Operator;
use crate::api::{Api, ApiError, Named};
use crate::catalog::Overlay;
use crate::doctor::{Doctor, Report};
use crate::problem::Problem;
use crate::snapshot::Provider;

/// Providers checked at once; each waits for the network most of the time.
const AT_ONCE: usize = 32;

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
) -> Result<Json<Report>, ApiError> {
    let problems = api.reloader.check(Overlay::default()).await;
    let snapshot = api.snapshot.load_full();
    match snapshot.provider(&id) {
        Some(provider) => Ok(Json(doctor(&api).examine(provider, &problems).await)),
        None => Err(missing(&id, problems)),
    }
}

pub(super) async fn all(State(api): State<Arc<Api>>, _operator: Operator) -> Json<Value> {
    let problems = Arc::new(api.reloader.check(Overlay::default()).await);
    let snapshot = api.snapshot.load_full();
    let enabled = snapshot.providers.iter().filter(|provider| provider.file.enabled).cloned();
    let reports = enabled.map(|provider: Arc<Provider>| {
        let (api, problems) = (api.clone(), problems.clone());
        async move { doctor(&api).examine(&provider, &problems).await }.boxed()
    });
    let reports: Vec<_> = reports.collect();
    let reports: Vec<Report> = stream::iter(reports).buffered(AT_ONCE).collect().await;
    Json(json!({ "object": "list", "data": reports, "has_more": false }))
}

/// One that is not there may have a file that is refused, which is then what is wrong.
fn missing(id: &str, mut problems: Vec<Problem>) -> ApiError {
    problems.retain(|problem| problem.file.file_stem().is_some_and(|stem| stem == id));
    let Some(first) = problems.first() else { return ApiError::not_found("provider") };
    let message = format!("the provider is not used, for its file is not in order: {first}");
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_provider", message).problems(&problems)
}

fn doctor(api: &Api) -> Doctor<'_> {
    Doctor { upstream: &api.upstream, images: &api.images, engine: &api.engine }
}
