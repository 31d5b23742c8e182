//! A multipart form, part by part: what a client of any make might send.

const BOUNDARY: &str = "----retouch-tests-3f1c9a7e";

/// A form under construction. Parts stay in their order.
#[derive(Clone, Debug, Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more field of text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("; name=\"{name}\""), value.as_bytes())
    }

    /// One more file, as official SDKs send one whose type they do not know.
    #[must_use]
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        let head = format!(
            "; name=\"{name}\"; filename=\"photo.png\"\r\nContent-Type: application/octet-stream"
        );
        self.part(&head, content)
    }

    /// One more part, with its head from after `form-data`.
    #[must_use]
    pub fn part(mut self, head: &str, content: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data{head}\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// Content type and body.
    pub fn finish(self) -> (String, Vec<u8>) {
        let (content_type, mut body) = self.unfinished();
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (content_type, body)
    }

    /// The same, without the boundary at the end.
    pub fn unfinished(self) -> (String, Vec<u8>) {
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }
}
