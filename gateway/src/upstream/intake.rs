//! Takes JSON or an image in from the network: images go to the store as they arrive.
//!
//! Providers' answers and our own clients' requests come in through here alike.

use std::io;

use crate::images::{Images, Kind, Spool, SpoolError, Stored, sniff};

use super::lift::{LiftError, Lifter, Piece, Rule};

/// Bytes that tell an image from anything else.
const HEAD: usize = 12;

/// Why a body is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The JSON around the images.
    #[error(transparent)]
    Lift(#[from] LiftError),
    /// One of the images.
    #[error("image {number}: {why}")]
    Image {
        /// Which, in the order they came.
        number: usize,
        /// Why.
        why: SpoolError,
    },
}

/// JSON on its way in.
#[derive(Debug)]
pub struct Intake<'a> {
    lifter: Lifter,
    shelf: Shelf<'a>,
}

/// Where images go, and those that are there.
#[derive(Debug)]
struct Shelf<'a> {
    images: &'a Images,
    kind: Kind,
    durable: bool,
    open: Option<Spool>,
    stored: Vec<Stored>,
}

impl<'a> Intake<'a> {
    /// JSON of which at most `limit` bytes are left. Images are of that kind; `durable` syncs each.
    pub fn new(images: &'a Images, kind: Kind, durable: bool, rule: Rule, limit: usize) -> Self {
        let shelf = Shelf { images, kind, durable, open: None, stored: Vec::new() };
        Self { lifter: Lifter::new(rule, limit), shelf }
    }

    /// Takes a chunk.
    ///
    /// # Errors
    /// When it must be refused; the intake is then of no use.
    pub async fn push(&mut self, mut chunk: &[u8]) -> Result<(), IntakeError> {
        while let Some(piece) = self.lifter.next(&mut chunk)? {
            match piece {
                Piece::Begin => self.shelf.begin().await?,
                Piece::Data(bytes) => self.shelf.write(bytes).await?,
                Piece::End => self.shelf.end().await?,
            }
        }
        Ok(())
    }

    /// What is left, and the images by number.
    ///
    /// # Errors
    /// When it ended too early.
    pub fn finish(self) -> Result<(Vec<u8>, Vec<Stored>), IntakeError> {
        Ok((self.lifter.finish()?, self.shelf.stored))
    }
}

impl Shelf<'_> {
    async fn begin(&mut self) -> Result<(), IntakeError> {
        match self.images.spool(self.kind).await {
            Ok(spool) => self.open = Some(spool),
            Err(error) => return Err(self.refuse(error.into())),
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), IntakeError> {
        let written = match &mut self.open {
            Some(spool) => spool.write(bytes).await,
            None => Err(out_of_turn()),
        };
        written.map_err(|why| self.refuse(why))
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        let finished = match self.open.take() {
            Some(spool) => spool.finish(self.durable).await,
            None => Err(out_of_turn()),
        };
        self.stored.push(finished.map_err(|why| self.refuse(why))?);
        Ok(())
    }

    fn refuse(&self, why: SpoolError) -> IntakeError {
        IntakeError::Image { number: self.stored.len(), why }
    }
}

fn out_of_turn() -> SpoolError {
    SpoolError::Io(io::Error::other("bytes of an image that did not begin"))
}

/// A provider's answer: an image, JSON, or some other text.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    images: &'a Images,
    limit: usize,
    first: u32,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    /// Too little to say.
    Head(Vec<u8>),
    Image(Spool),
    Json(Box<Intake<'a>>),
    Text(Vec<u8>),
}

/// An answer taken in.
#[derive(Debug)]
pub(super) enum Taken {
    Image(Stored),
    Body(Vec<u8>, Vec<Stored>),
}

impl<'a> Incoming<'a> {
    /// `first` is the number of the first image in it.
    pub(super) fn new(images: &'a Images, limit: usize, first: u32) -> Self {
        Self { images, limit, first, body: Body::Head(Vec::new()) }
    }

    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<(), IntakeError> {
        match &mut self.body {
            Body::Head(head) => {
                head.extend_from_slice(chunk);
                if head.len() < HEAD {
                    return Ok(());
                }
                let head = std::mem::take(head);
                self.decide(&head).await
            }
            Body::Image(spool) => spool.write(chunk).await.map_err(first),
            Body::Json(intake) => intake.push(chunk).await,
            Body::Text(text) if text.len() + chunk.len() > self.limit => {
                Err(LiftError::TooLarge { limit: self.limit }.into())
            }
            Body::Text(text) => {
                text.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    pub(super) async fn finish(mut self) -> Result<Taken, IntakeError> {
        if let Body::Head(head) = &mut self.body {
            let head = std::mem::take(head);
            self.decide(&head).await?;
        }
        match self.body {
            Body::Image(spool) => Ok(Taken::Image(spool.finish(true).await.map_err(first)?)),
            Body::Json(intake) => {
                let (rest, stored) = intake.finish()?;
                Ok(Taken::Body(rest, stored))
            }
            Body::Head(text) | Body::Text(text) => Ok(Taken::Body(text, Vec::new())),
        }
    }

    /// By its bytes: providers call JSON `text/plain` and pictures `application/octet-stream`.
    async fn decide(&mut self, head: &[u8]) -> Result<(), IntakeError> {
        self.body = if sniff(head).is_some() {
            Body::Image(self.images.spool(Kind::Result).await.map_err(|e| first(e.into()))?)
        } else if matches!(head.trim_ascii_start().first(), Some(b'{' | b'[' | b'"') | None) {
            let rule = Rule { first: self.first, ..Rule::ANSWER };
            let intake = Intake::new(self.images, Kind::Result, true, rule, self.limit);
            Body::Json(Box::new(intake))
        } else {
            Body::Text(Vec::new())
        };
        Box::pin(self.push(head)).await
    }
}

fn first(why: SpoolError) -> IntakeError {
    IntakeError::Image { number: 0, why }
}
