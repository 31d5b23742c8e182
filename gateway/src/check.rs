//! `retouch check`: everything wrong with settings, plugins and catalog, in one run. It starts and
//! leaves nothing: plugins are loaded from a temporary folder.

use crate::app::{self, MASTER_KEY, variable};
use crate::master::{self, MasterKey};
use crate::plugin::Registry;
use crate::problem::Problem;
use crate::settings::Loaded;
use crate::snapshot::{self, Source};

/// Every problem, the settings' own warnings first.
pub fn run(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = loaded.warnings.clone();
    let cache = match tempfile::tempdir() {
        Ok(cache) => cache,
        Err(error) => {
            let what = format!("a temporary folder cannot be made: {error}");
            problems.push(Problem::error(&std::env::temp_dir(), None, what, "set TMPDIR"));
            return problems;
        }
    };
    let plugins = match app::plugins(loaded, cache.path()) {
        Ok(plugins) => plugins,
        Err(error) => {
            let file = loaded.config_dir.join("plugins.lock");
            problems.push(Problem::error(&file, None, error.to_string(), "check its permissions"));
            return problems;
        }
    };
    problems.extend(refusals(&plugins));
    let master = master_key(loaded).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let source = Source {
        config_dir: loaded.config_dir.clone(),
        region: loaded.settings.region,
        sandbox: None,
        loopback: loaded.settings.listen.ip().is_loopback(),
        public_url: !loaded.settings.public_url.is_empty(),
        master,
    };
    match snapshot::build(&source, &plugins, 0) {
        Ok(snapshot) => problems.extend(snapshot.warnings),
        Err(found) => problems.extend(found),
    }
    problems
}

/// The key a start would use. There may be none yet, and then none is made.
fn master_key(loaded: &Loaded) -> Result<Option<MasterKey>, Problem> {
    let data_dir = &loaded.settings.data_dir;
    MasterKey::existing(variable(MASTER_KEY).as_deref(), data_dir).map_err(|error| {
        let what = format!("the master key cannot be used: {error}");
        Problem::error(&data_dir.join(master::FILE), None, what, "")
    })
}

/// A refused library stops nothing by itself: a provider that needs it says so.
fn refusals(plugins: &Registry) -> Vec<Problem> {
    let refused = plugins.refusals().iter();
    refused
        .map(|r| Problem::error(&r.file, None, r.what.clone(), r.mend.clone()).warning())
        .collect()
}
