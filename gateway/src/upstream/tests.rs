mod server;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use retouch_sdk::{Body, BodyRef, Effect, Image, Phase, SECRET};
use serde_json::{Value, json};

use super::*;
use crate::images::{Kind, SpoolError};
use server::{Act, Server, answer};

const KEY: &str = "sk-canary/0123456789";

struct World {
    images: Arc<Images>,
    dir: tempfile::TempDir,
    upstream: Upstream,
    key: Secret,
}

impl World {
    fn new() -> Self {
        Self::with(&[], Limits::default())
    }

    fn with(allow: &[String], limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bounds = crate::images::Limits { max_bytes: 1_000_000, max_pixels: 1_000_000 };
        let images = Arc::new(Images::open(dir.path()).unwrap().with_result_limits(bounds));
        let egress = Egress::parse(allow).unwrap();
        let upstream = Upstream::new(Arc::clone(&images), limits, egress).unwrap();
        Self { images, dir, upstream, key: Secret::new(KEY) }
    }

    async fn store(&self, bytes: &[u8]) -> Stored {
        let mut spool = self.images.spool(Kind::Input).await.unwrap();
        spool.write(bytes).await.unwrap();
        spool.finish(false).await.unwrap()
    }

    async fn exchange(&self, request: &Request, inputs: &[Stored], origin: &str) -> Reply {
        let origins = [Origin::parse(origin).unwrap()];
        let call =
            Call { request, inputs, origins: &origins, hosts: &[], key: &self.key, first_blob: 0 };
        self.upstream.exchange(call).await
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.dir.path()).unwrap().count()
    }
}

fn request(method: &str, url: &str, body: Body) -> Request {
    Request {
        id: "e1".to_owned(),
        after_ms: 0,
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body,
        effect: Effect::Unsafe,
        phase: Phase::Submitting,
        idempotency_key: None,
        timeout_ms: 5_000,
        max_response_bytes: 1 << 20,
        cache_ms: 0,
    }
}

fn png(padding: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x03".to_vec();
    bytes.extend((0..padding).map(|n| (n % 251) as u8));
    bytes
}

fn answered(reply: Reply) -> Answer {
    match reply {
        Reply::Answer(answer) => answer,
        none @ Reply::None { .. } => unreachable!("{none:?}"),
    }
}

fn lost(reply: Reply) -> (Sent, &'static str, String) {
    match reply {
        Reply::None { sent, class, detail } => (sent, class, detail),
        answer @ Reply::Answer(_) => unreachable!("{answer:?}"),
    }
}

#[tokio::test]
async fn sends_an_image_with_exact_length_and_the_key_at_the_last_moment() {
    let world = World::new();
    let bytes = png(300_000);
    let input = world.store(&bytes).await;
    let server = Server::start(|_| answer(200, "application/json", br#"{"id":"t1"}"#)).await;
    let url = format!("{}/v1/edits?key={SECRET}", server.url());
    let body = Body::Json(json!({ "image": Image(0).as_data_uri(), "auth": SECRET }));
    let mut request = request("POST", &url, body);
    request.headers = vec![("Authorization".to_owned(), format!("Bearer {SECRET}"))];
    request.idempotency_key = Some("job-1".to_owned());
    let answer = answered(world.exchange(&request, &[input], &server.url()).await);
    assert_eq!((answer.head.status, answer.head.effect.as_str()), (200, "e1"));
    assert_eq!(answer.head.body, BodyRef::Attach { attach: 0, bytes: 11 });
    assert_eq!(&answer.body[..], br#"{"id":"t1"}"#);
    assert!(
        answer.head.headers.contains(&("content-type".to_owned(), "application/json".to_owned()))
    );

    let got = server.requests();
    let [got] = got.as_slice() else { unreachable!("one request") };
    assert!(
        got.head.starts_with("POST /v1/edits?key=sk-canary%2F0123456789 HTTP/1.1\r\n"),
        "{}",
        got.head
    );
    assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
    assert_eq!(got.header("transfer-encoding"), None);
    assert_eq!(got.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("idempotency-key"), Some("job-1"));
    let sent: Value = serde_json::from_slice(&got.body).unwrap();
    let uri = format!("data:image/png;base64,{}", STANDARD.encode(&bytes));
    assert_eq!(sent, json!({ "image": uri, "auth": KEY }));
}

#[tokio::test]
async fn says_whether_anything_was_sent() {
    let world = World::new();
    let input = world.store(&png(10)).await;
    let refused = Server::refused().await;
    let cuts = Server::start(|_| Act::Cut).await;
    let hangs = Server::start(|_| Act::Hang(Vec::new())).await;
    let halves =
        Server::start(|_| Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()))
            .await;
    let garbage = Server::start(|_| Act::Say(b"SSH-2.0-x\r\n".to_vec())).await;
    let (json, none) = (Body::Json(json!({ "a": 1 })), Body::Empty);
    let tls = garbage.url().replace("http:", "https:");
    for (url, method, body, sent, class) in [
        (refused.as_str(), "POST", &json, Sent::No, "connect"),
        (refused.as_str(), "POST", &Body::Image(0), Sent::No, "connect"),
        (refused.as_str(), "GET", &none, Sent::No, "connect"),
        (&cuts.url(), "POST", &json, Sent::Maybe, "reset"),
        (&cuts.url(), "POST", &none, Sent::Maybe, "reset"),
        (&cuts.url(), "GET", &none, Sent::Maybe, "reset"),
        (&hangs.url(), "POST", &json, Sent::Maybe, "timeout"),
        (&halves.url(), "POST", &json, Sent::Maybe, "reset"),
        (&garbage.url(), "POST", &json, Sent::Maybe, "reset"),
        (&tls, "POST", &json, Sent::No, "tls"),
    ] {
        let mut request = request(method, url, body.clone());
        request.timeout_ms = if class == "timeout" { 100 } else { 5_000 };
        let reply = lost(world.exchange(&request, std::slice::from_ref(&input), url).await);
        assert_eq!((reply.0, reply.1), (sent, class), "{method} {body:?}: {}", reply.2);
    }
    // One connection for each call: nothing was tried again.
    assert_eq!((cuts.requests().len(), hangs.requests().len(), halves.requests().len()), (3, 1, 1));
}

#[tokio::test]
async fn refuses_before_anything_is_sent() {
    let world = World::new();
    let server = Server::start(|_| answer(200, "text/plain", b"")).await;
    let (here, elsewhere) = (server.url(), "https://www.example.com");
    let with = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (url, method, headers, body, said) in [
        (elsewhere, "GET", with("authorization", SECRET), Body::Empty, "the key may only go"),
        (elsewhere, "POST", vec![], Body::Json(json!({ "k": [SECRET] })), "the key may only go"),
        (
            "https://www.example.com/?k={{secret:api_key}}",
            "GET",
            vec![],
            Body::Empty,
            "the key may only go",
        ),
        ("https://{{secret:api_key}}.example.com/", "GET", vec![], Body::Empty, "no absolute URL"),
        ("http://127.0.0.1/", "GET", vec![], Body::Empty, "not on the public internet"),
        ("http://127.0.0.1:1/", "GET", vec![], Body::Empty, "port 1 is neither"),
        (&here, "PATCH", vec![], Body::Empty, "the method is none of"),
        (&here, "GET", with("Host", "x"), Body::Empty, "the header host is the gateway's"),
        (
            &here,
            "POST",
            with("content-type", "x/y"),
            Body::Multipart(vec![]),
            "the header content-type is",
        ),
        (&here, "GET", with("x", "a\r\nb: c"), Body::Empty, "the header x cannot be sent"),
        (&here, "PUT", vec![], Body::Image(0), "the body names image 0"),
    ] {
        let mut request = request(method, url, body);
        request.headers = headers;
        let (sent, class, detail) = lost(world.exchange(&request, &[], &here).await);
        assert_eq!((sent, class), (Sent::No, "blocked"));
        assert!(detail.contains(said), "{detail}");
        assert!(!detail.contains(KEY));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn lifts_images_out_of_answers() {
    let world = World::new();
    let bytes = png(200_000);
    let image = bytes.clone();
    let server = Server::start(move |request| match request.path() {
        "/json" => {
            let json = json!({ "data": [{ "b64_json": STANDARD.encode(&image) }], "n": 1 });
            answer(200, "text/plain", json.to_string().as_bytes())
        }
        _ => answer(200, "application/octet-stream", &image),
    })
    .await;
    let json = request("POST", &format!("{}/json", server.url()), Body::Json(json!({})));
    let json = answered(world.exchange(&json, &[], &server.url()).await);
    let stand_in =
        json!({ "data": [{ "b64_json": { "$blob": 0, "bytes": bytes.len() } }], "n": 1 });
    assert_eq!(serde_json::from_slice::<Value>(&json.body).unwrap(), stand_in);
    assert_eq!(json.head.body, BodyRef::Attach { attach: 0, bytes: json.body.len() as u64 });

    let whole = request("GET", &format!("{}/image", server.url()), Body::Empty);
    let whole = answered(world.exchange(&whole, &[], &server.url()).await);
    let mime = "image/png".to_owned();
    assert_eq!(whole.head.body, BodyRef::Blob { blob: 0, mime, bytes: bytes.len() as u64 });
    assert!(whole.body.is_empty());
    assert_eq!(whole.blobs, json.blobs);
    assert_eq!(whole.blobs[0].sha256.as_ref(), Some(&whole.blobs[0].name));
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn takes_answers_of_any_kind_within_bounds() {
    let world = World::new();
    let server = Server::start(|request| match request.path() {
        "/empty" => answer(204, "text/plain", b""),
        "/short" => answer(503, "text/plain", b"busy"),
        "/html" => answer(502, "text/html", b"<html><b>bad gateway</b></html>"),
        "/moved" => Act::Say(
            b"HTTP/1.1 302 Found\r\nlocation: /x\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        ),
        "/echo" => answer(401, "text/plain", format!("unknown key {KEY}").as_bytes()),
        "/long" => answer(200, "text/plain", &b"x".repeat((1 << 20) + 1)),
        "/forged" => answer(200, "application/json", br#"{"image":{"$blob":0,"bytes":1}}"#),
        "/huge" => answer(200, "image/png", &png(1_000_000)),
        _ => answer(200, "image/png", b"\x89PNG\r\n\x1a\nshort"),
    })
    .await;
    let call = |path: &str| request("GET", &format!("{}{path}", server.url()), Body::Empty);
    for (path, status, body) in [
        ("/empty", 204, ""),
        ("/short", 503, "busy"),
        ("/html", 502, "<html><b>bad gateway</b></html>"),
        ("/moved", 302, ""),
        ("/echo", 401, "unknown key [secret]"),
    ] {
        let answer = answered(world.exchange(&call(path), &[], &server.url()).await);
        assert_eq!((answer.head.status, &answer.body[..]), (status, body.as_bytes()), "{path}");
        assert!(!answer.head.headers.iter().any(|(name, _)| name == "set-cookie"));
    }
    for (path, class, said) in [
        ("/long", "too_large", "more than 1048576 bytes beside its images"),
        ("/forged", "blocked", "the key `$blob` is reserved; rename it"),
        (
            "/huge",
            "too_large",
            "image 0: the image is larger than 1000000 bytes; send a smaller one",
        ),
        (
            "/broken",
            "blocked",
            "image 0: this is image/png whose header does not say its size; send a PNG, JPEG or WebP image",
        ),
    ] {
        let reply = lost(world.exchange(&call(path), &[], &server.url()).await);
        assert_eq!(reply, (Sent::Maybe, class, said.to_owned()));
    }
    let mut small = call("/html");
    small.max_response_bytes = 30;
    assert_eq!(lost(world.exchange(&small, &[], &server.url()).await).1, "too_large");
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let world = World::new();
    let server = Server::start(|_| answer(200, "text/plain", b"")).await;
    for method in ["POST", "GET"] {
        answered(
            world.exchange(&request(method, &server.url(), Body::Empty), &[], &server.url()).await,
        );
    }
    let got = server.requests();
    assert_eq!(got[0].header("content-length"), Some("0"));
    assert_eq!(got[1].header("content-length"), None);
}

#[tokio::test]
async fn an_allowed_network_is_dialled_through_its_gate_and_without_the_key() {
    let server = Server::start(|_| answer(200, "text/plain", b"hello")).await;
    let port = server.port();
    let world = World::with(&[format!("127.0.0.0/8:{port}")], Limits::default());
    let elsewhere = "https://provider.example";
    let plain = request("GET", &server.url(), Body::Empty);
    assert_eq!(&answered(world.exchange(&plain, &[], elsewhere).await).body[..], b"hello");
    let mut keyed = plain;
    keyed.headers.push(("x-key".to_owned(), SECRET.to_owned()));
    assert_eq!(lost(world.exchange(&keyed, &[], elsewhere).await).1, "blocked");
}

#[tokio::test]
async fn downloads_a_result_over_redirects_and_without_credentials() {
    let world = World::new();
    let bytes = png(400_000);
    let image = bytes.clone();
    let server = Server::start(move |request| match request.path() {
        "/3" => redirect("/2"),
        "/2" => redirect("1?sig=x"),
        "/1" => redirect("//"),
        "/1?sig=x" => redirect("/0"),
        _ => answer(200, "text/html", &image),
    })
    .await;
    let origins = [Origin::parse(&server.url()).unwrap()];
    let stored = world.upstream.download(&format!("{}/3", server.url()), &origins).await.unwrap();
    assert_eq!(
        (stored.bytes, stored.mime.as_str(), stored.width),
        (bytes.len() as u64, "image/png", 2)
    );
    assert_eq!(stored.sha256.as_ref(), Some(&stored.name));
    let got = server.requests();
    assert_eq!(got.len(), 4);
    assert!(
        got.iter().all(|r| r.header("authorization").is_none() && r.header("referer").is_none())
    );
}

#[tokio::test]
async fn a_download_that_fails_says_why_and_leaves_nothing() {
    let limits = Limits { stall: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(&[], limits);
    let inside = Server::start(|_| answer(200, "image/png", &png(10))).await;
    let target = inside.url();
    let server = Server::start(move |request| match request.path() {
        "/inside" => redirect(&target),
        "/meta" => redirect("http://169.254.169.254/latest"),
        "/file" => redirect("file:///etc/passwd"),
        "/nowhere" => Act::Say(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_vec()),
        "/loop" => redirect("/loop"),
        "/gone" => answer(404, "text/plain", b"gone"),
        "/html" => answer(200, "image/png", b"<html>expired</html>"),
        "/big" => answer(200, "image/png", &png(1_000_000)),
        "/cut" => Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n\x89PNG".to_vec()),
        "/stall" => Act::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n\x89PNG".to_vec()),
        _ => Act::Hang(Vec::new()),
    })
    .await;
    let origins = [Origin::parse(&server.url()).unwrap()];
    for (path, expected) in [
        ("/inside", "Blocked"),
        ("/meta", "Blocked"),
        ("/file", "Blocked"),
        ("/nowhere", "Blocked"),
        ("/loop", "TooManyRedirects"),
        ("/gone", "Status(404)"),
        ("/html", "Image(NotAnImage"),
        ("/big", "Image(TooLarge"),
        ("/cut", "Unreachable"),
        ("/stall", "Timeout"),
        ("/", "Timeout"),
    ] {
        let error = world
            .upstream
            .download(&format!("{}{path}", server.url()), &origins)
            .await
            .unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{path}: {error:?}");
    }
    assert!(inside.requests().is_empty());
    let private = world.upstream.download(&inside.url(), &origins).await.unwrap_err();
    assert!(matches!(private, DownloadError::Blocked(_)), "{private:?}");
    assert!(matches!(
        DownloadError::from(SpoolError::Io(std::io::Error::other("x"))),
        DownloadError::Io(_)
    ));
    world.images.sync().await.unwrap();
    assert_eq!(world.files(), 0);
}

fn redirect(to: &str) -> Act {
    Act::Say(
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes(),
    )
}
