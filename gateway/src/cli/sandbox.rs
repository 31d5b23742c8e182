//! `retouch sandbox`: only the sandbox provider, on a port of its own, until it is told to stop.
//!
//! For an app or another gateway that wants a provider which costs nothing. Its address is on
//! stdout; how to use it is on stderr.

use std::net::{Ipv4Addr, SocketAddr};

use crate::sandbox::{Options, Sandbox};

use super::{
    args::Common,
    out::Out,
    signal::{stopped, unless_stopped},
    stop::Stop,
};

/// Beside the gateway's own port, and the same each time: provider files name it.
const PORT: u16 = 8001;
/// The provider file of the sandbox inside the gateway; the one here differs in its host.
const SHIPPED: &str = include_str!("../../../config/providers/sandbox.toml");

/// Runs the command.
pub(super) async fn run(common: &Common, out: Out) -> Result<(), Stop> {
    let listen = common.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    // An address that changed at every start could not be written into a provider file.
    let options = Options { hidden: false, ..Options::default() };
    let sandbox = Sandbox::start(listen, options).await.map_err(|error| {
        Stop::Failed(out.words.say("sandbox.no_port", &[("listen", &listen), ("why", &error)]))
    })?;
    let origin = sandbox.origin().as_str().trim_end_matches('/').to_owned();
    let _ = out.line(&format!("retouch sandbox listening on {origin}"));
    out.note("sandbox.snippet", &[("origin", &origin)]);
    out.remark(&provider_file(&origin));
    out.note("sandbox.stop", &[]);
    stopped().await;
    unless_stopped(sandbox.shutdown()).await;
    Ok(())
}

/// A provider file for a sandbox at `origin`.
fn provider_file(origin: &str) -> String {
    let shipped: toml::Table = toml::from_str(SHIPPED).unwrap_or_default();
    let api_type = shipped.get("type").and_then(toml::Value::as_str).unwrap_or_default();
    format!(
        "\n  name    = \"Sandbox at {origin}\"\n  type    = \"{api_type}\"\n  \
         api_key = \"any\"\n\n  [hosts]\n  domestic = \"{origin}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_file_names_type_and_host() {
        let file: toml::Table = toml::from_str(&provider_file("http://127.0.0.1:8001")).unwrap();
        let shipped: toml::Table = toml::from_str(SHIPPED).unwrap();
        assert_eq!(file["type"], shipped["type"]);
        assert_eq!(file["hosts"]["domestic"].as_str(), Some("http://127.0.0.1:8001"));
    }
}
