//! What is kept and for how long: pins, and the removal of what is old.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, params};

use super::super::{Cuts, StoreError, Swept};
use super::{signed, unavailable};
use crate::clock::Ms;
use crate::id::JobId;
use crate::pin::PinId;

pub(super) fn pin(
    db: &Transaction<'_>,
    id: PinId,
    content: &str,
    now: Ms,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO pins (id, content, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)",
    )
    .and_then(|mut insert| insert.execute(params![id.to_string(), content, signed(now)]))
    .map_err(unavailable)?;
    Ok(())
}

/// There are as many as providers were changed while jobs were under way: few enough for one go.
pub(super) fn rewrite_pins(
    db: &Transaction<'_>,
    anew: &dyn Fn(&str) -> Option<String>,
) -> Result<usize, StoreError> {
    let rewrite = || {
        let mut select = db.prepare("SELECT id, content FROM pins")?;
        let pins = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let pins: Vec<(String, String)> = pins.collect::<Result<_, _>>()?;
        let mut update = db.prepare("UPDATE pins SET content = ?2 WHERE id = ?1")?;
        let mut changed = 0;
        for (id, content) in pins {
            if let Some(content) = anew(&content) {
                changed += update.execute(params![id, content])?;
            }
        }
        Ok(changed)
    };
    rewrite().map_err(unavailable)
}

/// The pins a sweep may remove. Reads every job that has something left to do, so not in a write.
pub(super) fn old_pins(db: &Connection, cut: Ms, most: usize) -> Result<Vec<String>, StoreError> {
    if cut == 0 {
        return Ok(Vec::new());
    }
    let mut select = db
        .prepare_cached(
            "SELECT id FROM pins WHERE at < ?1 AND id NOT IN (
                SELECT json_extract(attempt.value, '$.pin')
                FROM jobs INDEXED BY jobs_loose,
                     json_each(CASE WHEN json_valid(record) THEN record ELSE '{}' END,
                               '$.attempts') AS attempt
                WHERE loose = 1 AND attempt.type = 'object'
                  AND json_extract(attempt.value, '$.pin') IS NOT NULL
             ) ORDER BY id LIMIT ?2",
        )
        .map_err(unavailable)?;
    let pins = select.query_map(params![signed(cut), bound(most)], |row| row.get(0));
    pins.and_then(Iterator::collect).map_err(unavailable)
}

pub(super) fn forget(db: &Transaction<'_>, id: JobId) -> Result<Option<Vec<String>>, StoreError> {
    let id = id.to_string();
    let over: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND loose = 0)")
        .and_then(|mut select| select.query_row([&id], |row| row.get(0)))
        .map_err(unavailable)?;
    if !over {
        return Ok(None);
    }
    let mut names = BTreeSet::new();
    remove(db, &id, &mut names).map_err(unavailable)?;
    unneeded(db, names).map(Some)
}

/// Takes out all that is a job's; says how many notes there were, and adds its images.
fn remove(db: &Connection, id: &str, names: &mut BTreeSet<String>) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id])?;
    db.prepare_cached("DELETE FROM keys WHERE job = ?1")?.execute([id])?;
    gone(db, "DELETE FROM images WHERE job = ?1 RETURNING name", &[&id], names)?;
    db.prepare_cached("DELETE FROM exchanges WHERE job = ?1")?.execute([id])
}

pub(super) fn sweep(
    db: &Transaction<'_>,
    cuts: Cuts,
    pins: &[String],
    most: usize,
) -> Result<Swept, StoreError> {
    let (mut swept, mut names) = (Swept::default(), BTreeSet::new());
    let mut counts = Vec::new();
    let mut steps = || {
        counts.push(sweep_images(db, "input", cuts.inputs, most, &mut names)?);
        counts.push(sweep_images(db, "result", cuts.results, most, &mut names)?);
        let jobs = old_jobs(db, cuts, most)?;
        for id in &jobs {
            swept.exchanges += remove(db, id, &mut names)?;
        }
        swept.jobs = jobs.len();
        let aged = sweep_exchanges(db, cuts.exchanges, most)?;
        swept.exchanges += aged;
        swept.pins = sweep_pins(db, cuts.pins, pins)?;
        counts.extend([swept.jobs, aged, pins.len(), sweep_keys(db, cuts.keys, most)?]);
        Ok(())
    };
    steps().map_err(unavailable)?;
    swept.more = counts.into_iter().any(|count| count >= most);
    swept.images = unneeded(db, names)?;
    Ok(swept)
}

fn sweep_images(
    db: &Connection,
    kind: &str,
    cut: Ms,
    most: usize,
    names: &mut BTreeSet<String>,
) -> rusqlite::Result<usize> {
    let delete = "DELETE FROM images WHERE (job, name, kind) IN (
            SELECT job, name, kind FROM images WHERE kind = ?1 AND ended < ?2
            ORDER BY ended, job, name LIMIT ?3
        ) RETURNING name";
    gone(db, delete, &[&kind, &signed(cut), &bound(most)], names)
}

/// A key that stands for a job keeps it: without its job it would stand for nothing.
fn old_jobs(db: &Connection, cuts: Cuts, most: usize) -> rusqlite::Result<Vec<String>> {
    let mut select = db.prepare_cached(
        "SELECT id FROM jobs WHERE loose = 0 AND finished < ?1
         AND NOT EXISTS (SELECT 1 FROM keys WHERE job = id AND at >= ?2)
         ORDER BY finished, id LIMIT ?3",
    )?;
    let arguments = params![signed(cuts.jobs), signed(cuts.keys), bound(most)];
    select.query_map(arguments, |row| row.get(0))?.collect()
}

fn sweep_exchanges(db: &Connection, cut: Ms, most: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM exchanges WHERE seq IN (
            SELECT seq FROM exchanges WHERE at < ?1 ORDER BY at, seq LIMIT ?2)",
    )?
    .execute(params![signed(cut), bound(most)])
}

fn sweep_keys(db: &Connection, cut: Ms, most: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM keys WHERE (owner, key) IN (
            SELECT owner, key FROM keys WHERE at < ?1 ORDER BY at, owner, key LIMIT ?2)",
    )?
    .execute(params![signed(cut), bound(most)])
}

/// Those found before, but for what was kept again meanwhile.
fn sweep_pins(db: &Connection, cut: Ms, pins: &[String]) -> rusqlite::Result<usize> {
    let mut delete = db.prepare_cached("DELETE FROM pins WHERE id = ?1 AND at < ?2")?;
    pins.iter().map(|id| delete.execute(params![id, signed(cut)])).sum()
}

pub(super) fn shed(db: &Transaction<'_>, most: usize) -> Result<Vec<String>, StoreError> {
    let mut names = BTreeSet::new();
    // By kind, so that each part reads no more of its index than it needs.
    let delete = "DELETE FROM images WHERE ended IS NOT NULL AND job IN (
            SELECT job FROM (
                SELECT * FROM (SELECT DISTINCT ended, job FROM images
                    WHERE kind = 'input' AND ended IS NOT NULL ORDER BY ended, job LIMIT ?1)
                UNION
                SELECT * FROM (SELECT DISTINCT ended, job FROM images
                    WHERE kind = 'result' AND ended IS NOT NULL ORDER BY ended, job LIMIT ?1)
                ORDER BY ended, job LIMIT ?1)
        ) RETURNING name";
    gone(db, delete, &[&bound(most)], &mut names).map_err(unavailable)?;
    unneeded(db, names)
}

/// Which of these names no row has.
pub(super) fn unneeded(
    db: &Connection,
    names: BTreeSet<String>,
) -> Result<Vec<String>, StoreError> {
    let find = || {
        let mut needed = db.prepare_cached("SELECT 1 FROM images WHERE name = ?1 LIMIT 1")?;
        let mut free = Vec::new();
        for name in names {
            if !needed.exists([&name])? {
                free.push(name);
            }
        }
        Ok(free)
    };
    find().map_err(unavailable)
}

/// Deletes rows of images; adds their names, says how many they were.
fn gone(
    db: &Connection,
    delete: &str,
    arguments: &[&dyn rusqlite::ToSql],
    names: &mut BTreeSet<String>,
) -> rusqlite::Result<usize> {
    let mut delete = db.prepare_cached(delete)?;
    let mut count = 0;
    for name in delete.query_map(arguments, |row| row.get::<_, String>(0))? {
        names.insert(name?);
        count += 1;
    }
    Ok(count)
}

fn bound(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
