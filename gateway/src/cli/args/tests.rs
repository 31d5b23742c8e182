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
            edit.prompt,
            edit.out,
            edit.n,
            edit.provider
        ),
        Ok((_, Command::Jobs(Jobs::List(list)))) => {
            format!("list {} {:?}", list.limit, list.status)
        }
        Ok((_, Command::Jobs(Jobs::Show(Id { id })))) => format!("show {id}"),
        Ok((_, Command::Jobs(Jobs::Watch(Id { id })))) => format!("watch {id}"),
        Ok((_, Command::Check)) => "check".to_owned(),
        Ok((_, Command::Plugin(Plugin::List))) => "plugins".to_owned(),
        Ok((_, Command::Plugin(Plugin::Inspect(Library { file })))) => {
            format!("inspect {}", file.display())
        }
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
        ("jobs list", "list 20 None"),
        ("jobs list --limit 5 --status failed", "list 5 Some(\"failed\")"),
        ("jobs show job_1", "show job_1"),
        ("jobs watch job_1 --json", "watch job_1"),
        ("check", "check"),
        ("plugin list", "plugins"),
        ("plugin inspect lib.so", "inspect lib.so"),
        ("sandbox", "sandbox"),
        ("--help", "exit 0"),
        ("edit -h", "exit 0"),
        ("--version", "exit 0"),
        ("nonsense", "exit 2"),
        ("--nonsense", "exit 2"),
        ("edit a.jpg", "exit 2"),
        ("edit -p grey", "exit 2"),
        ("edit a.jpg -p grey -n 0", "exit 2"),
        ("edit a.jpg -p grey --seed x", "exit 2"),
        ("jobs", "exit 2"),
        ("jobs show", "exit 2"),
        ("--listen here serve", "exit 2"),
        ("--log-format yaml", "exit 2"),
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
            assert!(arg.get_help().is_some(), "no text for arg.{}", arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    for language in [Language::En, Language::Zh] {
        let table = table(Words::of(language));
        table.clone().debug_assert();
        check(&table);
    }
}
