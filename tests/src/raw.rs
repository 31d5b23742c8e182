//! HTTP as no client library would send it: bytes on a connection, whole or in part.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Edit, wait::PATIENCE};

/// A connection to a gateway.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    host: String,
}

impl Raw {
    /// Connects to `http://HOST`.
    pub async fn to(origin: &str) -> Self {
        let host = origin.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.unwrap();
        Self { stream, host }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a whole POST of an edit.
    pub async fn post(&mut self, path: &str, edit: &Edit) {
        let (content_type, body) = edit.multipart();
        let head = self.head(path, &content_type, body.len(), "");
        self.send([head.into_bytes(), body].concat()).await;
    }

    /// Sends the head of a POST and waits until its body is asked for. Then the first half of the
    /// body is sent, and nothing after it.
    pub async fn post_half(&mut self, path: &str, edit: &Edit) {
        let (content_type, body) = edit.multipart();
        let head = self.head(path, &content_type, body.len(), "Expect: 100-continue\r\n");
        self.send(head).await;
        self.until("HTTP/1.1 100 Continue").await;
        self.send(&body[..body.len() / 2]).await;
    }

    /// Reads until this was said, and returns everything up to there.
    pub async fn until(&mut self, said: &str) -> String {
        let mut all = String::new();
        let reading = async {
            let mut piece = [0; 1024];
            while !all.contains(said) {
                match self.stream.read(&mut piece).await {
                    Ok(length @ 1..) => all.push_str(&String::from_utf8_lossy(&piece[..length])),
                    ended => panic!("waited for `{said}`, but {ended:?} after: {all}"),
                }
            }
        };
        if timeout(PATIENCE, reading).await.is_err() {
            panic!("waited for `{said}` in vain");
        }
        all
    }

    /// Reads to the end of the connection.
    pub async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let reading = self.stream.read_to_end(&mut all);
        let read = timeout(PATIENCE, reading).await;
        assert!(read.is_ok(), "the connection stays open for more than {PATIENCE:?}");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Hangs up at once, as a killed client does: with a reset.
    pub fn abort(self) {
        self.stream.set_zero_linger().unwrap();
    }

    fn head(&self, path: &str, content_type: &str, length: usize, more: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n{more}\r\n",
            self.host
        )
    }
}

/// How long a stop may take that nothing holds: far less than the 25 s that steps get.
pub const SWIFT: Duration = Duration::from_secs(15);
