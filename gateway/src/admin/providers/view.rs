//! A provider as the operator's API shows it: what its file comes to, completed with what its API
//! type supplies, and how it stands. A key is never in it. Pure.

use serde_json::{Map, Value, json};
use url::Url;

use super::KIND;
use super::key;
use crate::admin::folder::entry::Entry;
use crate::admin::folder::saved::{path, with_path};
use crate::catalog::document::Document;
use crate::catalog::edit;
use crate::catalog::provider::ProviderFile;
use crate::clock::{Ms, seconds};
use crate::duration;
use crate::live::{Health, Standing};
use crate::problem::Problem;

/// What is known of a provider beside its file.
#[derive(Debug, Default)]
pub(super) struct View<'a> {
    /// What its file comes to, so far as it can be read.
    pub(super) parsed: Option<&'a ProviderFile>,
    /// Whether that is what runs: not where another file keeps the catalog from being taken up.
    pub(super) in_effect: bool,
    /// Whether it has no file.
    pub(super) is_built_in: bool,
    /// Everything known to be wrong.
    pub(super) problems: &'a [Problem],
    /// How the one that runs stands.
    pub(super) health: Value,
}

/// One provider.
pub(super) fn provider(entry: Entry<'_>, seen: &View<'_>) -> Value {
    let text = entry.text.as_deref().ok();
    let written = text.and_then(|text| edit::shown(text).ok()).unwrap_or_default();
    let own = seen.problems.iter().filter(|problem| problem.file == entry.file);
    let problems: Vec<(Option<String>, &Problem)> =
        own.map(|problem| (path(problem, &KIND, text), problem)).collect();
    let mut shown = Map::from_iter([
        ("object".to_owned(), json!("provider")),
        ("id".to_owned(), json!(entry.id)),
        ("revision".to_owned(), json!(entry.version())),
        ("file".to_owned(), json!(entry.file)),
        ("built_in".to_owned(), json!(seen.is_built_in)),
        ("sandbox".to_owned(), json!(seen.parsed.is_some_and(ProviderFile::is_sandbox))),
    ]);
    if let Some(file) = seen.parsed {
        let mut fields = effective(file);
        for path in problems.iter().filter_map(|(path, _)| path.as_deref()) {
            as_written(&mut fields, &written, path);
        }
        shown.extend(without_passwords(fields));
    }
    let problems =
        problems.iter().map(|(path, problem)| with_path(problem, path.as_deref())).collect();
    shown.extend([
        ("key".to_owned(), key::shown(&written)),
        ("written".to_owned(), json!(text.map(paths).unwrap_or_default())),
        ("in_effect".to_owned(), json!(seen.in_effect)),
        ("health".to_owned(), seen.health.clone()),
        ("problems".to_owned(), Value::Array(problems)),
    ]);
    Value::Object(shown)
}

/// The fields as they are in force.
pub(crate) fn effective(file: &ProviderFile) -> Map<String, Value> {
    let price = file.price.as_ref().map(|cost| format!("{} {}", cost.amount, cost.currency));
    let limits = &file.limits;
    let fields = json!({
        "name": file.name,
        "type": file.api_type,
        "priority": file.priority,
        "enabled": file.enabled,
        "default": file.default,
        "sync": file.sync,
        "retry": file.retry,
        "shrink": file.shrink,
        "model": file.model,
        "aliases": file.aliases,
        "description": file.description,
        "region": file.region,
        "on_ambiguous": file.on_ambiguous,
        "when_full": file.when_full,
        "price": price,
        "hosts": { "domestic": file.hosts.domestic, "overseas": file.hosts.overseas },
        "endpoints": file.endpoints,
        "limits": {
            "concurrency": limits.concurrency,
            "polls_per_second": limits.polls_per_second,
            "timeout": duration::shown(limits.timeout),
            "per_day": limits.per_day,
            "cooldown": duration::shown(limits.cooldown),
        },
        "options": file.options,
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// How one stands that runs.
pub(super) fn health(enabled: bool, standing: &Standing, health: &Health, limit: u32) -> Value {
    let state = match standing {
        _ if !enabled => "disabled",
        Standing::Free { .. } => "free",
        Standing::Full { .. } => "full",
        Standing::Cooling { .. } => "cooling",
        Standing::Broken { .. } => "broken",
        Standing::Probing { .. } => "probing",
        Standing::UsedUp { .. } => "used_up",
        Standing::Shut { .. } => "shut",
    };
    let is_told = enabled && state != "free";
    let until: Option<Ms> = standing.until().filter(|_| is_told);
    json!({
        "state": state,
        "reason": is_told.then(|| standing.reason()),
        "until": until.map(seconds),
        "open": health.open,
        "limit": limit,
        "waiting": health.waiting,
        "submits_today": health.submits_today,
        "failures": health.consecutive,
    })
}

/// A value that is refused is shown as it is written, so that it can be mended.
fn as_written(fields: &mut Map<String, Value>, written: &Map<String, Value>, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let (Some(field), Some(value)) = (fields.get_mut(name), written.get(name)) else { return };
    match (field, rest, value) {
        (Value::Object(inner), Some(rest), Value::Object(value)) => as_written(inner, value, rest),
        (field, ..) => *field = value.clone(),
    }
}

/// An address may hold a password that somebody wrote into it by mistake.
fn without_passwords(mut fields: Map<String, Value>) -> Map<String, Value> {
    let hosts = fields.get_mut("hosts").and_then(Value::as_object_mut);
    for host in hosts.into_iter().flat_map(Map::values_mut) {
        let url = host.as_str().and_then(|text| Url::parse(text).ok());
        let Some(mut url) =
            url.filter(|url| !url.username().is_empty() || url.password().is_some())
        else {
            continue;
        };
        let bare = url.set_username("").and_then(|()| url.set_password(None));
        *host = if bare.is_ok() { json!(url.as_str().trim_end_matches('/')) } else { json!("") };
    }
    fields
}

/// The fields that stand in a file, by dotted path.
pub(super) fn paths(text: &str) -> Vec<String> {
    let Ok((_, root)) = Document::parse(std::path::Path::new(""), text) else { return Vec::new() };
    let mut lines: Vec<(usize, String)> =
        root.all_lines().into_iter().map(|(path, line)| (line, path)).collect();
    lines.sort();
    lines.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::admin::providers::key::FIELD;
    use crate::catalog::files::Text;
    use crate::plugin::{Label, Registry};

    fn registry() -> Registry {
        let label = r#"{"abi":1,"id":"acme","version":"1.0.0","types":[{"id":"acme-edit",
            "defaults":{"hosts":{"domestic":"https://acme.example"},"endpoints":{"edit":"/e"},
            "model":"m","limits":{"concurrency":7}}}]}"#;
        Registry::of_labels([Label::parse(label.as_bytes()).unwrap()])
    }

    fn shown(text: &str) -> Value {
        let (file, text): (&Path, Text) = (Path::new("c/providers/a.toml"), Ok(text.to_owned()));
        let (parsed, problems) =
            ProviderFile::parse(file, text.as_ref().unwrap(), &registry(), None);
        let entry = Entry { id: "a", file, text: &text };
        let seen = View { parsed: parsed.as_ref(), problems: &problems, ..View::default() };
        provider(entry, &seen)
    }

    const GOOD: &str = "name = \"A\" # mine\ntype = \"acme-edit\"\napi_key = \"sk-canary\"\n\
        price = \"0.40 CNY\"\n[limits]\ntimeout = \"90s\"\n";

    #[test]
    fn defaults_are_filled_in_and_the_key_is_not_there() {
        let shown = shown(GOOD);
        assert!(!shown.to_string().contains("canary") && shown.get("api_key").is_none(), "{shown}");
        for (path, want) in [
            ("/name", json!("A")),
            ("/type", json!("acme-edit")),
            ("/priority", json!(0)),
            ("/enabled", json!(true)),
            ("/model", json!("m")),
            ("/hosts/domestic", json!("https://acme.example")),
            ("/endpoints/edit", json!("/e")),
            ("/limits/concurrency", json!(7)),
            ("/limits/timeout", json!("1m30s")),
            ("/limits/cooldown", json!("30s")),
            ("/price", json!("0.40 CNY")),
            ("/region", json!(null)),
            ("/on_ambiguous", json!("cost_safe")),
            ("/key/kind", json!("literal")),
            ("/written", json!(["name", "type", "api_key", "price", "limits", "limits.timeout"])),
            ("/problems", json!([])),
        ] {
            assert_eq!(shown.pointer(path), Some(&want), "{path}");
        }
        for field in KIND.fields.iter().filter(|field| **field != FIELD) {
            assert!(shown.get(field).is_some(), "{field} is missing");
        }
        for said in KIND.said.iter().filter(|said| **said != "deleted") {
            assert!(shown.get(said).is_some(), "{said} is not said");
        }
    }

    #[test]
    fn what_is_refused_is_shown_as_it_is_written() {
        let text = GOOD.replace("timeout = \"90s\"", "timeout = 90\nconcurrency = 0")
            + "[hosts]\ndomestic = \"https://me:canary@acme.example/x\"\n";
        let shown =
            shown(&text.replace("name = \"A\"", "priority = \"high\"\nprioritty = 3\nname = 5"));
        for (path, want) in [
            ("/name", json!(5)),
            ("/priority", json!("high")),
            ("/prioritty", json!(null)),
            ("/limits/timeout", json!(90)),
            ("/limits/concurrency", json!(0)),
            ("/hosts/domestic", json!("https://acme.example/x")),
        ] {
            assert_eq!(shown.pointer(path).unwrap_or(&Value::Null), &want, "{path}");
        }
        assert!(!shown.to_string().contains("canary"), "{shown}");
        let paths: Vec<_> =
            shown["problems"].as_array().unwrap().iter().map(|p| p["path"].clone()).collect();
        for path in ["name", "priority", "prioritty", "limits.timeout", "limits.concurrency"] {
            assert!(paths.contains(&json!(path)), "{path} in {paths:?}");
        }
    }

    #[test]
    fn what_is_no_toml_is_not_repeated() {
        let shown = shown("name = \"A\"\napi_key = sk-canary\n");
        assert!(!shown.to_string().contains("canary"), "{shown}");
        assert_eq!((&shown["id"], &shown["written"]), (&json!("a"), &json!([])));
        assert!(shown["problems"][0]["message"].as_str().unwrap().contains("not TOML"), "{shown}");
    }

    #[test]
    fn health_is_a_word_with_a_reason() {
        let known = Health {
            state: crate::live::Condition::Ok,
            until: None,
            why: None,
            consecutive: 2,
            open: 1,
            waiting: 4,
            submits_today: 9,
        };
        let free = Standing::Free { ill: 0, open: 1 };
        for (enabled, standing, state, until) in [
            (true, free, "free", json!(null)),
            (true, Standing::Full { places: 3 }, "full", json!(null)),
            (true, Standing::Cooling { until: 5_500 }, "cooling", json!(5)),
            (true, Standing::Broken { until: 5_500 }, "broken", json!(5)),
            (true, Standing::UsedUp { per_day: 3, until: 5_500 }, "used_up", json!(5)),
            (false, Standing::Broken { until: 5_500 }, "disabled", json!(null)),
        ] {
            let shown = health(enabled, &standing, &known, 3);
            assert_eq!((&shown["state"], &shown["until"]), (&json!(state), &until));
            assert_eq!(shown["reason"].is_null(), matches!(state, "free" | "disabled"), "{shown}");
            assert_eq!((&shown["open"], &shown["limit"]), (&json!(1), &json!(3)));
        }
    }
}
