//! `retouch key`: makes client keys, lists them, takes them back.
//!
//! Works on the keys' file itself, with or without a server; one that runs takes the change up. Also
//! while the settings are broken: a key must be revocable at any time. A key goes to stdout once, when
//! it is made, and nowhere else. `rotate-master` is about another key, the installation's own.

mod master;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::catalog::key::{self, Created, FILE, FileError, Keys, Limits, Scope, rules};
use crate::clock::{Ms, now_ms, seconds};

use super::{
    args::{self, Common},
    check, host,
    out::Out,
    stop::Stop,
    table,
};

/// Runs one of the commands.
pub(super) async fn run(command: &args::Key, common: &Common, out: Out) -> Result<(), Stop> {
    match command {
        args::Key::Create(new) => create(new, common, out),
        args::Key::List => list(common, out),
        args::Key::Revoke(args::OldKey { id }) => revoke(id, common, out),
        args::Key::RotateMaster => master::rotate(common, out).await,
    }
}

fn create(new: &args::NewKey, common: &Common, out: Out) -> Result<(), Stop> {
    let now = now_ms();
    let new = asked(new, out, now)?;
    let dir = folder(common, out)?;
    let created = key::create(&dir, &new, now).map_err(|why| failed(&why, out))?;
    let Created { secret, key, file, .. } = &created;
    if out.json {
        let mut shown = key.record(now);
        shown["key"] = json!(secret.expose());
        shown["file"] = json!(file);
        return out.raw(&shown.to_string());
    }
    out.line(secret.expose())?;
    out.note("key.made", &[("id", &key.id), ("file", &file.display())]);
    let is_first = key::list(&dir).is_ok_and(|(keys, _)| keys.iter().count() == 1);
    if is_first {
        out.note("key.first", &[]);
    }
    Ok(())
}

/// What the arguments ask for.
fn asked(new: &args::NewKey, out: Out, now: Ms) -> Result<key::NewKey, Stop> {
    let usage = |topic| move |_| Stop::Usage(out.words.say(topic, &[]));
    let name = rules::name(&new.name).map_err(usage("key.bad_name"))?;
    let expires = new.expires.as_deref().map(|text| rules::expiry(text, now));
    let expires = expires.transpose().map_err(usage("key.bad_expiry"))?;
    let named = new.scopes.iter().map(|args::Named(scope)| *scope);
    let scopes = if new.scopes.is_empty() { Scope::ALL.into() } else { named.collect() };
    let limits = Limits {
        per_minute: new.per_minute.unwrap_or_default(),
        concurrency: new.concurrency.unwrap_or_default(),
    };
    Ok(key::NewKey { name, scopes, limits, expires })
}

fn list(common: &Common, out: Out) -> Result<(), Stop> {
    let now = now_ms();
    let listed = key::list(&folder(common, out)?);
    let (keys, problems) = listed.map_err(|why| failed(&why, out))?;
    if out.json {
        let data: Vec<Value> = keys.iter().map(|key| key.record(now)).collect();
        out.raw(&json!({ "object": "list", "data": data, "has_more": false }).to_string())?;
    } else if !keys.is_empty() {
        out.line(&rows(&keys, out, now))?;
    } else if problems.is_empty() {
        out.note("key.none", &[]);
    }
    if problems.is_empty() {
        return Ok(());
    }
    out.remark(&check::lines(&problems));
    Err(Stop::Said)
}

fn revoke(id: &str, common: &Common, out: Out) -> Result<(), Stop> {
    let now = now_ms();
    let dir = folder(common, out)?;
    let revoked = key::revoke(&dir, id, now).map_err(|why| match why {
        FileError::Unknown => unknown(id, &dir, out),
        why => failed(&why, out),
    })?;
    if out.json {
        return out.raw(&revoked.record(now).to_string());
    }
    let is_new = revoked.revoked == Some(seconds(now) * 1_000);
    let text = if is_new { "key.revoked" } else { "key.was_revoked" };
    out.note(text, &[("id", &revoked.id), ("name", &revoked.name)]);
    Ok(())
}

/// The configuration's folder. One that is named must be there; a mistyped name makes none.
fn folder(common: &Common, out: Out) -> Result<PathBuf, Stop> {
    let dir = host::fallback(common).config_dir;
    if common.config.is_some() && !dir.is_dir() {
        let text = out.words.say("key.no_folder", &[("folder", &dir.display())]);
        return Err(Stop::Failed(text));
    }
    Ok(dir)
}

/// Says what was probably meant. What was typed is not repeated: it may be a key.
fn unknown(typed: &str, dir: &std::path::Path, out: Out) -> Stop {
    let (keys, _) = key::list(dir).unwrap_or_default();
    let named = keys.iter().filter(|key| key.name == typed && key.revoked.is_none());
    let ids: Vec<&str> = named.map(|key| key.id.as_str()).collect();
    Stop::Failed(match ids.as_slice() {
        [] => out.words.say("key.unknown", &[("file", &dir.join(FILE).display())]),
        ids => out.words.say("key.by_id", &[("ids", &ids.join(", "))]),
    })
}

fn failed(why: &FileError, out: Out) -> Stop {
    Stop::Failed(match why {
        FileError::Problems(problems) => {
            out.words.say("key.not_in_order", &[("problems", &check::lines(problems))])
        }
        why => why.to_string(),
    })
}

fn rows(keys: &Keys, out: Out, now: Ms) -> String {
    let heads = [
        "head.id",
        "head.key",
        "head.name",
        "head.scopes",
        "head.limits",
        "head.expires",
        "head.state",
    ];
    let heads = heads.map(|head| out.words.say(head, &[]));
    let rows = keys.iter().map(|key| {
        vec![
            key.id.clone(),
            format!("{}…", key.prefix),
            table::excerpt(&key.name, 30),
            key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(","),
            limits(key.limits, out),
            key.expires.map_or_else(|| "-".to_owned(), key::shown),
            out.words.name("state", key.standing(now).as_str()),
        ]
    });
    table::render(&heads, &rows.collect::<Vec<_>>())
}

fn limits(limits: Limits, out: Out) -> String {
    let parts = [("key.per_minute", limits.per_minute), ("key.at_once", limits.concurrency)];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(text, count)| out.words.say(text, &[("count", &count)])).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}
