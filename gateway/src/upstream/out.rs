//! A request's body on its way out: text we made, and images streamed from the store.
//!
//! Its length is exact before the first byte, so it is never chunked, which some servers refuse. No
//! more than a chunk of an image is in memory at a time. And it remembers whether anyone ever asked
//! for its bytes: a body that was not polled was certainly not sent.

mod template;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use retouch_sdk::{Body, Sent};
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use super::fill::Filler;
use crate::images::{Images, Stored};

pub use template::{OutError, Plan};

/// The largest chunk handed to the network.
pub const CHUNK: usize = 64 * 1024;
/// Image bytes that give a chunk of base64: a multiple of three, so that nothing carries over.
const RAW: usize = CHUNK / 4 * 3;

/// How an image stands in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Raw,
    Base64,
}

/// A piece of a body before its image is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(Bytes),
    Image { index: usize, coding: Coding },
}

/// A body with an exact length.
#[derive(Debug)]
pub struct OutBody {
    queue: VecDeque<Source>,
    left: u64,
    wire: Wire,
}

#[derive(Debug)]
enum Source {
    Text(Bytes),
    Image(Reading),
}

#[derive(Debug)]
struct Reading {
    file: File,
    left: u64,
    coding: Coding,
    buffer: BytesMut,
}

/// Whether bytes may have left this process. Shared by a body and whoever sends it.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<AtomicBool>);

impl Wire {
    /// Says that bytes may leave from now on.
    pub fn touch(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// What is known.
    pub fn sent(&self) -> Sent {
        if self.0.load(Ordering::Acquire) { Sent::Maybe } else { Sent::No }
    }
}

impl OutBody {
    /// Opens the images of `segments`, so that one that is gone is noticed before anything is sent.
    async fn open(
        segments: Vec<Segment>,
        images: &Images,
        inputs: &[Stored],
        wire: Wire,
    ) -> Result<Self, OutError> {
        let mut body = Self { queue: VecDeque::with_capacity(segments.len()), left: 0, wire };
        for segment in segments {
            let source = match segment {
                Segment::Text(text) => Source::Text(text),
                Segment::Image { index, coding } => {
                    let stored = inputs.get(index).ok_or(OutError::NoSuchImage(index))?;
                    Source::Image(Reading::open(images, stored, index, coding).await?)
                }
            };
            body.left += source.length();
            body.queue.push_back(source);
        }
        Ok(body)
    }

    /// JSON for a client, its image handles filled in from the store.
    ///
    /// # Errors
    /// When an image is gone.
    pub async fn json(value: &Value, stored: &[Stored], images: &Images) -> Result<Self, OutError> {
        let plan = Plan::of(&Body::Json(value.clone()), stored, Filler(None), None)?;
        plan.open(images, stored, Wire::default()).await
    }

    /// Bytes not handed out yet; before the first poll the whole length.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl http_body::Body for OutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.wire.touch();
        loop {
            let Some(source) = self.queue.front_mut() else { return Poll::Ready(None) };
            if source.length() == 0 {
                self.queue.pop_front();
                continue;
            }
            let chunk = ready!(source.poll_chunk(cx))?;
            self.left = self.left.saturating_sub(chunk.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Source {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Image(reading) => reading.coding.length(reading.left),
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match self {
            Self::Text(text) => Poll::Ready(Ok(text.split_to(text.len().min(CHUNK)))),
            Self::Image(reading) => reading.poll_chunk(cx),
        }
    }
}

impl Coding {
    fn length(self, bytes: u64) -> u64 {
        match self {
            Self::Raw => bytes,
            Self::Base64 => bytes.div_ceil(3) * 4,
        }
    }

    /// Image bytes that make one chunk.
    const fn stride(self) -> usize {
        match self {
            Self::Raw => CHUNK,
            Self::Base64 => RAW,
        }
    }
}

impl Reading {
    async fn open(
        images: &Images,
        stored: &Stored,
        index: usize,
        coding: Coding,
    ) -> Result<Self, OutError> {
        let gone = |error: io::Error| OutError::Gone { index, error };
        let (mut file, length) = images.open_read(&stored.name).await.map_err(gone)?;
        if length != stored.bytes {
            return Err(gone(io::Error::other("its file has another length")));
        }
        file.set_max_buf_size(coding.stride());
        Ok(Self { file, left: length, coding, buffer: BytesMut::new() })
    }

    /// Reads until the chunk is full or the image ends: base64 must not be cut elsewhere.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.coding.stride());
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(wanted);
        }
        while self.buffer.len() < wanted {
            let missing = wanted - self.buffer.len();
            let read = ready!(self.poll_read(cx, missing))?;
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.left -= wanted as u64;
        let raw = std::mem::take(&mut self.buffer).freeze();
        Poll::Ready(Ok(match self.coding {
            Coding::Raw => raw,
            Coding::Base64 => STANDARD.encode(&raw).into(),
        }))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let before = self.buffer.len();
        self.buffer.resize(before + most, 0);
        let mut room = ReadBuf::new(self.buffer.get_mut(before..).unwrap_or_default());
        let polled = Pin::new(&mut self.file).poll_read(cx, &mut room);
        let read = room.filled().len();
        self.buffer.truncate(before + read);
        polled.map_ok(|()| read)
    }
}

#[cfg(test)]
mod tests;
