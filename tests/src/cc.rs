//! Plugins in C, compiled for one test with the header that plugin authors get.

use std::{path::Path, process::Command};

use crate::{Home, built};

/// Compiles `tests/c/NAME.c` to `libLIBRARY.so` beside `home`'s executable, without a warning.
pub fn library(home: &Home, name: &str, library: &str, flags: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c").join(name).with_extension("c");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]);
    command.arg("-fvisibility=hidden").arg("-I").arg(built::repository().join("sdk/abi/include"));
    command.args(flags).arg(source).arg("-o").arg(home.path(&format!("bin/lib{library}.so")));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
