use super::{super::words::Language, *};

fn read(line: &str) -> Result<(Common, Command), clap::Error> {
    let words = Words::of(Language::En);
    Args::read(std::iter::once("retouch").chain(line.split_whitespace()), words).map(Args::split)
}

/// A command line in one word and what matters of it.
fn summary(line: &str) -> String {
    match read(line) {
        Ok((_, Command::Serve)) => "serve".to_owned(),
        Ok((_, Command::Edit(edit))) => format!(
            "edit {} image(s), prompt {}, out {:?}, n {}, provider {:?}",
            edit.images.len(),
            edit.prompt.unwrap_or_else(|| format!("of style {:?}", edit.style)),
            edit.out,
            edit.n,
            edit.provider
        ),
        Ok((_, Command::Jobs(Jobs::List(list)))) => {
            format!("list {} {:?}", list.limit, list.status)
        }
        Ok((_, Command::Jobs(Jobs::Show(Id { id })))) => format!("show {id}"),
        Ok((_, Command::Jobs(Jobs::Cancel(Id { id })))) => format!("cancel {id}"),
        Ok((_, Command::Jobs(Jobs::Resolve(Resolve { id, found, attempt })))) => {
            format!("resolve {id} {:?} {} {attempt:?}", found.created, found.not_created)
        }
        Ok((_, Command::Jobs(Jobs::Watch(Watch { id, out: None })))) => format!("watch {id}"),
        Ok((_, Command::Jobs(Jobs::Watch(Watch { id, out: Some(out) })))) => {
            format!("watch {id} to {}", out.display())
        }
        Ok((_, Command::Check)) => "check".to_owned(),
        Ok((_, Command::Doctor(Doctor { provider, edit, yes }))) => {
            format!("doctor {provider:?} {edit} {yes}")
        }
        Ok((_, Command::Key(Key::Create(new)))) => {
            let NewKey { name, scopes, per_minute, concurrency, expires } = new;
            format!("key {name} {} {per_minute:?} {concurrency:?} {expires:?}", scopes.len())
        }
        Ok((_, Command::Key(Key::List))) => "keys".to_owned(),
        Ok((_, Command::Key(Key::Revoke(OldKey { id })))) => format!("revoke {id}"),
        Ok((_, Command::Key(Key::RotateMaster))) => "rotate".to_owned(),
        Ok((_, Command::Admin(Admin::SetPassword))) => "set password".to_owned(),
        Ok((_, Command::Plugin(Plugin::List))) => "plugins".to_owned(),
        Ok((_, Command::Plugin(Plugin::Inspect(Library { file })))) => {
            format!("inspect {}", file.display())
        }
        Ok((_, Command::Plugin(Plugin::Trust(Library { file })))) => {
            format!("trust {}", file.display())
        }
        Ok((_, Command::Help(_))) => "help is help".to_owned(),
        Ok((_, Command::Sandbox)) => "sandbox".to_owned(),
        Err(error) => format!("exit {}", error.exit_code()),
    }
}

#[test]
fn every_command_is_understood() {
    let table = [
        ("", "serve"),
        ("serve", "serve"),
        ("--listen 127.0.0.1:0 --data d", "serve"),
        ("edit a.jpg -p grey", "edit 1 image(s), prompt grey, out None, n 1, provider None"),
        (
            "edit a.jpg b.png --prompt grey -o out.png -n 2 --provider x",
            "edit 2 image(s), prompt grey, out Some(\"out.png\"), n 2, provider Some(\"x\")",
        ),
        (
            "edit a.jpg --style oil --var mood=warm --var x=",
            "edit 1 image(s), prompt of style Some(\"oil\"), out None, n 1, provider None",
        ),
        ("jobs list", "list 20 None"),
        ("jobs list --limit 5 --status failed", "list 5 Some(\"failed\")"),
        ("jobs show job_1", "show job_1"),
        ("jobs cancel job_1", "cancel job_1"),
        ("jobs resolve job_1 --created 77", "resolve job_1 Some(\"77\") false None"),
        ("jobs resolve job_1 --not-created --attempt 2", "resolve job_1 None true Some(2)"),
        ("jobs watch job_1 --json", "watch job_1"),
        ("jobs watch job_1 -o a.png", "watch job_1 to a.png"),
        ("jobs watch job_1 --out a.png", "watch job_1 to a.png"),
        ("check", "check"),
        ("doctor", "doctor None false false"),
        ("doctor shop", "doctor Some(\"shop\") false false"),
        ("doctor shop --edit --yes", "doctor Some(\"shop\") true true"),
        ("doctor --edit", "exit 2"),
        ("doctor shop --yes", "exit 2"),
        ("key create app", "key app 0 None None None"),
        (
            "key create app --scopes edit,read --per-minute 6 --concurrency 2 --expires 90d",
            "key app 2 Some(6) Some(2) Some(\"90d\")",
        ),
        ("key list", "keys"),
        ("key revoke key_1", "revoke key_1"),
        ("key rotate-master", "rotate"),
        ("key rotate-master now", "exit 2"),
        ("admin set-password", "set password"),
        ("admin set-password secret", "exit 2"),
        ("admin", "exit 2"),
        ("key create", "exit 2"),
        ("key create app --scopes write", "exit 2"),
        ("key create app --per-minute 0", "exit 2"),
        ("key revoke", "exit 2"),
        ("plugin list", "plugins"),
        ("plugin inspect lib.so", "inspect lib.so"),
        ("plugin trust lib.so", "trust lib.so"),
        ("sandbox", "sandbox"),
        ("--help", "exit 0"),
        ("edit -h", "exit 0"),
        ("--version", "exit 0"),
        ("help", "exit 0"),
        ("help edit", "exit 0"),
        ("help jobs watch", "exit 0"),
        ("help nonsense", "exit 2"),
        ("nonsense", "exit 2"),
        ("--nonsense", "exit 2"),
        ("edit a.jpg", "exit 2"),
        ("edit a.jpg -p grey --var mood=warm", "exit 2"),
        ("edit a.jpg --style oil --var mood", "exit 2"),
        ("edit -p grey", "exit 2"),
        ("edit a.jpg -p grey -n 0", "exit 2"),
        ("edit a.jpg -p grey --seed x", "exit 2"),
        ("jobs", "exit 2"),
        ("jobs show", "exit 2"),
        ("jobs resolve job_1", "exit 2"),
        ("jobs resolve --not-created", "exit 2"),
        ("jobs resolve job_1 --created 77 --not-created", "exit 2"),
        ("jobs resolve job_1 --created", "exit 2"),
        ("jobs resolve job_1 --not-created --attempt 0", "exit 2"),
        ("--listen here serve", "exit 2"),
        ("--log-format yaml", "exit 2"),
        ("--port 8005", "exit 2"),
        ("serve --port=8005", "exit 2"),
        ("edit a.jpg -p grey --timeout soon", "exit 2"),
    ];
    for (line, expected) in table {
        assert_eq!(summary(line), expected, "retouch {line}");
    }
}

#[test]
fn common_flags_go_before_or_after_the_command() {
    for line in
        ["--json --data d --config c.toml jobs list", "jobs list --config c.toml --data d --json"]
    {
        let (common, _) = read(line).unwrap();
        assert!(common.json, "{line}");
        assert_eq!(common.data.unwrap().to_str(), Some("d"), "{line}");
        assert_eq!(common.config.unwrap().to_str(), Some("c.toml"), "{line}");
        assert_eq!(common.log_format, None, "{line}");
    }
}

#[test]
fn everything_is_explained_in_both_languages() {
    fn check(command: &clap::Command) {
        assert!(command.get_about().is_some(), "no text for the command {}", command.get_name());
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "no text for arg.{}", arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    for language in [Language::En, Language::Zh] {
        let table = table(Words::of(language));
        table.clone().debug_assert();
        check(&table);
    }
}

fn rendered(line: &str, language: Language) -> clap::Error {
    Args::read(std::iter::once("retouch").chain(line.split_whitespace()), Words::of(language))
        .map(Args::split)
        .unwrap_err()
}

#[test]
fn help_for_a_command_is_the_commands_help() {
    for command in ["edit", "jobs watch"] {
        let one = rendered(&format!("help {command}"), Language::En).to_string();
        assert_eq!(one, rendered(&format!("{command} --help"), Language::En).to_string());
        assert!(one.contains(&format!("Usage: retouch {command}")), "{one}");
        assert!(one.ends_with('\n') && !one.ends_with("\n\n"), "{one:?}");
    }
}

#[test]
fn a_time_may_have_a_unit() {
    for (time, seconds) in [("5m", 300), ("90", 90)] {
        match read(&format!("edit a.jpg -p grey --timeout {time}")).unwrap() {
            (_, Command::Edit(edit)) => assert_eq!(edit.timeout, Some(seconds)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn mistakes_say_what_to_write_instead() {
    let table = [
        ("--listen 8005", ["'8005'", "127.0.0.1:8005"]),
        ("serve --port 8005", ["--port", "--listen 127.0.0.1:PORT"]),
        ("--port", ["--port", "--listen 127.0.0.1:PORT"]),
        ("edit a.jpg -p x --sed 3", ["--sed", "--seed"]),
        ("edit a.jpg", ["--prompt", "Usage: retouch edit"]),
        ("edit a.jpg --style oil --var mood", ["mood", "NAME=TEXT"]),
        ("edit a.jpg -p x --var mood=warm", ["--style", "missing"]),
        ("chek", ["chek", "check"]),
        ("--log-format yaml", ["yaml", "text, json"]),
        ("edit a.jpg -p x --timeout soon", ["soon", "5m"]),
        ("edit a.jpg -p", ["--prompt", "value"]),
        ("jobs resolve job_1", ["--created", "--not-created"]),
        ("jobs resolve job_1 --created 7 --not-created", ["--created", "excludes"]),
    ];
    for (line, words) in table {
        let told = wrong::told(&rendered(line, Language::En), Words::of(Language::En));
        for word in words {
            assert!(told.contains(word), "{line}: no {word} in {told}");
        }
    }
}

#[test]
fn nothing_english_is_left_in_chinese() {
    let english =
        ["Usage", "Options", "Commands", "Arguments", "default", "possible values", "error", "tip"];
    for line in ["--help", "edit --help", "jobs --help", "jobs list --help"] {
        let help = rendered(line, Language::Zh).to_string();
        assert!(help.contains("用法"), "{help}");
        for word in english {
            assert!(!help.contains(word), "{word} in {help}");
        }
    }
    for line in ["--listen 8005", "nonsense", "edit a.jpg", "--port 1", "--log-format yaml", "-x"] {
        let told = wrong::told(&rendered(line, Language::Zh), Words::of(Language::Zh));
        for word in english {
            assert!(!told.contains(word), "{word} in {told}");
        }
    }
}
