//! What stands behind the routes: files, tasks, and the making of pictures.
//!
//! Pictures are made on blocking threads, two at a time, from files on the shelf: a waiting
//! task holds names and no bytes, so memory is bounded by the shelf and those two.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::picture::{self, Recipe};
use super::shelf::Shelf;
use super::task::{Outcome, State, TaskId, Tasks};
use super::wire::{Fault, Order, Upload};
use super::words::{Quirk, Wish};
use super::{Now, Options, Speed};

const MAKERS: usize = 2;
/// What the model takes of one image.
const MAX_IMAGE_BYTES: usize = 10 << 20;
const MAX_DATA_URI_BYTES: usize = 5 << 20;
/// A query past its task's time waits this long for the picture before it says RUNNING once
/// more, so that without load the time alone decides.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Studio {
    shelf: Mutex<Shelf>,
    tasks: Mutex<Tasks>,
    makers: Arc<Semaphore>,
    finished: Notify,
    work: TaskTracker,
    stop: CancellationToken,
    speed: Speed,
    now: Now,
}

/// Where the studio keeps a file.
pub(super) enum Folder {
    Uploads,
    Results,
}

impl Folder {
    pub(super) fn path(&self, file: &str) -> String {
        match self {
            Self::Uploads => format!("files/{file}"),
            Self::Results => format!("results/{file}"),
        }
    }
}

impl Studio {
    /// `work` owns what the studio starts; `stop` ends it.
    pub(super) fn new(
        options: &Options,
        seed: u64,
        work: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            shelf: Mutex::default(),
            tasks: Mutex::new(Tasks::new(seed)),
            makers: Arc::new(Semaphore::new(MAKERS)),
            finished: Notify::new(),
            work,
            stop,
            speed: options.speed,
            now: options.now.clone(),
        }
    }

    /// Keeps an uploaded file under the hash of its content; none if it is no picture.
    pub(super) fn keep(&self, bytes: Bytes) -> Option<Upload> {
        let extension = picture::extension(&bytes)?;
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        let upload = Upload { file: format!("{hash}.{extension}"), bytes: bytes.len() };
        self.shelf().put(&Folder::Uploads.path(&upload.file), bytes);
        Some(upload)
    }

    pub(super) fn file(&self, folder: &Folder, file: &str) -> Option<Bytes> {
        self.shelf().get(&folder.path(file))
    }

    /// Creates a task and starts the making of its picture. `base` is our own address: other
    /// addresses are never fetched.
    pub(super) fn submit(
        self: &Arc<Self>,
        order: &Order,
        wish: Wish,
        base: &str,
    ) -> Result<TaskId, Fault> {
        let files: Result<Vec<_>, _> =
            order.image_urls.iter().map(|url| self.file_behind(url, base)).collect();
        let files = files?;
        let mut tasks = self.tasks();
        if !tasks.has_room() {
            return Err(Fault::QUEUE_FULL);
        }
        let moderated = wish.has(Quirk::Moderate);
        let id = tasks.create((self.now)(), wish.quirks, |id| self.speed.of(id.lot()));
        drop(tasks);
        if moderated {
            self.finish(id, Outcome::Failed(Fault::MODERATED));
            return Ok(id);
        }
        let Wish { edits, caption, .. } = wish;
        let recipe = Recipe { edits, caption, ratio: order.ratio, tier: order.tier };
        #[expect(clippy::disallowed_methods, reason = "the sandbox waits for its work at its end")]
        self.work.spawn(Arc::clone(self).make(id, files, recipe));
        Ok(id)
    }

    /// How a task stands now.
    pub(super) async fn state(&self, id: TaskId) -> State {
        let made = async {
            loop {
                let mut news = pin!(self.finished.notified());
                // Registered before the look, so that a task finished in between is not missed.
                news.as_mut().enable();
                if !self.tasks().waits_for_picture(id, (self.now)()) {
                    break;
                }
                news.await;
            }
        };
        tokio::select! {
            () = made => {}
            () = tokio::time::sleep(PATIENCE) => {}
            () = self.stop.cancelled() => {}
        }
        self.tasks().look(id, (self.now)())
    }

    pub(super) fn open_tasks(&self) -> usize {
        self.tasks().open()
    }

    /// The shelf's file that an image address of an order means.
    fn file_behind(&self, url: &str, base: &str) -> Result<String, Fault> {
        if let Some(data) = url.strip_prefix("data:") {
            return self.keep_data_uri(data);
        }
        let own = url.strip_prefix(base).and_then(|path| path.strip_prefix("/files/"));
        let file = own.ok_or_else(|| {
            Fault::file("the sandbox fetches no address but its own download_url: upload the file")
        })?;
        match self.file(&Folder::Uploads, file) {
            None => Err(Fault::file("the uploaded file is gone: upload it again")),
            Some(bytes) if bytes.len() > MAX_IMAGE_BYTES => Err(Fault::TOO_LARGE),
            Some(_) => Ok(file.to_owned()),
        }
    }

    fn keep_data_uri(&self, data: &str) -> Result<String, Fault> {
        let (kind, encoded) = data.split_once(',').unwrap_or_default();
        if !kind.ends_with(";base64") {
            return Err(Fault::file("a data: image must be base64"));
        }
        if encoded.len() / 4 * 3 > MAX_DATA_URI_BYTES {
            return Err(Fault::TOO_LARGE);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| Fault::file("broken base64"))?;
        let upload = self.keep(bytes.into()).ok_or(Fault::FILE)?;
        Ok(upload.file)
    }

    async fn make(self: Arc<Self>, id: TaskId, files: Vec<String>, recipe: Recipe) {
        let permit = tokio::select! {
            permit = Arc::clone(&self.makers).acquire_owned() => permit,
            () = self.stop.cancelled() => return,
        };
        let inputs: Option<Vec<Bytes>> =
            files.iter().map(|file| self.file(&Folder::Uploads, file)).collect();
        let Some(inputs) = inputs else {
            return self.finish(id, Outcome::Failed(Fault::file("the uploaded file is gone")));
        };
        let made = tokio::task::spawn_blocking(move || {
            let made = picture::make(&inputs, &recipe);
            drop(permit);
            made
        });
        // A join error is a decoder's panic: the picture is at fault, and only its task fails.
        let outcome = match made.await {
            Ok(Ok(bytes)) => {
                let file = format!("{id}.png");
                self.shelf().put(&Folder::Results.path(&file), bytes.into());
                Outcome::Made(file)
            }
            Ok(Err(spoilt)) => Outcome::Failed(Fault::file(spoilt.to_string())),
            Err(_) => Outcome::Failed(Fault::FILE),
        };
        self.finish(id, outcome);
    }

    fn finish(&self, id: TaskId, outcome: Outcome) {
        self.tasks().finish(id, outcome);
        self.finished.notify_waiters();
    }

    /// A panic elsewhere leaves either table whole, so a poisoned lock is taken as it is.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
