//! An input made ready for an API type: upright, without metadata, of a type it takes, within its
//! limits.
//!
//! Loses nothing where nothing has to be lost: metadata is cut out of the file without decoding
//! the picture. It is decoded only to be turned, to become another type, or to shrink, and it
//! shrinks only when that is allowed. The same image and the same needs give the same file.

mod error;

use std::fs::File;
use std::sync::Arc;

use image::metadata::Orientation;
use tokio::task::spawn_blocking;

use super::anatomy::{self, Anatomy};
use super::picture::{self, Picture};
use super::spool::BlockingSpool;
use super::{Format, Images, Kind, Stored};

pub use error::{AdaptError, Measure};

/// Qualities a JPEG is written in again until it fits: that it had to be turned must not be what
/// makes it too large. The first is what looks the same.
const QUALITIES: [u8; 3] = [92, 84, 76];
/// Times a picture is made smaller. Each aims below the limit, so that the second is rare.
const ROUNDS: u32 = 6;

/// What an API type wants of its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Media types it takes, such as `image/png`. None named: it takes all.
    pub mimes: Vec<String>,
    /// Bytes of one input.
    pub max_bytes: Option<u64>,
    /// Width times height of one input.
    pub max_pixels: Option<u64>,
    /// Whether an input may shrink to these limits. Otherwise one above them is refused.
    pub shrink: bool,
}

impl Images {
    /// An input as `needs` has it: turned upright, without EXIF, XMP, comments and other metadata
    /// (its colour profile stays), and PNG where its own type is not taken, or JPEG where that is
    /// the only one taken or a PNG would be too long. What is transparent becomes white in a JPEG.
    /// One that is as it should be is returned as it is.
    ///
    /// # Errors
    /// `TooLarge` names the limit that would need shrinking, `Broken` says what is wrong with the
    /// file, `Animated` and `NoFormat` tell themselves. `Io` is no fault of the image.
    pub async fn adapt(&self, stored: &Stored, needs: &Needs) -> Result<Stored, AdaptError> {
        let (images, stored, needs) = (self.clone(), stored.clone(), needs.clone());
        match apart(move || look(images, stored, needs)).await? {
            Look::Ready(stored) => Ok(stored),
            Look::Decode(work) => self.bounded(move || work.run()).await,
        }
    }

    /// Runs what decodes, when one of the few places is free. The place is free again when the
    /// work ends, also when nobody waits for it any more.
    pub(super) async fn bounded<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AdaptError> + Send + 'static,
    ) -> Result<T, AdaptError> {
        let place = Arc::clone(&self.decoders).acquire_owned().await;
        let place = place.map_err(|closed| AdaptError::Io(std::io::Error::other(closed)))?;
        apart(move || {
            let _place = place;
            work()
        })
        .await
    }

    pub(super) fn file(&self, stored: &Stored) -> Result<(File, Format), AdaptError> {
        let file = File::open(self.folder.named(&stored.name).map_err(AdaptError::Io)?);
        let format = Format::from_mime(&stored.mime);
        let format = format.ok_or_else(|| AdaptError::broken("its type is unknown"))?;
        Ok((file.map_err(AdaptError::Io)?, format))
    }

    pub(super) fn writer(&self, kind: Kind, most: Option<u64>) -> BlockingSpool {
        let most = most.unwrap_or(u64::MAX);
        BlockingSpool::new(Arc::clone(&self.folder), self.limits, kind, most)
    }
}

/// Runs work on a thread that may block. Decoders panic on some broken files: that is the file's
/// fault, and ends nothing but the work.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AdaptError> + Send + 'static,
) -> Result<T, AdaptError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(AdaptError::broken("its decoder gave up on it")),
        Err(error) => Err(AdaptError::Io(std::io::Error::other(error))),
    }
}

/// What a look at the file came to.
enum Look {
    Ready(Stored),
    Decode(Box<Work>),
}

/// A format, and the quality where that is a JPEG.
type Form = (Format, u8);

/// What writing a picture came to.
enum Written {
    Whole(Stored),
    TooLong(u64),
}

/// An image to be decoded and written again.
struct Work {
    images: Images,
    file: File,
    anatomy: Anatomy,
    from: Format,
    to: Format,
    needs: Needs,
}

fn look(images: Images, stored: Stored, needs: Needs) -> Result<Look, AdaptError> {
    let (file, from) = images.file(&stored)?;
    let to = needs.format(from)?;
    let pixels = u64::from(stored.width) * u64::from(stored.height);
    let most = needs.max_pixels.unwrap_or(u64::MAX).min(images.limits.max_pixels);
    let few = picture::within(pixels, most, to);
    let anatomy = anatomy::survey(&file, from)?;
    let fits =
        few.and_then(|()| if from == to { needs.within(anatomy.bytes(), to) } else { Ok(()) });
    let shrinks = fits.is_err();
    if !needs.shrink {
        fits?;
    }
    if shrinks || from != to || anatomy.orientation() != Orientation::NoTransforms {
        let work = Work { images, file, anatomy, from, to, needs };
        return Ok(Look::Decode(Box::new(work)));
    }
    if anatomy.is_clean() {
        return Ok(Look::Ready(stored));
    }
    let mut writer = images.writer(Kind::Input, None);
    anatomy.copy(&file, &mut writer)?;
    Ok(Look::Ready(writer.finish()?))
}

impl Work {
    fn run(self) -> Result<Stored, AdaptError> {
        let most = self.images.limits.max_pixels;
        let mut picture = Picture::decode(&self.file, &self.anatomy, self.from, most)?;
        picture.shrink(self.needs.max_pixels.unwrap_or(u64::MAX));
        let (mut form, lesser) = self.forms(&picture);
        let mut written = self.write(&mut picture, form)?;
        for lesser in lesser {
            if let Written::TooLong(_) = written {
                form = lesser;
                written = self.write(&mut picture, form)?;
            }
        }
        for _ in 0..ROUNDS {
            match written {
                Written::TooLong(bytes) if self.needs.shrink => {
                    picture.shrink(self.needs.area(picture.area(), bytes));
                    written = self.write(&mut picture, form)?;
                }
                _ => break,
            }
        }
        match written {
            Written::Whole(stored) => Ok(stored),
            Written::TooLong(bytes) => Err(self.needs.too_long(bytes, form.0)),
        }
    }

    /// How it is written, and how else when that is too long. A JPEG stands in where nothing is
    /// transparent.
    fn forms(&self, picture: &Picture) -> (Form, Vec<Form>) {
        let jpegs = QUALITIES.map(|quality| (Format::Jpeg, quality));
        let [best, lesser @ ..] = jpegs;
        if self.to == Format::Jpeg {
            return (best, lesser.to_vec());
        }
        let stands_in = self.needs.takes(Format::Jpeg) && picture.is_opaque();
        ((self.to, best.1), if stands_in { jpegs.to_vec() } else { Vec::new() })
    }

    fn write(&self, picture: &mut Picture, (to, quality): Form) -> Result<Written, AdaptError> {
        if to == Format::Jpeg {
            picture.flatten();
        }
        let mut writer = self.images.writer(Kind::Input, self.needs.max_bytes);
        picture.encode(&mut writer, to, quality)?;
        match self.needs.within(writer.bytes(), to) {
            Ok(()) => Ok(Written::Whole(writer.finish()?)),
            Err(_) => Ok(Written::TooLong(writer.bytes())),
        }
    }
}

impl Needs {
    /// What an image becomes: itself where that is taken, rather PNG than JPEG otherwise.
    fn format(&self, from: Format) -> Result<Format, AdaptError> {
        let known = [from, Format::Png, Format::Jpeg, Format::Webp];
        known.into_iter().find(|format| self.takes(*format)).ok_or_else(|| AdaptError::NoFormat {
            mime: from.mime().to_owned(),
            taken: self.mimes.join(", "),
        })
    }

    fn takes(&self, format: Format) -> bool {
        self.mimes.is_empty() || self.mimes.iter().any(|mime| mime == format.mime())
    }

    fn within(&self, bytes: u64, format: Format) -> Result<(), AdaptError> {
        match self.max_bytes {
            Some(limit) if bytes > limit => Err(self.too_long(bytes, format)),
            _ => Ok(()),
        }
    }

    fn too_long(&self, has: u64, format: Format) -> AdaptError {
        let (measure, limit) = (Measure::Bytes, self.max_bytes.unwrap_or(u64::MAX));
        AdaptError::TooLarge { measure, has, limit, mime: format.mime().to_owned() }
    }

    /// Pixels with which a picture of so many, and so many bytes, is a tenth below the limit.
    fn area(&self, pixels: u64, bytes: u64) -> u64 {
        let limit = self.max_bytes.unwrap_or(u64::MAX);
        (pixels as f64 * 0.9 * limit as f64 / bytes as f64) as u64
    }
}

#[cfg(test)]
mod tests;
