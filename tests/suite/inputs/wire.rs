//! A client that writes bytes as it likes: what no HTTP library would send.

use std::{io, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
};

/// More than any answer may take, and less than a body may bring nothing.
const PATIENCE: Duration = Duration::from_secs(25);

/// An answer that came before, while or after the body was sent.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Bytes of the body that were written until then, of an endless one.
    pub(super) sent: usize,
}

/// How a body is sent.
pub(super) enum Body {
    /// In chunks, as long as the gateway takes them.
    Endless { begin: Vec<u8>, again: Vec<u8> },
    /// With its length, as any client sends it.
    Whole(Vec<u8>),
    /// With a length that is never reached: the client hangs up before.
    Cut(Vec<u8>),
}

/// Posts a form to the gateway at `origin`; none when it closed the connection without an answer.
pub(super) async fn post(origin: &str, content_type: &str, body: Body) -> Option<Answered> {
    let host = origin.strip_prefix("http://").unwrap();
    let (mut reader, writer) = TcpStream::connect(host).await.unwrap().into_split();
    let length = match &body {
        Body::Endless { .. } => "transfer-encoding: chunked".to_owned(),
        Body::Whole(bytes) => format!("content-length: {}", bytes.len()),
        Body::Cut(bytes) => format!("content-length: {}", bytes.len() + 1000),
    };
    let head = format!(
        "POST /v1/images/edits HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\n{length}\r\n\r\n"
    );
    let sending = tokio::spawn(send(writer, head, body));
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, whole(&mut reader, &mut answer)).await;
    assert!(read.is_ok(), "no answer to a broken request: {:?}", String::from_utf8_lossy(&answer));
    drop(reader);
    let sent = sending.await.unwrap();
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answered { status, body: serde_json::from_str(body).unwrap_or_default(), sent })
}

/// Reads until the answer is whole or the connection ends.
async fn whole(reader: &mut (impl AsyncReadExt + Unpin), answer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let text = String::from_utf8_lossy(answer).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or_default();
            if answer.len() >= head.len() + 4 + length {
                return Ok(());
            }
        }
        if reader.read_buf(answer).await? == 0 {
            return Ok(());
        }
    }
}

async fn send(mut writer: OwnedWriteHalf, head: String, body: Body) -> usize {
    let mut sent = 0;
    if writer.write_all(head.as_bytes()).await.is_err() {
        return sent;
    }
    match body {
        Body::Whole(bytes) => {
            let _ = writer.write_all(&bytes).await;
            // Dropped, it would say that the client is gone.
            writer.forget();
            bytes.len()
        }
        Body::Cut(bytes) => {
            let _ = writer.write_all(&bytes).await;
            let _ = writer.shutdown().await;
            bytes.len()
        }
        Body::Endless { begin, again } => {
            let mut next = chunk(&begin);
            let again = chunk(&again);
            while writer.write_all(&next).await.is_ok() {
                sent += next.len();
                next = again.clone();
            }
            sent
        }
    }
}

fn chunk(content: &[u8]) -> Bytes {
    let mut chunk = format!("{:x}\r\n", content.len()).into_bytes();
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(b"\r\n");
    chunk.into()
}
