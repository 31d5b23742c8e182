//! A scripted service whose mood a test changes while it runs: it speaks OpenAI's image edit, takes
//! a moment for each edit, and knows how many it was at at once.
//!
//! It charges for what it makes, and for nothing else.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    ProviderFile,
    openai::EDITS,
    pictures,
    server::{Bound, Server, cut},
    wait,
};

/// How long it is at an edit, so that edits can meet.
const WORK: Duration = Duration::from_millis(2);

/// What it does with an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Makes it.
    Good,
    /// Does not answer before its mood changes, and then goes by that.
    Asleep,
    /// Says that it has no room.
    Full,
    /// Answers 500 with a page, having done nothing.
    Broken,
}

/// A running service.
pub struct Moody {
    origin: String,
    shared: Arc<Shared>,
    _server: Server,
}

/// What came to it.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    /// Prompts in the order they came.
    pub asked: Vec<String>,
    /// Prompts of what it made, each of them charged.
    pub made: Vec<String>,
    /// How many it is at now.
    pub now: usize,
    /// The most it was at at once.
    pub peak: usize,
}

struct Shared {
    mood: watch::Sender<Mood>,
    diary: watch::Sender<Diary>,
    picture: String,
}

impl Moody {
    /// One that begins in this mood.
    pub fn start(mood: Mood) -> Self {
        let bound = Bound::new();
        let shared = Arc::new(Shared {
            mood: watch::Sender::new(mood),
            diary: watch::Sender::default(),
            picture: STANDARD.encode(pictures::greyed(&pictures::png_of(16, 16))),
        });
        let router = Router::new().route(EDITS, post(edit)).layer(DefaultBodyLimit::disable());
        let router = router.with_state(Arc::clone(&shared));
        Self { origin: bound.origin(), shared, _server: bound.serve(router) }
    }

    /// A provider's file that leads here.
    pub fn file(&self, id: &str) -> ProviderFile {
        ProviderFile::of("openai-images-edit", id, &self.origin, &[("edit", EDITS)])
    }

    /// Another mood, from now on.
    pub fn becomes(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// What came so far.
    pub fn diary(&self) -> Diary {
        self.shared.diary.borrow().clone()
    }

    /// Waits until the diary is as wanted.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&Diary) -> bool) -> Diary {
        wait::seen(what, self.shared.diary.subscribe(), wanted).await
    }
}

impl Shared {
    /// Its mood once it is awake.
    async fn mood(&self) -> Mood {
        let mut mood = self.mood.subscribe();
        let awake = mood.wait_for(|mood| *mood != Mood::Asleep).await;
        awake.map_or(Mood::Broken, |mood| *mood)
    }
}

async fn edit(State(shared): State<Arc<Shared>>, mut form: Multipart) -> Response {
    let mut prompt = String::new();
    while let Ok(Some(field)) = form.next_field().await {
        let is_prompt = field.name() == Some("prompt");
        // What did not arrive whole was never asked for.
        let Ok(bytes) = field.bytes().await else { return cut() };
        if is_prompt {
            prompt = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    shared.diary.send_modify(|diary| {
        diary.asked.push(prompt.clone());
        diary.now += 1;
        diary.peak = diary.peak.max(diary.now);
    });
    let mut work = tokio::time::interval(WORK);
    work.tick().await;
    work.tick().await;
    let mood = shared.mood().await;
    shared.diary.send_modify(|diary| {
        diary.now -= 1;
        if mood == Mood::Good {
            diary.made.push(prompt);
        }
    });
    match mood {
        Mood::Good => {
            Json(json!({ "created": 1, "data": [{ "b64_json": shared.picture }] })).into_response()
        }
        Mood::Full => {
            let error = json!({ "message": "No.", "type": "service_unavailable_error",
                "param": null, "code": "server_is_overloaded" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error }))).into_response()
        }
        Mood::Broken | Mood::Asleep => {
            (StatusCode::INTERNAL_SERVER_ERROR, Html("<html>500</html>")).into_response()
        }
    }
}
