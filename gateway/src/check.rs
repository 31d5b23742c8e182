//! `retouch check`: everything wrong with settings, plugins and catalog, in one run and without
//! starting anything.

use crate::app;
use crate::plugin::Registry;
use crate::problem::Problem;
use crate::settings::Loaded;
use crate::snapshot::{self, Source};

/// Every problem, the settings' own warnings first.
pub fn run(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = loaded.warnings.clone();
    let plugins = match app::plugins(loaded) {
        Ok(plugins) => plugins,
        Err(error) => {
            let file = &loaded.settings.data_dir;
            problems.push(Problem::error(file, None, error.to_string(), "check its permissions"));
            return problems;
        }
    };
    problems.extend(refusals(&plugins));
    let source = Source {
        config_dir: loaded.config_dir.clone(),
        region: loaded.settings.region,
        sandbox: None,
        loopback: loaded.settings.listen.ip().is_loopback(),
    };
    match snapshot::build(&source, &plugins, 0) {
        Ok(snapshot) => problems.extend(snapshot.warnings),
        Err(found) => problems.extend(found),
    }
    problems
}

/// A refused library stops nothing by itself: a provider that needs it says so.
fn refusals(plugins: &Registry) -> Vec<Problem> {
    let refused = plugins.refusals().iter();
    refused
        .map(|r| Problem::error(&r.file, None, r.what.clone(), r.mend.clone()).warning())
        .collect()
}
