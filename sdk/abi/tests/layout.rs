//! The header and its mirror in Rust agree: a C compiler is asked for every size, offset and
//! constant of `retouch_plugin.h`, and each answer is compared with Rust's.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

use retouch_abi::{Bytes, Host, Plugin, Sink, Step};

/// A C expression and what Rust says it is.
type Fact = (String, i64);

macro_rules! layout {
    ($facts:ident, $c:literal, $rust:ty { $($field:ident),* }) => {
        $facts.push((concat!("sizeof(", $c, ")").to_owned(), number(size_of::<$rust>())));
        $($facts.push((
            concat!("offsetof(", $c, ", ", stringify!($field), ")").to_owned(),
            number(offset_of!($rust, $field)),
        ));)*
    };
}

macro_rules! constants {
    ($facts:ident, $($name:ident),* => $prefix:literal) => {
        $($facts.push((
            concat!($prefix, stringify!($name)).to_owned(),
            i64::try_from(retouch_abi::$name).expect("a small number"),
        ));)*
    };
}

#[test]
fn header_and_mirror_have_the_same_layout() {
    let facts = facts();
    let mut program = String::from("#include \"retouch_plugin.h\"\n#include <stdio.h>\n");
    program.push_str("int main(void) {\n");
    for (expression, _) in &facts {
        let _ =
            writeln!(program, "  printf(\"{expression} = %lld\\n\", (long long)({expression}));");
    }
    program.push_str("  return 0;\n}\n");

    let run = compile("layout", &program, &["-std=c99"]);
    let output = Command::new(&run).output().expect("the compiled program starts");
    let printed = String::from_utf8(output.stdout).expect("printed text");
    let in_c: BTreeMap<&str, &str> =
        printed.lines().filter_map(|line| line.split_once(" = ")).collect();

    for (expression, in_rust) in &facts {
        let in_c = in_c.get(expression.as_str()).copied();
        assert_eq!(in_c, Some(in_rust.to_string().as_str()), "{expression}");
    }
    assert_eq!(in_c.len(), facts.len());
}

#[test]
fn label_of_a_c_plugin_has_the_layout_the_loader_reads() {
    let program = r#"
        #include "retouch_plugin.h"
        #include <stdio.h>
        RETOUCH_LABEL("{\"target\": \"" RETOUCH_TARGET "\"}");
        int main(void) { return fwrite(&retouch_label, 1, sizeof retouch_label, stdout) == 0; }
    "#;
    let output = Command::new(compile("label", program, &["-std=c99"])).output();
    let bytes = output.expect("the compiled program starts").stdout;

    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let json = format!(r#"{{"target": "{target}"}}"#);
    let len = u32::try_from(json.len()).expect("a short label");
    let (head, text) = bytes.split_at(retouch_abi::label::HEAD);
    assert_eq!(head[..8], retouch_abi::label::MAGIC);
    assert_eq!(head[8..], len.to_ne_bytes());
    assert!(text.starts_with(json.as_bytes()));
}

#[test]
fn header_stands_alone_in_newer_c() {
    compile("c11", "#include \"retouch_plugin.h\"\nint main(void) { return 0; }", &["-std=c11"]);
}

fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    layout!(facts, "retouch_bytes", Bytes { ptr, len });
    layout!(facts, "retouch_sink", Sink { size, reserved, ctx, write });
    layout!(facts, "retouch_host", Host { size, abi_minor, ctx, log_enabled, log, extension });
    layout!(
        facts,
        "retouch_step",
        Step { size, flags, event, state, attach, attach_len, now_ms, deadline_ms }
    );
    layout!(facts, "retouch_plugin", Plugin { size, abi_minor, create, destroy, step, extension });
    constants!(facts, ABI_MAJOR, ABI_MINOR => "RETOUCH_");
    constants!(facts, RETOUCH_OK, RETOUCH_E_PANIC, RETOUCH_E_INPUT, RETOUCH_E_CONFIG => "");
    constants!(facts, RETOUCH_E_STATE, RETOUCH_E_UNSUPPORTED, RETOUCH_E_INTERNAL => "");
    constants!(facts, RETOUCH_CH_OUTCOME, RETOUCH_CH_ERROR, RETOUCH_CH_STATE => "");
    constants!(facts, RETOUCH_CH_ATTACH0, RETOUCH_MAX_OUTCOME, RETOUCH_MAX_STATE => "");
    constants!(facts, RETOUCH_MAX_ERROR, RETOUCH_MAX_LABEL, RETOUCH_LOG_ERROR => "");
    constants!(facts, RETOUCH_LOG_WARN, RETOUCH_LOG_INFO, RETOUCH_LOG_DEBUG => "");
    constants!(facts, RETOUCH_LOG_TRACE => "");
    facts
}

fn number(value: usize) -> i64 {
    i64::try_from(value).expect("a small number")
}

/// Compiles a C program against the header, warnings being errors, and says where it is.
fn compile(name: &str, program: &str, flags: &[&str]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = dir.join(format!("{name}.c"));
    let binary = dir.join(name);
    std::fs::write(&source, program).expect("the temporary folder is writable");
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(flags)
        .arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include"))
        .arg("-o")
        .args([&binary, &source])
        .output()
        .expect("a C compiler is installed as `cc`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    binary
}
