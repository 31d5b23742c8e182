//! `retouch key rotate-master`: another master key in the place of the one in use, while no gateway
//! runs. No key is shown: the new one is in its file, or where the operator put it.

use std::fmt::Display;

use serde_json::json;

use crate::app::MASTER_KEY;
use crate::rotation::{self, Done, Given, Place, RotationError};
use crate::secret::Secret;

use super::super::{args::Common, check, env, host, out::Out, stop::Stop};

/// The variable that holds the key to come.
const NEW_MASTER_KEY: &str = "RETOUCH_NEW_MASTER_KEY";

/// Runs the command.
pub(super) async fn rotate(common: &Common, out: Out) -> Result<(), Stop> {
    let loaded = host::settings(common)?;
    let plugins = host::registry(&loaded).map_err(anyhow::Error::new)?;
    let variable = |name| env::text(name).map(Secret::new);
    let given = Given { current: variable(MASTER_KEY), new: variable(NEW_MASTER_KEY) };
    let place = Place {
        config_dir: &loaded.config_dir,
        data_dir: &loaded.settings.data_dir,
        plugins: &plugins,
    };
    match rotation::run(place, &given).await {
        Ok(done) => tell(&done, out),
        Err(why) => Err(stopped(&why, out)),
    }
}

fn tell(done: &Done, out: Out) -> Result<(), Stop> {
    let Done { resumed, files, pins, last_good, key_file } = done;
    if out.json {
        let told = json!({
            "object": "master_key.rotation",
            "resumed": resumed,
            "files": files,
            "pins": pins,
            "last_good": last_good,
            "key_file": key_file,
        });
        out.raw(&told.to_string())?;
    }
    if *resumed {
        out.note("rotate.resumed", &[]);
    }
    out.note("rotate.done", &[("files", &files.len()), ("pins", &pins)]);
    match key_file {
        Some(file) => out.note("rotate.file", &[("file", &file.display())]),
        None => out.note("rotate.given", &[]),
    }
    out.note("rotate.links", &[]);
    Ok(())
}

fn stopped(why: &RotationError, out: Out) -> Stop {
    match why {
        RotationError::Held(held) => Stop::InUse(held.to_string()),
        RotationError::Busy(_) => Stop::InUse(words(why, out)),
        why => Stop::Failed(words(why, out)),
    }
}

fn words(why: &RotationError, out: Out) -> String {
    let say = |key: &str, values: &[(&str, &dyn Display)]| out.words.say(key, values);
    match why {
        RotationError::NoKey(folder) => say("rotate.none", &[("folder", &folder.display())]),
        RotationError::NoNewKey => say("rotate.no_new", &[]),
        RotationError::NewKeyUnused => say("rotate.unused", &[]),
        RotationError::SameKey => say("rotate.same", &[]),
        RotationError::OtherVariables => say("rotate.other_variables", &[]),
        RotationError::OtherFile => say("rotate.other_file", &[]),
        RotationError::OtherNewKey => say("rotate.other_new", &[]),
        RotationError::Key(error) => say("rotate.key", &[("why", error)]),
        RotationError::Problems(problems) => {
            say("rotate.problems", &[("problems", &check::lines(problems))])
        }
        RotationError::Unwritable { path, error } => {
            say("rotate.unwritable", &[("path", &path.display()), ("why", error)])
        }
        RotationError::Mounted(file) => say("rotate.mounted", &[("file", &file.display())]),
        RotationError::Overtaken => say("rotate.overtaken", &[]),
        RotationError::Busy(folder) => say("rotate.busy", &[("folder", &folder.display())]),
        RotationError::Unfinished(why) => say("rotate.unfinished", &[("why", &words(why, out))]),
        RotationError::Held(_) | RotationError::Store(_) => why.to_string(),
    }
}
