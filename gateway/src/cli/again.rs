//! The command line that takes up again what this one leaves, to be pasted into a shell.
//!
//! Carries the flags by which this command found its server, and never a key.

use std::path::Path;

use super::args::Common;

/// Where the picture goes if nobody said.
const OUT: &str = "out.png";

/// The one that watches the job and saves its pictures.
pub(super) fn watch(common: &Common, id: &str, target: Option<&Path>) -> String {
    let target = target.unwrap_or(Path::new(OUT)).to_string_lossy();
    let mut line = format!("retouch jobs watch {} -o {}", quoted(id), quoted(&target));
    add_path(&mut line, "--config", common.config.as_deref());
    add_path(&mut line, "--data", common.data.as_deref());
    add(&mut line, "--listen", common.listen.map(|listen| listen.to_string()).as_deref());
    add(&mut line, "--server", common.server.as_deref());
    line
}

/// The one that starts a gateway where the jobs of this one are kept.
pub(super) fn serve(common: &Common) -> String {
    let mut line = "retouch serve".to_owned();
    add_path(&mut line, "--config", common.config.as_deref());
    add_path(&mut line, "--data", common.data.as_deref());
    add(&mut line, "--listen", common.listen.map(|listen| listen.to_string()).as_deref());
    line
}

fn add_path(line: &mut String, flag: &str, path: Option<&Path>) {
    add(line, flag, path.map(|path| path.to_string_lossy()).as_deref());
}

fn add(line: &mut String, flag: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        line.push_str(&format!(" {flag} {}", quoted(value)));
    }
}

/// One word of a shell's, whatever is in it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=[]".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> Common {
        Common {
            config: None,
            data: None,
            listen: None,
            log_format: None,
            json: false,
            server: None,
        }
    }

    #[test]
    fn the_line_can_be_pasted_and_finds_the_same_server() {
        let table = [
            (common(), None, "retouch jobs watch job_1 -o out.png"),
            (common(), Some("a b.png"), "retouch jobs watch job_1 -o 'a b.png'"),
            (common(), Some("it's"), r"retouch jobs watch job_1 -o 'it'\''s'"),
            (
                Common { server: Some("http://host:1".to_owned()), ..common() },
                Some("-"),
                "retouch jobs watch job_1 -o - --server http://host:1",
            ),
            (
                Common {
                    config: Some("c.toml".into()),
                    listen: "127.0.0.1:9".parse().ok(),
                    ..common()
                },
                None,
                "retouch jobs watch job_1 -o out.png --config c.toml --listen 127.0.0.1:9",
            ),
        ];
        for (common, target, expected) in table {
            assert_eq!(watch(&common, "job_1", target.map(Path::new)), expected);
        }
        let kept = Common { data: Some("my data".into()), ..common() };
        assert_eq!(serve(&kept), "retouch serve --data 'my data'");
        let found = "retouch jobs watch job_1 -o out.png --data 'my data'";
        assert_eq!(watch(&kept, "job_1", None), found, "by who has the folder");
    }
}
