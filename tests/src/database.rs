//! A stopped gateway's database, changed as no gateway would.

use std::process::Command;

use crate::{Gateway, built};

/// Runs SQL on the database. Needs Python's own `sqlite3`, so that a test depends on none of the
/// gateway's code.
pub fn sql(gateway: &Gateway, statement: &str) {
    let script = "import sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1])\n\
        changed = db.execute(sys.argv[2]).rowcount\n\
        db.commit()\n\
        print(changed)\n";
    let mut command = Command::new(built::python());
    command.args(["-c", script]).arg(gateway.data().join("retouch.db")).arg(statement);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
    let changed = String::from_utf8_lossy(&done.stdout).trim().parse::<i64>().unwrap();
    assert!(changed > 0, "{statement} changed nothing");
}
