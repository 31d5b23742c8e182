//! Broken style files of every kind: each problem is found in one run, on its line, with its mend.

use serde_json::json;

use super::*;
use crate::catalog::provider::ProviderFile;
use crate::plugin::{Label, Registry};

fn parse(text: &str) -> (Option<StyleFile>, Vec<Problem>) {
    StyleFile::parse(Path::new("styles/oil.toml"), text)
}

/// What is wrong, and on which line: below the name unless the case is a whole file.
#[test]
#[rustfmt::skip]
fn finds_each_kind_of_problem_on_its_line() {
    for (line, text, what, mend) in [
        (2, "promt = 'x'", "promt is not a known key", "did you mean `prompt`?"),
        (2, "prompt = 3", "prompt must be text", "write text"),
        (2, "prompt = '{prompt'", "prompt has `{prompt` without its `}`", "close it, or write `{{`"),
        (2, "prompt = '{prompt} }'", "prompt has a `}` that closes nothing", "write `}}`"),
        (2, "prompt = '{prompt} {a b}'", "prompt has `{a b}`, which names nothing", "letters, digits and `_`"),
        (2, "prompt = '{prompt} {mood|warm}'", "prompt has `{mood|warm}`, which names nothing", "as in {mood}"),
        (2, "prompt = '{{secret:api_key}} {prompt}'", "prompt holds `{{secret:`", "write it otherwise"),
        (2, "negative_prompt = '{{secret:api_key}}'", "negative_prompt holds `{{secret:`", "write it otherwise"),
        (4, "prompt = '{prompt} {a}'\n[variables]\na = '{{secret:x}}'", "variables.a holds `{{secret:`", "otherwise"),
        (2, "resolution = '8K'", "resolution = \"8K\" is not 1K, 2K or 4K", "write 1K, 2K or 4K"),
        (2, "aspect_ratio = 'wide'", "aspect_ratio = \"wide\" is not WIDTH:HEIGHT", "3:4"),
        (2, "output_format = 'gif'", "output_format = \"gif\" is not png, jpeg or webp", "write png"),
        (2, "variables = 'mood'", "variables must be a table", "write [variables]"),
        (4, "prompt = '{prompt} {mood}'\n[variables]\nmood = 3", "variables.mood must be text", "write text"),
        (4, "prompt = '{prompt} {mood}'\n[variables]\nmod = 'x'", "variables.mod has no place in prompt", "did you mean `variables.mood`?"),
        (3, "[variables]\nsunset = 'x'", "variables.sunset has no place in prompt", "write {sunset} where it belongs"),
        (3, "[variables]\nprompt = 'x'", "variables.prompt is no variable", "what the caller writes as `prompt`"),
        (2, "locked = 'model'", "locked must be a list of field names", "write a list"),
        (2, "locked = ['modle']", "locked names 'modle', which cannot be locked", "did you mean `model`?"),
        (2, "locked = ['seed']", "locked names 'seed', which cannot be locked", "known are: prompt, provider"),
        (2, "locked = ['model']", "locked names model, which this style does not set", "set model, or take it out"),
        (2, "locked = ['prompt']", "locked names prompt, which has a place", "take it out of locked"),
    ] {
        let (_, problems) = parse(&format!("name = 'Oil'\n{text}"));
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let [problem] = problems.as_slice() else { panic!("{text}: {told:?}") };
        assert_eq!(problem.line, Some(line), "{text}: {told:?}");
        assert!(problem.is_error(), "{text}");
        assert!(problem.what.starts_with(what), "{text}: {told:?}");
        assert!(problem.mend.contains(mend), "{text}: {told:?}");
    }
}

#[test]
fn what_may_be_meant_otherwise_is_a_warning() {
    for (text, what) in [
        ("prompt = 'line art'", "no place for the caller's words"),
        ("prompt = '{prompt} ${mood}'", "has a `$` before a place"),
        (
            "prompt = '{mood} {prompt}: {{mood}}'",
            "holds `{{mood}}`, which is read as the text {mood}",
        ),
        ("prompt = '{prompt}, {{prompt}}'", "holds `{{prompt}}`"),
    ] {
        let (style, problems) = parse(&format!("name = 'Oil'\n{text}"));
        let [problem] = problems.as_slice() else { panic!("{text}: {problems:?}") };
        assert!(!problem.is_error() && problem.line == Some(2), "{problem:?}");
        assert!(problem.what.contains(what), "{text}: {problem:?}");
        assert!(style.is_some());
    }
}

#[test]
fn what_is_in_order_says_nothing() {
    for text in [
        "name = 'Oil'",
        "name = 'Oil'\nmodel = ''\nprovider = ''\nprompt = ''",
        "name = 'Oil'\nprompt = 'line art'\nlocked = ['prompt']",
        "name = 'Oil'\nprompt = '{prompt} in {{braces}}, $5'",
        "name = 'Oil'\nprompt = '{prompt} {氛围}'\n[variables]\n'氛围' = '暖'",
        "name = 'Oil'\nresolution = '2k'\naspect_ratio = '3:4'\nlocked = ['resolution']",
    ] {
        let (style, problems) = parse(text);
        assert!(problems.is_empty(), "{text}: {problems:?}");
        assert_eq!(style.map(|style| style.id).as_deref(), Some("oil"));
    }
}

#[test]
fn several_problems_are_found_in_one_run() {
    let (_, problems) =
        parse("prompt = '{a b} }'\nmodel = 1\nlocked = ['model', 'x']\ncolour = 'red'\n");
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(1), Some(1), Some(1), Some(2), Some(3), Some(4)], "{problems:?}");
    let (_, problems) = StyleFile::parse(Path::new("My Style.toml"), "name = 'x'");
    assert!(problems[0].what.contains("cannot be a style's id"), "{problems:?}");
}

fn provider(id: &str, more: &str) -> ProviderFile {
    let label =
        json!({ "abi": 1, "id": "acme", "version": "1.0.0", "types": [{ "id": "acme-edit" }] });
    let label = Label::parse(label.to_string().as_bytes()).unwrap();
    let text = format!(
        "name = 'Name of {id}'\ntype = 'acme-edit'\napi_key = 'k'\n{more}\n\
         [hosts]\ndomestic = 'https://acme.example'"
    );
    let file = format!("providers/{id}.toml");
    let plugins = Registry::of_labels([label]);
    ProviderFile::parse(Path::new(&file), &text, &plugins, None).0.unwrap()
}

#[test]
fn styles_are_held_against_the_catalog() {
    let providers = [
        provider("alpha", "model = 'one'\naliases = ['uno']"),
        provider("beta", "model = 'two'\nenabled = false"),
    ];
    for (text, what, mend) in [
        ("provider = 'alpha'\nmodel = 'any'", "", ""),
        ("provider = 'Name of alpha'", "", ""),
        ("model = 'uno'", "", ""),
        ("provider = 'alpa'", "no provider is called 'alpa'", "did you mean 'alpha'?"),
        ("provider = 'zzz'", "no provider is called 'zzz'", "there are: alpha, beta"),
        ("provider = 'beta'", "provider 'beta' is not enabled", "enable it"),
        ("model = 'on'", "no provider serves the model 'on'", "did you mean 'one'?"),
        ("model = 'two'", "no provider serves the model 'two'", ""),
    ] {
        let style = parse(&format!("name = 'Oil'\n{text}")).0.unwrap();
        let problems = lint::across(&[style], &providers);
        match problems.as_slice() {
            [] => assert_eq!(what, "", "{text}"),
            [problem] => {
                assert!(!problem.is_error() && problem.line == Some(2), "{problem:?}");
                assert!(problem.what.contains(what) && !what.is_empty(), "{text}: {problem:?}");
                assert!(problem.mend.contains(mend), "{text}: {problem:?}");
            }
            more => panic!("{text}: {more:?}"),
        }
    }
    let named = |file: &str, name: &str| {
        StyleFile::parse(Path::new(file), &format!("\nname = '{name}'")).0.unwrap()
    };
    let styles = [named("a.toml", "Oil"), named("b.toml", "Ink"), named("c.toml", "Oil")];
    let problems = lint::across(&styles, &[]);
    let told =
        "c.toml:2: the name 'Oil' is already taken by a.toml; give each style a name of its own";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
}
