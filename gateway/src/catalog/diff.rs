//! What a change of the configuration's files comes to, for people: a unified diff in which no secret
//! stands. Where the files hold none, `patch -p1` applies it in the configuration's folder.

mod redact;

use std::fmt::Write;
use std::path::Path;

use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices, group_diff_ops};

use super::{Files, Overlay};
use redact::redacted;

/// Unchanged lines around a change.
const AROUND: usize = 3;

impl Overlay {
    /// The diff from files to what this makes of them; empty where nothing changes.
    pub fn diff(&self, before: &Files) -> String {
        let mut out = String::new();
        for (file, after) in self.changes() {
            let name = file.strip_prefix(before.dir()).unwrap_or(file);
            of_file(&mut out, name, before.get(file), after);
        }
        out
    }
}

fn of_file(out: &mut String, name: &Path, before: Option<&str>, after: Option<&str>) {
    if before == after {
        return;
    }
    let named = |side: &str, text: Option<&str>| match text {
        Some(_) => format!("{side}/{}", name.display()),
        None => "/dev/null".to_owned(),
    };
    let _ = writeln!(out, "--- {}\n+++ {}", named("a", before), named("b", after));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    // Compared as they are, shown without secrets: a key that changes is seen to change.
    let [old, new] = [before, after].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let shown = [before, after].map(redacted);
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
    for group in group_diff_ops(ops, AROUND) {
        hunk(out, &group, &shown);
    }
}

fn hunk(out: &mut String, ops: &[DiffOp], [old, new]: &[Vec<String>; 2]) {
    let (Some(first), Some(last)) = (ops.first(), ops.last()) else { return };
    let range = |first: usize, end: usize| match end - first {
        // Nothing is said to stand after the line before it.
        0 => format!("{first},0"),
        1 => format!("{}", first + 1),
        count => format!("{},{count}", first + 1),
    };
    let was = range(first.old_range().start, last.old_range().end);
    let is = range(first.new_range().start, last.new_range().end);
    let _ = writeln!(out, "@@ -{was} +{is} @@");
    for op in ops {
        let (tag, was, is) = op.as_tag_tuple();
        match tag {
            similar::DiffTag::Equal => lines(out, ChangeTag::Equal, old.get(was)),
            similar::DiffTag::Delete => lines(out, ChangeTag::Delete, old.get(was)),
            similar::DiffTag::Insert => lines(out, ChangeTag::Insert, new.get(is)),
            similar::DiffTag::Replace => {
                lines(out, ChangeTag::Delete, old.get(was));
                lines(out, ChangeTag::Insert, new.get(is));
            }
        }
    }
}

fn lines(out: &mut String, tag: ChangeTag, lines: Option<&[String]>) {
    for line in lines.unwrap_or_default() {
        let _ = write!(out, "{tag}{line}");
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: Option<&str>, after: Option<&str>) -> String {
        let mut out = String::new();
        of_file(&mut out, Path::new("providers/a.toml"), before, after);
        out
    }

    #[test]
    fn says_what_changes_and_what_is_around_it() {
        let before = "#1\n#2\n#3\n#4\n#5\n#6\n#7\n#8\n#9\n#10\n";
        let after = "#2\n#3\n#4\n#5\n#6\n#7\n#8\n#nine\n#9.5\n#10\n";
        let want = "--- a/providers/a.toml\n+++ b/providers/a.toml\n\
                    @@ -1,4 +1,3 @@\n-#1\n #2\n #3\n #4\n\
                    @@ -6,5 +5,6 @@\n #6\n #7\n #8\n-#9\n+#nine\n+#9.5\n #10\n";
        assert_eq!(shown(Some(before), Some(after)), want);
        assert_eq!(shown(Some("a\n"), Some("a\n")), "");
        assert_eq!(
            shown(None, Some("#a\n#b")),
            "--- /dev/null\n+++ b/providers/a.toml\n@@ -0,0 +1,2 @@\n+#a\n+#b\n\\ No newline at end of file\n"
        );
        assert_eq!(
            shown(Some("#a\n"), None),
            "--- a/providers/a.toml\n+++ /dev/null\n@@ -1 +0,0 @@\n-#a\n"
        );
    }

    #[test]
    fn a_key_that_changes_is_seen_to_change_and_is_not_seen() {
        let text = |key: &str| format!("name = \"a\"\napi_key = \"{key}\" # mine\n");
        let diff = shown(Some(&text("sk-canary-1")), Some(&text("enc:v1:canary")));
        assert!(
            diff.contains(
                "-api_key = \"[secret]\" # [secret]\n+api_key = \"[secret]\" # [secret]\n"
            ),
            "{diff}"
        );
        assert!(!diff.contains("canary"), "{diff}");
    }
}
