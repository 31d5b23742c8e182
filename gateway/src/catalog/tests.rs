//! Broken files of every kind: each problem is found in one run, on its line, with its mend.

use std::fs;

use serde_json::json;

use super::*;
use crate::plugin::Label;
use crate::secret::Secret;

fn plugins() -> Registry {
    let label = json!({
        "abi": 1, "id": "acme", "version": "1.0.0",
        "types": [{
            "id": "acme-edit",
            "models": [
                { "id": "one", "endpoints": { "edit": "/one/edit" } },
                { "id": "two", "endpoints": { "edit": "/two/edit" }, "caps": { "max_images": 2 } },
            ],
            "defaults": {
                "hosts": { "domestic": "https://acme.example" },
                "endpoints": { "edit": "/one/edit", "result": "/result" },
                "model": "one", "limits": { "concurrency": 7, "timeout": "2m" },
            },
            "caps": { "max_images": 5 },
        }],
    });
    Registry::of_labels([Label::parse(label.to_string().as_bytes()).unwrap()])
}

fn parse(text: &str) -> (Option<ProviderFile>, Vec<Problem>) {
    ProviderFile::parse(Path::new("acme.toml"), text, &plugins(), None)
}

const HEAD: &str = "name = \"Acme\"\ntype = \"acme-edit\"\napi_key = \"k-1\"\n";

/// What is wrong, and on which line: below `HEAD` unless the case is a whole file.
#[test]
#[rustfmt::skip]
fn finds_each_kind_of_problem_on_its_line() {
    for (line, text, what, mend) in [
        (4, "prioritty = 3", "prioritty is not a known key", "did you mean `priority`?"),
        (4, "colour = 'red'", "colour is not a known key", "remove it"),
        (4, "priority = 'high'", "priority must be a whole number", "write a whole number"),
        (4, "enabled = 1", "enabled must be true or false", "write true or false"),
        (4, "default = 'yes'", "default must be true or false", "write true or false"),
        (4, "sync = 'no'", "sync must be true or false", "write true or false"),
        (4, "retry = 3", "retry must be true or false", "write true or false"),
        (4, "model = ['one']", "model must be text", "write text"),
        (4, "aliases = 'nano'", "aliases must be a list of names", "write a list"),
        (4, "region = 'moon'", "region must be \"domestic\" or \"overseas\"", "write \"domestic\""),
        (5, "\non_ambiguous = 'guess'", "on_ambiguous must be \"cost_safe\",", "write \"cost_safe\""),
        (4, "when_full = 'panic'", "when_full must be \"next\" or \"wait\"", "write \"next\""),
        (4, "price = '0.40'", "price = \"0.40\" is not a price", "\"0.40 CNY\""),
        (4, "price = '-1 CNY'", "price = \"-1 CNY\" is not a price", "\"0.40 CNY\""),
        (4, "price = 'inf CNY'", "price = \"inf CNY\" is not a price", "\"0.40 CNY\""),
        (4, "options = 3", "options must be a table", "write a table"),
        (5, "[hosts]\ndomestic = 'acme'", "hosts.domestic is not a URL", "https://host[:port]"),
        (5, "[hosts]\ndomestic = 'ftp://acme.example'", "hosts.domestic is not an http", "https://host"),
        (5, "[hosts]\ndomestic = 'https://acme.example/v1'", "hosts.domestic holds a path", "into [endpoints]"),
        (5, "[hosts]\ndomestic = 'https://u:pw@acme.example'", "hosts.domestic holds a user name", "api_key"),
        (5, "[hosts]\ndomestic = 'https://acme.example?key=1'", "hosts.domestic holds more than", "https://host"),
        (6, "[hosts]\ndomestic = 'https://a.example'\noverseas = 'a b'", "hosts.overseas is not a URL", "https://"),
        (5, "[hosts]\ndomestic = ''", "hosts.domestic is missing", "https:// address"),
        (5, "[hosts]\ndomestik = 'https://acme.example'", "hosts.domestik is not a known key", "`hosts.domestic`"),
        (4, "hosts = 'https://acme.example'", "hosts must be a table", "write [hosts]"),
        (5, "[endpoints]\nresults = '/r'", "endpoints.results is not an endpoint", "`endpoints.result`?"),
        (5, "[endpoints]\nfrobnicate = '/r'", "endpoints.frobnicate is not an endpoint", "known are: edit, result"),
        (6, "[endpoints]\nedit = '/one/edit'\nresult = 'query'", "endpoints.result = \"query\" is not a path", "begin it with '/'"),
        (5, "[endpoints]\nedit = '/one /edit'", "endpoints.edit holds a space", "without it"),
        (6, "[endpoints]\nedit = '/one/edit'\nresult = 3", "endpoints.result must be a path", "write a path"),
        (5, "[limits]\nconcurrency = 0", "limits.concurrency is 0", "at least 1, or enabled = false"),
        (6, "[limits]\ntimeout = '1m'\nconcurrency = -1", "limits.concurrency must be a whole number of at least 1", "write a whole number"),
        (6, "[limits]\nconcurrency = 1\ntimeout = 'soon'", "limits.timeout = \"soon\" is not a time", "90s, 10m or 1h"),
        (5, "[limits]\ntimeout = '0s'", "limits.timeout = \"0s\" is not a time", "90s, 10m or 1h"),
        (5, "[limits]\npolls_per_second = 0", "limits.polls_per_second is 0", "at least 1"),
        (6, "[limits]\nconcurrency = 2\nper_day = -9", "limits.per_day must be a whole number", "write a whole number"),
        (5, "[limits]\nper_day = 'many'", "limits.per_day must be a whole number", "write a whole number"),
        (5, "[limits]\ncooldown = '0s'", "limits.cooldown = \"0s\" is not a time", "90s, 10m or 1h"),
        (6, "[limits]\nper_day = 9\ncooldown = 'soon'", "limits.cooldown = \"soon\" is not a time", "90s, 10m or 1h"),
        (5, "[limits]\ncooldown = 30", "limits.cooldown must be a time such as", "write a time"),
        (4, "[limit]\nconcurrency = 2", "limit is not a known key", "did you mean `limits`?"),
    ] {
        expect_one(&format!("{HEAD}{text}\n"), Some(line), what, mend);
    }
    for (line, text, what, mend) in [
        (1, "type = 'acme-edit'\napi_key = 'k'", "name is missing", "write name = \"…\""),
        (2, "type = 'acme-edit'\nname = ' '\napi_key = 'k'", "name is empty", "write name = \"…\""),
        (1, "name = 7\ntype = 'acme-edit'\napi_key = 'k'", "name must be text", "write text"),
        (1, "name = 'a'\ntype = 'acme-edit'", "api_key is missing", "${env:NAME}"),
        (3, "name = 'a'\ntype = 'acme-edit'\napi_key = ''", "api_key is empty", "${env:NAME}"),
        (3, "name = 'a'\ntype = 'acme-edit'\napi_key = 'two words'", "api_key holds a character no key has", "without spaces"),
        (3, "name = 'a'\ntype = 'acme-edit'\napi_key = '${env:RETOUCH_NO_SUCH}'", "RETOUCH_NO_SUCH, which is not set", "export RETOUCH_NO_SUCH"),
        (3, "name = 'a'\ntype = 'acme-edit'\napi_key = '${file:/no/such}'", "/no/such, which cannot be read", "path and permissions"),
        (3, "name = 'a'\ntype = 'acme-edit'\napi_key = '${vault:x}'", "a reference of an unknown kind", "${env:NAME}"),
        (2, "name = 'a'\ntype = 'acme-edits'\napi_key = 'k'\n[hosts]\ndomestic = 'https://a.example'", "type 'acme-edits' is not an API type", "did you mean 'acme-edit'?"),
        (2, "name = 'a'\ntype = 'other'\napi_key = 'k'\n[hosts]\ndomestic = 'https://a.example'", "type 'other' is not an API type", "known are: acme-edit"),
        (2, "name = 'a'\ntype = \napi_key = 'k'", "is not TOML", "mend the syntax"),
        (2, "name = 'a'\nname = 'b'\ntype = 'acme-edit'\napi_key = 'k'", "is not TOML: duplicate key", "mend the syntax"),
    ] {
        expect_one(text, Some(line), what, mend);
    }
}

fn expect_one(text: &str, line: Option<usize>, what: &str, mend: &str) {
    let (_, problems) = parse(text);
    let [problem] = problems.as_slice() else { panic!("{text}\n{problems:#?}") };
    assert!(problem.what.contains(what), "{text}\n{}", problem.what);
    assert!(problem.mend.contains(mend), "{text}\n{}", problem.mend);
    assert_eq!(problem.line, line, "{text}\n{problem}");
    assert!(problem.is_error());
}

#[test]
fn never_shows_a_password_that_stands_in_an_address() {
    let (_, problems) = parse(&format!("{HEAD}[hosts]\ndomestic = 'https://u:pw-1@acme.example'"));
    assert!(problems.iter().all(|problem| !problem.to_string().contains("pw-1")));
}

#[test]
fn finds_all_problems_of_a_file_at_once() {
    let (provider, problems) = parse(
        "type = 'acme-edit'\napi_key = ''\nprioritty = 1\nretry = 2\n[limits]\ntimeout = 'x'\n\
         concurrency = 0\n[hosts]\noverseas = 'x'\n[endpoints]\nupload = '/u'\n",
    );
    let mut lines: Vec<_> = problems.iter().filter_map(|problem| problem.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 2, 3, 4, 6, 7, 9, 11]);
    assert_eq!(provider.map(|provider| provider.name), Some("acme".to_owned()));
}

#[test]
fn takes_what_is_right_and_completes_the_rest() {
    let text = format!("{HEAD}priority = -5\nmodel = ''\nprice = '0.40 CNY'\nshrink = true\n");
    let (provider, problems) = parse(&text);
    assert_eq!(problems, []);
    let provider = provider.unwrap();
    assert_eq!((provider.priority, provider.shrink), (-5, true));
    assert_eq!(provider.model.as_deref(), Some("one"));
    assert_eq!((provider.limits.concurrency, provider.limits.timeout.as_secs()), (7, 120));
    assert_eq!((provider.limits.per_day, provider.limits.cooldown.as_secs()), (0, 30));
    assert_eq!(provider.host(provider::Region::Overseas), "https://acme.example");
    let (provider, problems) = parse(&format!("{HEAD}[limits]\nper_day = 9\ncooldown = '2m'"));
    assert_eq!(problems, []);
    let limits = provider.unwrap().limits;
    assert_eq!((limits.per_day, limits.cooldown.as_secs()), (9, 120));
}

#[test]
fn completes_model_and_path_from_each_other() {
    for (text, model, edit) in [
        ("", Some("one"), "/one/edit"),
        ("model = 'two'", Some("two"), "/two/edit"),
        ("[endpoints]\nedit = '/two/edit'", Some("two"), "/two/edit"),
        ("[endpoints]\nedit = '/new/edit'", None, "/new/edit"),
        ("model = 'two'\n[endpoints]\nresult = '/r'", Some("two"), "/two/edit"),
        // Given both, or a model nobody knows: the plugin judges.
        ("model = 'two'\n[endpoints]\nedit = '/one/edit'", Some("two"), "/one/edit"),
        ("model = 'new'", Some("new"), "/one/edit"),
    ] {
        let (provider, problems) = parse(&format!("{HEAD}{text}\n"));
        let provider = provider.unwrap();
        assert_eq!(problems, [], "{text}");
        assert_eq!(provider.model.as_deref(), model, "{text}");
        assert_eq!(provider.endpoints["edit"], edit, "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn a_sealed_key_opens_for_its_origins_wherever_they_are_written() {
    let master = MasterKey::make().unwrap();
    let hosts = |overseas: &str| provider::Hosts {
        domestic: "https://acme.example".to_owned(),
        overseas: overseas.to_owned(),
    };
    let sealed = |overseas| master.seal(&Secret::new("sk-1"), &reference::place(&hosts(overseas))).unwrap();
    let (near, both) = (sealed(""), sealed("https://far.example"));
    let elsewhere = Some((3, "api_key was sealed for other hosts or with another master key"));
    for (key, rest, problem) in [
        (&near, "", None),
        (&near, "[hosts]\ndomestic = 'https://acme.example:443'\noverseas = 'https://ACME.example'", None),
        (&both, "[hosts]\noverseas = 'https://far.example'", None),
        (&both, "[hosts]\ndomestic = 'https://far.example'\noverseas = 'https://acme.example'", None),
        (&both, "region = 'overseas'\n[hosts]\noverseas = 'https://far.example'", None),
        (&both, "", elsewhere),
        (&near, "[hosts]\ndomestic = 'http://acme.example'", elsewhere),
        (&near, "[hosts]\ndomestic = 'https://evil.example'", elsewhere),
        (&near, "[hosts]\noverseas = 'https://evil.example'", elsewhere),
        // Only the host is to be mended, not the key.
        (&near, "[hosts]\ndomestic = 'acme.example'", Some((5, "hosts.domestic is not a URL"))),
    ] {
        let text = format!("name = 'Acme'\ntype = 'acme-edit'\napi_key = '{key}'\n{rest}\n");
        let (provider, problems) = ProviderFile::parse(Path::new("copy.toml"), &text, &plugins(), Some(&master));
        let told: Vec<_> = problems.iter().map(|p| (p.line.unwrap(), p.what.as_str())).collect();
        assert_eq!(told, problem.into_iter().collect::<Vec<_>>(), "{rest}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains(key.as_str())));
        let opened = provider.unwrap().api_key.map(|key| key.expose().to_owned());
        assert_eq!(opened.as_deref(), problem.is_none().then_some("sk-1"), "{rest}");
    }
    let unknown = format!("name = 'Acme'\ntype = 'acme-edits'\napi_key = '{near}'\n");
    let (_, problems) = ProviderFile::parse(Path::new("a.toml"), &unknown, &plugins(), Some(&master));
    assert!(matches!(problems.as_slice(), [problem] if problem.line == Some(2)), "{problems:?}");
}

#[test]
fn problems_of_a_disabled_provider_are_warnings() {
    let (provider, problems) = parse(&format!("{HEAD}enabled = false\nprioritty = 3\n"));
    assert!(provider.is_some());
    assert!(matches!(problems.as_slice(), [problem] if !problem.is_error()));
}

#[test]
fn finds_what_is_wrong_between_files_and_hides_none() {
    let config = tempfile::tempdir().unwrap();
    let folder = config.path().join("providers");
    fs::create_dir(&folder).unwrap();
    for (name, text) in [
        ("a.toml", format!("{HEAD}default = true\n")),
        ("b.toml", format!("default = true\n{HEAD}prioritty = 3\n")),
        ("Bad Name.toml", HEAD.replace("Acme", "Other")),
        ("broken.toml", "name = ".to_owned()),
        ("notes.txt", "not a provider".to_owned()),
        (".hidden.toml", "name = ".to_owned()),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(folder.join("latin.toml"), b"name = '\xe9'").unwrap();
    let found = load(config.path(), &plugins(), None);
    let told: Vec<String> = found
        .problems
        .iter()
        .map(|p| p.to_string().replace(&format!("{}/", folder.display()), ""))
        .collect();
    let shown = told.join("\n");
    for (start, holds) in [
        ("Bad Name.toml: ", "'Bad Name' cannot be a provider's id; rename it"),
        ("b.toml:5: ", "prioritty is not a known key"),
        ("broken.toml:1: ", "is not TOML"),
        ("latin.toml: ", "save it as UTF-8"),
        ("b.toml:2: ", "the name 'Acme' is already taken by"),
        ("b.toml:1: ", "'Acme' (a.toml) and 'Acme' are both the default"),
    ] {
        let found = told.iter().any(|line| line.starts_with(start) && line.contains(holds));
        assert!(found, "{start} … {holds} is not among\n{shown}");
    }
    assert_eq!(told.len(), 6, "{shown}");
}
