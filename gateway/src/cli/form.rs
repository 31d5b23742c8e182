//! A multipart form whose files are streamed from disk.
//!
//! Its length is known before the first byte goes out, and no file is ever whole in memory.

use std::{io, path::Path};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// How much of a file is in memory at once.
const CHUNK: usize = 64 * 1024;

/// The parts in the order they were added.
pub(super) struct Form {
    boundary: String,
    parts: Vec<Part>,
}

struct Part {
    head: String,
    body: Body,
}

enum Body {
    Text(String),
    File(tokio::fs::File, u64),
}

impl Form {
    /// An empty form.
    pub(super) fn new() -> Self {
        Self { boundary: format!("retouch-{}", uuid::Uuid::now_v7().simple()), parts: Vec::new() }
    }

    /// Adds a text field.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.parts.push(Part { head, body: Body::Text(value.to_owned()) });
    }

    /// Adds a file; it is opened now, so that a missing one is known before anything is sent.
    pub(super) async fn file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let file = tokio::fs::File::open(path).await?;
        let about = file.metadata().await?;
        if !about.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let filename = path.file_name().unwrap_or_default().to_string_lossy();
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            quoted(&filename)
        );
        self.parts.push(Part { head, body: Body::File(file, about.len()) });
        Ok(())
    }

    /// The value of the `Content-Type` header.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The exact number of bytes that `into_stream` gives.
    pub(super) fn length(&self) -> u64 {
        let parts = self.parts.iter().map(|part| {
            let body = match &part.body {
                Body::Text(text) => text.len() as u64,
                Body::File(_, length) => *length,
            };
            (self.opening().len() + part.head.len()) as u64 + body + 2
        });
        parts.sum::<u64>() + self.closing().len() as u64
    }

    /// The form's bytes.
    pub(super) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (opening, closing) = (self.opening(), self.closing());
        let parts = stream::iter(self.parts).flat_map(move |part| {
            let head = piece(format!("{opening}{}", part.head));
            head.chain(part.body.into_stream()).chain(piece("\r\n".to_owned()))
        });
        parts.chain(piece(closing))
    }

    fn opening(&self) -> String {
        format!("--{}\r\n", self.boundary)
    }

    fn closing(&self) -> String {
        format!("--{}--\r\n", self.boundary)
    }
}

impl Body {
    fn into_stream(self) -> stream::BoxStream<'static, io::Result<Bytes>> {
        match self {
            Self::Text(text) => piece(text).boxed(),
            // A file that grows meanwhile is sent as long as it was; one that shrinks fails the
            // request, as its length has been promised.
            Self::File(file, length) => {
                ReaderStream::with_capacity(file.take(length), CHUNK).boxed()
            }
        }
    }
}

fn piece(text: String) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::iter([Ok(Bytes::from(text))])
}

/// A file name between quotes, escaped as browsers do.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bytes_are_a_form_of_the_promised_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a \"photo\".png");
        std::fs::write(&path, vec![b'x'; CHUNK + 5]).unwrap();

        let mut form = Form::new();
        form.text("prompt", "黑白\r\n照片");
        form.file("image[]", &path).await.unwrap();
        let (boundary, length) = (form.boundary.clone(), form.length());
        let body = form.into_stream().map(|piece| piece.unwrap().to_vec()).concat().await;

        assert_eq!(body.len() as u64, length);
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\
             黑白\r\n照片\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"image[]\"; \
             filename=\"a %22photo%22.png\"\r\nContent-Type: application/octet-stream\r\n\r\n\
             {}\r\n--{boundary}--\r\n",
            "x".repeat(CHUNK + 5)
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[tokio::test]
    async fn only_regular_files_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Form::new().file("image", folder.path()).await.is_err());
        assert!(Form::new().file("image", &folder.path().join("none")).await.is_err());
    }
}
