use http_body_util::BodyExt;
use retouch_sdk::{Body, Image, Part, SECRET};
use serde_json::{Value, json};

use super::*;
use crate::images::Kind;
use crate::secret::Secret;
use crate::upstream::fill::Filler;

struct Store {
    images: Images,
    _dir: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { images: Images::open(dir.path()).unwrap(), _dir: dir }
    }

    async fn add(&self, bytes: &[u8]) -> Stored {
        let mut spool = self.images.spool(Kind::Input).await.unwrap();
        spool.write(bytes).await.unwrap();
        spool.finish(false).await.unwrap()
    }

    async fn body(&self, body: &Body, inputs: &[Stored]) -> (OutBody, Option<String>) {
        let key = Secret::new("sk-1");
        let plan = Plan::of(body, inputs, Filler(Some(&key)), None).unwrap();
        let content_type = plan.content_type().map(str::to_owned);
        let body = plan.open(&self.images, inputs, Wire::default()).await.unwrap();
        (body, content_type)
    }

    async fn written(&self, body: &Body, inputs: &[Stored]) -> (String, Vec<u8>) {
        let (body, content_type) = self.body(body, inputs).await;
        let length = body.left();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len() as u64, length);
        (content_type.unwrap_or_default(), bytes.to_vec())
    }
}

fn png(padding: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x03".to_vec();
    bytes.extend((0..padding).map(|n| (n % 251) as u8));
    bytes
}

#[tokio::test]
async fn fills_images_and_key_into_json() {
    let store = Store::new();
    for padding in [0, 1, 2, RAW - 24, RAW - 23, 3 * RAW + 5] {
        let bytes = png(padding);
        let input = store.add(&bytes).await;
        let body = Body::Json(json!({
            "prompt": "say \"hi\"\n", "n": 1.5, "none": null, "list": [true, {}, []],
            "key": format!("Key {SECRET}"),
            "images": [Image(0).as_data_uri(), { "b64": Image(0).as_base64() }],
        }));
        let (content_type, written) = store.written(&body, &[input]).await;
        assert_eq!(content_type, "application/json");
        let base64 = STANDARD.encode(&bytes);
        assert_eq!(
            serde_json::from_slice::<Value>(&written).unwrap(),
            json!({
                "prompt": "say \"hi\"\n", "n": 1.5, "none": null, "list": [true, {}, []],
                "key": "Key sk-1",
                "images": [format!("data:image/png;base64,{base64}"), { "b64": base64 }],
            }),
        );
    }
}

#[tokio::test]
async fn writes_multipart_with_escaped_names_and_a_boundary_of_its_own() {
    let store = Store::new();
    let bytes = png(100_000);
    let input = store.add(&bytes).await;
    let body = Body::Multipart(vec![
        Part::text("a\"b\r\nc", format!("text {SECRET} 文")),
        Part::image("file", Image(0), "照片\".png"),
    ]);
    let (content_type, written) = store.written(&body, std::slice::from_ref(&input)).await;
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert!(boundary.len() <= 70);
    let mut expected = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"a%22b%0D%0Ac\"\r\n\r\n\
         text sk-1 文\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; \
         filename=\"照片%22.png\"\r\ncontent-type: image/png\r\n\r\n"
    )
    .into_bytes();
    expected.extend(&bytes);
    expected.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(written == expected);
    assert_ne!(store.written(&body, &[input]).await.0, content_type);
}

#[tokio::test]
async fn writes_forms_single_images_and_nothing() {
    let store = Store::new();
    let input = store.add(&png(10)).await;
    let form = Body::Form(vec![
        ("a b".to_owned(), format!("{SECRET}&=")),
        ("x".to_owned(), String::new()),
    ]);
    let (content_type, written) = store.written(&form, &[]).await;
    assert_eq!(
        (content_type.as_str(), written),
        ("application/x-www-form-urlencoded", b"a+b=sk-1%26%3D&x=".to_vec())
    );
    let (content_type, written) = store.written(&Body::Image(0), &[input]).await;
    assert_eq!((content_type.as_str(), written), ("image/png", png(10)));
    assert_eq!(store.written(&Body::Empty, &[]).await, (String::new(), Vec::new()));
}

#[tokio::test]
async fn twenty_megabytes_go_out_in_small_chunks_of_exact_total_length() {
    let store = Store::new();
    let bytes = png(20 << 20);
    let input = store.add(&bytes).await;
    for (body, frame) in
        [(Body::Json(json!({ "image": Image(0).as_base64() })), 12), (Body::Image(0), 0)]
    {
        let coded = if frame == 0 { bytes.len() } else { bytes.len().div_ceil(3) * 4 };
        let (mut body, _) = store.body(&body, std::slice::from_ref(&input)).await;
        let promised = http_body::Body::size_hint(&body).exact().unwrap();
        assert_eq!(promised, (coded + frame) as u64);
        let (mut total, mut largest) = (0, 0);
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            total += chunk.len();
            largest = largest.max(chunk.len());
            assert_eq!(body.left(), promised - total as u64);
        }
        assert_eq!((total as u64, largest), (promised, CHUNK));
    }
}

#[tokio::test]
async fn knows_whether_it_was_polled() {
    let store = Store::new();
    let wire = Wire::default();
    let plan = Plan::of(&Body::Json(json!({})), &[], Filler(None), None).unwrap();
    let body = plan.open(&store.images, &[], wire.clone()).await.unwrap();
    assert_eq!(wire.sent(), Sent::No);
    body.collect().await.unwrap();
    assert_eq!(wire.sent(), Sent::Maybe);
}

#[tokio::test]
async fn refuses_what_it_cannot_fill() {
    let store = Store::new();
    let input = store.add(&png(10)).await;
    let inputs = std::slice::from_ref(&input);
    for (body, said) in [
        (Body::Image(1), "the body names image 1, and the job has none of that number"),
        (
            Body::Json(json!([{ "$image": 7, "as": "base64" }])),
            "the body names image 7, and the job has none of that number",
        ),
        (
            Body::Json(json!({ "$image": 0, "as": "url" })),
            "the provider fetches images by URL, and no public_url is set under which it could",
        ),
        (
            Body::Json(json!({ "$image": 0 })),
            "the body's `$image` is not {\"$image\": number, \"as\": \"data_uri|base64|url\"}: missing field `as`",
        ),
        (
            Body::Json(json!([SECRET])),
            "the key may only go to the provider's own origin or a host of the plugin's label",
        ),
    ] {
        assert_eq!(Plan::of(&body, inputs, Filler(None), None).unwrap_err().to_string(), said);
    }
    store.images.remove(&input.name).await.unwrap();
    let plan = Plan::of(&Body::Image(0), inputs, Filler(None), None).unwrap();
    let error = plan.open(&store.images, inputs, Wire::default()).await.unwrap_err();
    assert!(matches!(error, OutError::Gone { index: 0, .. }));
}
