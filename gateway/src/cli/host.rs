//! The gateway inside this process, as the command line sees it: settings, start, stop, logs.
//!
//! Everything that `serve` and `edit` need of the gateway's inside goes through here.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{
    app::{self, App, Purpose},
    plugin::Registry,
    problem::Problem,
    settings::{self, Flags, Loaded},
    store::lock,
    telemetry,
};

use super::{
    args::{Common, LogFormat},
    check,
    signal::unless_stopped,
    stop::Stop,
};
/// How the one error of a start begins that passes by itself.
const IN_USE: &str = "another retouch uses";

/// A running gateway.
pub(super) struct Host(App);

impl Host {
    /// Starts one for whoever comes; it accepts requests when this returns. Another process that has
    /// the data folder is waited for so long.
    pub(super) async fn serve(loaded: Loaded, patience: Duration) -> Result<Self, Stop> {
        Self::start(loaded, Purpose::Serve(patience)).await
    }

    /// Starts one for this command alone, at a free port.
    pub(super) async fn of_command(mut loaded: Loaded) -> Result<Self, Stop> {
        loaded.settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start(loaded, Purpose::Command).await
    }

    async fn start(loaded: Loaded, purpose: Purpose) -> Result<Self, Stop> {
        app::start(loaded, purpose).await.map(Self).map_err(|error| {
            let in_use = error.to_string().starts_with(IN_USE);
            if in_use { Stop::InUse(error.to_string()) } else { error.into() }
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Whether it has no provider but the sandbox, as at a first start.
    pub(super) fn has_only_sandbox(&self) -> bool {
        self.0.has_only_sandbox()
    }

    /// Whether its clients need a key.
    pub(super) fn asks_for_key(&self) -> bool {
        self.0.asks_for_key()
    }

    /// Stops it in order. A second signal ends the waiting: everything paid for is written down.
    pub(super) async fn stop(self) {
        unless_stopped(self.0.shutdown()).await;
    }
}

/// The settings under these flags, or every problem of them.
pub(super) fn load(common: &Common) -> Result<Loaded, Vec<Problem>> {
    settings::load(&flags(common))
}

/// The defaults beside the same catalog, where the settings cannot be used.
pub(super) fn fallback(common: &Common) -> Loaded {
    Loaded::fallback(&flags(common))
}

fn flags(common: &Common) -> Flags {
    let Common { config, data, listen, .. } = common.clone();
    Flags { config, data, listen }
}

/// The settings under these flags, for a command that cannot go on without.
pub(super) fn settings(common: &Common) -> Result<Loaded, Stop> {
    load(common).map_err(|problems| Stop::Failed(check::lines(&problems)))
}

/// Where the settings let the gateway listen.
pub(super) fn listen(loaded: &Loaded) -> SocketAddr {
    loaded.settings.listen
}

/// Where the gateway listens that has the data folder, if one has it.
pub(super) fn at_work(loaded: &Loaded) -> Option<SocketAddr> {
    lock::gateway(&loaded.settings.data_dir)
}

/// Where the settings keep its data.
pub(super) fn data_dir(loaded: &Loaded) -> PathBuf {
    loaded.settings.data_dir.clone()
}

/// Where the settings are read from, whether or not there is such a file.
pub(super) fn settings_file(common: &Common) -> PathBuf {
    common.config.clone().unwrap_or_else(|| PathBuf::from(settings::DEFAULT_FILE))
}

/// Which plugins a start would use, with nothing left behind.
pub(super) fn plugins(loaded: &Loaded) -> io::Result<Vec<String>> {
    let plugins = registry(loaded)?;
    Ok(plugins.libraries().iter().map(|library| library.label().id.clone()).collect())
}

/// The plugins themselves, likewise.
pub(super) fn registry(loaded: &Loaded) -> io::Result<Registry> {
    app::plugins(loaded, tempfile::tempdir()?.path())
}

/// Where the private copies of plugins are.
pub(super) fn plugin_cache(loaded: &Loaded) -> PathBuf {
    loaded.settings.data_dir.join("plugins")
}

/// Begins to log on stderr.
pub(super) fn log(format: LogFormat) {
    telemetry::init(match format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    });
}
