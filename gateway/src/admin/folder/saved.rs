//! A change to the catalog's files, made for the API: saved and noted, or said why not, field
//! by field.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::entry::Kind;
use super::plan::{NotDone, Plan};
use crate::admin::asker::Asker;
use crate::api::{Api, ApiError};
use crate::catalog::Files;
use crate::catalog::document::Document;
use crate::problem::Problem;
use crate::snapshot::{self, Status, Unsaved};

/// A change that was made.
#[derive(Debug)]
pub(in crate::admin) struct Done {
    /// The id of what was changed.
    pub(in crate::admin) id: String,
    /// The files with it.
    pub(in crate::admin) files: Files,
    /// How the catalog stands with it.
    pub(in crate::admin) status: Arc<Status>,
}

/// Makes the change that `plan` thinks out of the files as they are by then.
///
/// # Errors
/// See [`NotDone`].
pub(in crate::admin) async fn save(
    api: &Api,
    asker: Asker,
    kind: &'static Kind,
    action: &'static str,
    plan: impl Fn(&Files, &Asker) -> Result<Plan, NotDone> + Send + 'static,
) -> Result<Done, NotDone> {
    let planned = Arc::new(ArcSwapOption::empty());
    let (asking, meant) = (asker.clone(), planned.clone());
    let plan = move |files: &Files| {
        let Plan { overlay, id } = plan(files, &asking)?;
        let after = files.clone().overlaid(&overlay);
        let diff = overlay.diff(files);
        // Thought out anew where somebody else was faster: the last one counts.
        meant.store(Some(Arc::new(after.clone())));
        Ok((overlay, (id, after, diff)))
    };
    let saved = api.reloader.edit(action, plan).await;
    let saved = saved.map_err(|unsaved| told(unsaved, kind, planned.load().as_deref()))?;
    let (id, files, diff) = saved.made;
    if !diff.is_empty() {
        let Asker { by, from, .. } = asker;
        tracing::info!(operator = %by, action, id, "An operator changed the catalog.");
        api.audit.note(&by, from, action, &id, json!({ "diff": diff })).await;
    }
    Ok(Done { id, files, status: saved.status })
}

/// The files as they are now, and everything wrong with them.
///
/// # Errors
/// When they cannot be looked at.
pub(in crate::admin) async fn look(api: &Api) -> Result<(Files, Vec<Problem>), ApiError> {
    api.reloader.look().await.ok_or_else(broken)
}

fn told(unsaved: Unsaved<NotDone>, kind: &Kind, planned: Option<&Files>) -> NotDone {
    match unsaved {
        Unsaved::Plan(error) => error,
        Unsaved::Problems(problems) => {
            let all = problems.iter().map(|problem| named(problem, kind, planned)).collect();
            invalid(kind, all).into()
        }
        Unsaved::ReadOnly { error, diff } => read_only(&error, &diff).into(),
        Unsaved::Busy(error) => later("folder_in_use", &error.to_string()).into(),
        Unsaved::Overtaken => later(
            "being_written",
            "somebody else goes on writing to the same files; try again once they are done",
        )
        .into(),
        Unsaved::Io(_) | Unsaved::Broken => broken().into(),
    }
}

/// The change is to be made by hand.
pub(in crate::admin) fn read_only(error: &io::Error, diff: &str) -> ApiError {
    let message = format!(
        "the configuration cannot be written ({error}), so that nothing was changed; make the \
         change in `diff` by hand"
    );
    ApiError::new(StatusCode::CONFLICT, "read_only", message).extra("diff", json!(diff))
}

/// Nothing was changed, and soon it can be.
fn later(code: &str, message: &str) -> ApiError {
    let message = format!("{message}; nothing was changed");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(5)
}

fn broken() -> ApiError {
    let message = "the change could not be made; the gateway's log says why";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
}

/// Says what is wrong with what was sent, the first thing before all.
pub(in crate::admin) fn invalid(kind: &Kind, problems: Vec<Value>) -> ApiError {
    let is_error = |problem: &&Value| problem.get("severity").is_none_or(|s| s == "error");
    let first = problems.iter().find(is_error).cloned().unwrap_or_default();
    let text = |name| first.get(name).and_then(Value::as_str).unwrap_or_default();
    let (what, mend) = (text("message"), text("mend"));
    let message = if mend.is_empty() { what.to_owned() } else { format!("{what}; {mend}") };
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, kind.invalid, message);
    let error = match text("path") {
        "" => error,
        path => error.param(path),
    };
    error.extra("problems", Value::Array(problems))
}

/// A problem that no file has yet.
pub(in crate::admin) fn wrong(
    kind: &Kind,
    file: &Path,
    path: &str,
    what: &str,
    mend: &str,
) -> ApiError {
    let problem = Problem::error(file, None, what, mend);
    invalid(kind, vec![with_path(&problem, Some(path).filter(|path| !path.is_empty()))])
}

/// A problem with the field it is about, by its file in `files`.
pub(in crate::admin) fn named(problem: &Problem, kind: &Kind, files: Option<&Files>) -> Value {
    let mut all = files.into_iter().flat_map(|files| files.of_folder(kind.folder));
    let text =
        all.find(|(file, _)| *file == problem.file).and_then(|(_, text)| text.as_deref().ok());
    with_path(problem, path(problem, kind, text).as_deref())
}

pub(in crate::admin) fn with_path(problem: &Problem, path: Option<&str>) -> Value {
    let mut shown = json!({ "path": path });
    if let (Some(all), Value::Object(rest)) = (shown.as_object_mut(), snapshot::shown(problem)) {
        all.extend(rest);
    }
    shown
}

/// The field that a problem is about. Most begin with it; the others stand on its line.
pub(in crate::admin) fn path(problem: &Problem, kind: &Kind, text: Option<&str>) -> Option<String> {
    let document = text.and_then(|text| Document::parse(Path::new(""), text).ok());
    let lines = document.map(|(_, root)| root.all_lines()).unwrap_or_default();
    let begins = |path: &&String| {
        let rest = problem.what.strip_prefix(path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
    };
    let first = problem.what.split_whitespace().next().unwrap_or_default().trim_end_matches(':');
    let table = first.split('.').next().unwrap_or_default();
    let missing = || kind.fields.contains(&table).then(|| first.to_owned());
    let on_line = lines.iter().filter(|(_, line)| problem.line == Some(**line));
    let on_line = || on_line.map(|(path, _)| path).min_by_key(|path| path.len()).cloned();
    let written = lines.keys().filter(begins).max_by_key(|path| path.len()).cloned();
    written.or_else(missing).or_else(on_line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::providers::KIND;

    #[test]
    fn a_problem_names_its_field() {
        let text = "name = \"A\"\nprioritty = 3\n\n[limits]\ntimeout = \"x\"\n\n[options]\na.b = 1\n\"b c\" = 2\n";
        for (line, what, want) in [
            (Some(2), "prioritty is not a known key", Some("prioritty")),
            (Some(1), "type is missing", Some("type")),
            (Some(5), "limits.timeout = \"x\" is not a time", Some("limits.timeout")),
            (Some(1), "the name 'A' is already taken by b.toml", Some("name")),
            (Some(8), "options.a: no such option", Some("options.a")),
            (Some(9), "options.b c: no such option", Some("options.b c")),
            (Some(6), "endpoints.edit is not a path", Some("endpoints.edit")),
            (Some(5), "'A' takes too long", Some("limits.timeout")),
            (None, "cannot be read: it is no file", None),
            (Some(3), "is not TOML: nonsense", None),
        ] {
            let problem = Problem::error(Path::new("a.toml"), line, what, "");
            assert_eq!(path(&problem, &KIND, Some(text)).as_deref(), want, "{what}");
        }
        let problem = Problem::error(Path::new("a.toml"), Some(1), "'A' is odd", "");
        assert_eq!(path(&problem, &KIND, Some("not TOML")), None);
    }

    #[test]
    fn the_first_error_leads() {
        let at = Path::new("a.toml");
        let problems = [
            Problem::error(at, None, "retry is odd", "mend it").warning(),
            Problem::error(at, None, "limits.timeout is odd", "mend it"),
        ];
        let error = invalid(&KIND, problems.iter().map(|p| named(p, &KIND, None)).collect());
        assert_eq!(error.names(), ("invalid_provider", Some("limits.timeout")));
        assert!(format!("{error:?}").contains("limits.timeout is odd; mend it"));
    }
}
