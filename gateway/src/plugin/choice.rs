//! Which of the files that are plugins are used: one for each id, and nobody's API type twice. The
//! choice depends on the files alone, not on the order in which they were found.

use std::collections::{BTreeMap, BTreeSet};

use super::finder::Candidate;
use super::{Fault, Refusal};

/// One file for each plugin id: the highest version. Two files that claim the same version with
/// other bytes are both refused, since nobody can say which is meant.
pub(super) fn choose(found: Vec<Candidate>, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
    let mut by_id: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in found {
        let same = by_id.entry(candidate.label.id.clone()).or_default();
        if same.iter().all(|other| other.sha256 != candidate.sha256) {
            same.push(candidate);
        }
    }
    let mut chosen = Vec::new();
    for (_, mut same) in by_id {
        let Some(highest) = same.iter().map(|candidate| candidate.version.clone()).max() else {
            continue;
        };
        for older in same.extract_if(.., |candidate| candidate.version < highest) {
            let Candidate { label, file, .. } = older;
            let (plugin, version, file) = (label.id, label.version, file.display());
            tracing::debug!(plugin, version, %file, "older version of a plugin passed over");
        }
        if same.len() == 1 {
            chosen.append(&mut same);
            continue;
        }
        for candidate in &same {
            let label = &candidate.label;
            let what = format!(
                "is {} {}, as is {}, with other bytes",
                label.id,
                label.version,
                others(&same, candidate)
            );
            refusals.push(Fault::new(what, "remove the one you do not mean").of(&candidate.file));
        }
    }
    chosen
}

/// Takes out every plugin that offers an API type another offers too.
pub(super) fn settle_types(chosen: Vec<Candidate>, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
    let mut claims: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in &chosen {
        for api_type in &candidate.label.types {
            claims.entry(&api_type.id).or_default().push(candidate);
        }
    }
    let mut out = BTreeSet::new();
    for (api_type, rivals) in claims.into_iter().filter(|(_, rivals)| rivals.len() > 1) {
        for candidate in &rivals {
            let others = others(rivals.iter().copied(), candidate);
            let what = format!("offers the API type `{api_type}`, as does {others}");
            refusals.push(Fault::new(what, "remove one of them").of(&candidate.file));
            out.insert(candidate.sha256.clone());
        }
    }
    chosen.into_iter().filter(|candidate| !out.contains(&candidate.sha256)).collect()
}

fn others<'a>(all: impl IntoIterator<Item = &'a Candidate>, but: &Candidate) -> String {
    let others = all.into_iter().filter(|candidate| candidate.file != but.file);
    let files: Vec<String> = others.map(|candidate| candidate.file.display().to_string()).collect();
    files.join(", ")
}
