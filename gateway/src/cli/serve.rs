//! `retouch serve`: the gateway, until it is told to stop.

use std::time::Duration;

use super::{
    args::Common,
    host::{self, Host},
    out::Out,
    server::reachable,
    signal::stopped,
    stop::Stop,
    words::{Language, Words},
};

/// A supervisor may start us while the one before is still at its last steps.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) async fn run(common: &Common, out: Out) -> Result<(), Stop> {
    let host = Host::serve(host::settings(common)?, PATIENCE).await?;
    let url = format!("http://{}", host.address());
    // Scripts wait for this line. One that reads no further does not mean the gateway to stop.
    let _ = out.line(&format!("retouch listening on {url}"));
    if host.has_only_sandbox() {
        let program = std::env::args().next().unwrap_or_else(|| "retouch".to_owned());
        let url = format!("http://{}", reachable(host.address()));
        out.remark(&hint(&url, &program, host.asks_for_key()));
    }
    stopped().await;
    out.note("serve.stopping", &[]);
    host.stop().await;
    Ok(())
}

/// For `sed`: the picture goes on to `base64`. An answer without one is an error, which the rest of
/// the script shows instead of feeding it to `base64`.
const PICTURE: &str = r#"'s/.*"b64_json":"\([^"]*\)".*/\1/p'"#;

/// What a client that needs a key adds.
const KEY: &str = r#"-H "Authorization: Bearer $RETOUCH_KEY" "#;

/// What to try first. In both languages: nobody has been able to choose one yet.
fn hint(url: &str, program: &str, asks_for_key: bool) -> String {
    let key = if asks_for_key { KEY } else { "" };
    let text = if asks_for_key { "serve.try_keyed" } else { "serve.try" };
    let [en, zh] = [Language::En, Language::Zh].map(|l| Words::of(l).say(text, &[]));
    format!(
        "{en}\n{zh}\n\n  curl -sS {url}/v1/images/edits {key}-F image=@photo.jpg -F prompt=grayscale \\\n    \
         | sed -n -e {PICTURE} -e t -e 'w /dev/stderr' | base64 -d > out.png\n\n  \
         {program} edit photo.jpg -p grayscale -o out.png\n"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hint_can_be_pasted_into_a_shell() {
        let hint = super::hint("http://127.0.0.1:8000", "./retouch", false);
        assert!(
            hint.contains("curl -sS http://127.0.0.1:8000/v1/images/edits -F image=@photo.jpg")
        );
        assert!(hint.contains(
            r#"| sed -n -e 's/.*"b64_json":"\([^"]*\)".*/\1/p' -e t -e 'w /dev/stderr' | base64 -d"#
        ));
        let keyed = super::hint("http://127.0.0.1:8000", "./retouch", true);
        let header = r#"edits -H "Authorization: Bearer $RETOUCH_KEY" -F image=@photo.jpg"#;
        assert!(keyed.contains(header) && keyed.contains("key create"), "{keyed}");
    }
}
