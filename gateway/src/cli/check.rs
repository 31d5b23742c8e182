//! `retouch check`: every problem of settings, catalog and plugins as `file:line: what — mend`.
//!
//! Problems go to stdout; what was looked at, and that all is well, to stderr. With `--json` one
//! object on stdout has both.

use std::fmt::Display;

use serde_json::json;

use crate::problem::Problem;

use super::{args::Common, host, out::Out, stop::Stop, survey::Survey};

/// Runs the command; exit code 1 when one of the problems stops a start.
pub(super) fn run(common: &Common, out: Out) -> Result<(), Stop> {
    let mut survey = Survey::new(host::settings_file(common));
    let problems = find(common, &mut survey);
    let is_fine = !problems.iter().any(Problem::is_error);
    if out.json {
        let all = json!({ "ok": is_fine, "looked_at": survey, "problems": problems });
        out.raw(&all.to_string())?;
    } else {
        if !problems.is_empty() {
            out.line(&problems.iter().map(|p| marked(p, out)).collect::<Vec<_>>().join("\n"))?;
        }
        survey.strays(out);
        let verdict = if is_fine { "check.fine" } else { "check.looked_at" };
        out.note(verdict, &[("what", &survey.line(out))]);
    }
    if is_fine { Ok(()) } else { Err(Stop::Said) }
}

/// Several problems, one a line.
pub(super) fn lines(problems: &[Problem]) -> String {
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Settings that cannot be used hide nothing of the catalog.
fn find(common: &Common, survey: &mut Survey) -> Vec<Problem> {
    let (loaded, mut problems) = match host::load(common) {
        Ok(loaded) => (loaded, Vec::new()),
        Err(problems) => (host::fallback(common), problems),
    };
    // Why plugins cannot be looked for is one of the problems.
    survey.plugins = host::plugins(&loaded).ok();
    problems.extend(crate::check::run(&loaded));
    problems
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
