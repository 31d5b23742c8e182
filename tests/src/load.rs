//! Load: many large edits at once through one plugin, and what they cost the gateway.
//!
//! Looks at memory only. How long it takes depends on the machine and is never judged.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{Client, Edit, Fal, Form, Home, Memory, OpenAi, Plugin, Provider, ProviderFile};

/// Edits at once.
pub const EDITS: usize = 32;
/// What they may cost at most, in MiB over what the idle gateway has.
pub const MOST: u64 = 64;
/// A side of the picture: three bytes a pixel, not compressed, make 9.9 MB.
const SIDE: u32 = 1815;

/// What a run came to, in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// In use after one small edit.
    pub idle: u64,
    /// The most that was in use since.
    pub peak: u64,
}

impl Cost {
    /// What the edits took on top.
    pub fn over(self) -> u64 {
        self.peak.saturating_sub(self.idle)
    }
}

/// The edits through a plugin at a scripted service of its kind.
pub async fn run(plugin: Plugin) -> Cost {
    match plugin {
        Plugin::RunningHub => {
            let service = Provider::start();
            at(plugin, ProviderFile::runninghub("load", &service)).await
        }
        Plugin::OpenAi => {
            let service = OpenAi::start();
            at(plugin, ProviderFile::openai("load", &service)).await
        }
        Plugin::Fal => {
            let service = Fal::start();
            at(plugin, ProviderFile::fal("load", &service)).await
        }
        other => panic!("{other:?} has no service that stands much"),
    }
}

async fn at(plugin: Plugin, file: ProviderFile) -> Cost {
    let file = file.line(&format!("limits.concurrency = {EDITS}"));
    let gateway = Home::with([file]).plugin(plugin).serve().await;
    gateway.client().edit(&Edit::new("warm up")).await.expect(200);
    let memory = Memory::of(gateway.pid());
    let (content_type, body) =
        Form::new().file("image", &picture()).text("prompt", "grey").finish();
    let body = Bytes::from(body);
    let idle = memory.begin();
    let mut edits = JoinSet::new();
    for _ in 0..EDITS {
        edits.spawn(edit(gateway.client(), content_type.clone(), body.clone()));
    }
    edits.join_all().await;
    Cost { idle, peak: memory.peak() }
}

/// One edit; its answer is read and not kept.
async fn edit(client: Client, content_type: String, body: Bytes) {
    let request = client.request(Method::POST, "/v1/images/edits");
    let request = request.header("content-type", content_type).body(body);
    let mut answer = request.send().await.unwrap();
    let status = answer.status();
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert!(status == 200 && length > 1 << 20, "{status}, {length} bytes");
}

/// Noise, so that nothing makes it smaller on its way.
fn picture() -> Vec<u8> {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    let pixels: Vec<u8> = noise.take((SIDE * SIDE * 3) as usize).collect();
    let mut file = Cursor::new(Vec::new());
    let encoder = PngEncoder::new_with_quality(
        &mut file,
        CompressionType::Uncompressed,
        FilterType::NoFilter,
    );
    encoder.write_image(&pixels, SIDE, SIDE, ExtendedColorType::Rgb8).unwrap();
    file.into_inner()
}
