//! `retouch check`: every problem of settings, catalog and plugins as `file:line: what — mend`.

use std::fmt::Display;

use crate::problem::Problem;

use super::{args::Common, host, out::Out, stop::Stop};

/// Runs the command: problems on stdout, exit code 1 when one of them stops a start.
pub(super) fn run(common: &Common, out: Out) -> Result<(), Stop> {
    let problems = find(common);
    if out.json {
        let text = serde_json::to_string(&problems).map_err(anyhow::Error::new)?;
        out.raw(&text)?;
    } else if problems.is_empty() {
        out.note("check.fine", &[]);
    } else {
        out.line(&problems.iter().map(|p| marked(p, out)).collect::<Vec<_>>().join("\n"))?;
    }
    if problems.iter().any(Problem::is_error) { Err(Stop::Said) } else { Ok(()) }
}

/// Several problems, one a line.
pub(super) fn lines(problems: &[Problem]) -> String {
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Where the settings cannot be read there is no catalog to look at.
fn find(common: &Common) -> Vec<Problem> {
    match host::load(common) {
        Ok(loaded) => crate::check::run(&loaded),
        Err(problems) => problems,
    }
}

fn marked(problem: &Problem, out: Out) -> String {
    let text = line(problem);
    if problem.is_error() { text } else { out.words.say("check.warning", &[("text", &text)]) }
}

fn line(problem: &Problem) -> String {
    let Problem { what, mend, .. } = problem;
    let file = problem.file.display();
    let place: &dyn Display = match problem.line {
        Some(line) => &format!("{file}:{line}"),
        None => &file,
    };
    match mend.as_str() {
        "" => format!("{place}: {what}"),
        mend => format!("{place}: {what} — {mend}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_problem_says_where_what_and_how_to_mend_it() {
        let file = Path::new("config/retouch.toml");
        let problems = [
            Problem::error(file, Some(3), "lisen is not a setting", "did you mean `listen`?"),
            Problem::error(file, None, "cannot be read", "check --config"),
        ];
        assert_eq!(
            lines(&problems),
            "config/retouch.toml:3: lisen is not a setting — did you mean `listen`?\n\
             config/retouch.toml: cannot be read — check --config"
        );
    }
}
