//! `retouch serve`: the gateway, until it is told to stop.

use std::time::Duration;

use super::{
    args::Common,
    host::{self, Host},
    out::Out,
    signal::stopped,
    stop::Stop,
    words::{Language, Words},
};

/// A supervisor may start us while the one before is still at its last steps.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) async fn run(common: &Common, out: Out) -> Result<(), Stop> {
    let host = Host::start(host::settings(common)?, PATIENCE).await?;
    let url = format!("http://{}", host.address());
    // Scripts wait for this line. One that reads no further does not mean the gateway to stop.
    let _ = out.line(&format!("retouch listening on {url}"));
    if host.has_only_sandbox() {
        let program = std::env::args().next().unwrap_or_else(|| "retouch".to_owned());
        out.remark(&hint(&url, &program));
    }
    stopped().await;
    out.note("serve.stopping", &[]);
    host.stop().await;
    Ok(())
}

/// For `sed`: the picture goes on to `base64`. An answer without one is an error, which the rest of
/// the script shows instead of feeding it to `base64`.
const PICTURE: &str = r#"'s/.*"b64_json":"\([^"]*\)".*/\1/p'"#;

/// What to try first. In both languages: nobody has been able to choose one yet.
fn hint(url: &str, program: &str) -> String {
    let [en, zh] = [Language::En, Language::Zh].map(|l| Words::of(l).say("serve.try", &[]));
    format!(
        "{en}\n{zh}\n\n  curl -sS {url}/v1/images/edits -F image=@photo.jpg -F prompt=grayscale \\\n    \
         | sed -n -e {PICTURE} -e t -e 'w /dev/stderr' | base64 -d > out.png\n\n  \
         {program} edit photo.jpg -p grayscale -o out.png\n"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hint_can_be_pasted_into_a_shell() {
        let hint = super::hint("http://127.0.0.1:8000", "./retouch");
        assert!(
            hint.contains("curl -sS http://127.0.0.1:8000/v1/images/edits -F image=@photo.jpg")
        );
        assert!(hint.contains(
            r#"| sed -n -e 's/.*"b64_json":"\([^"]*\)".*/\1/p' -e t -e 'w /dev/stderr' | base64 -d"#
        ));
    }
}
