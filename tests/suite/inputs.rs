//! What must not come in: each is refused in OpenAI's form before anything is paid, with words
//! that say what to do, and costs no memory.
#![expect(clippy::print_stdout, reason = "how much memory it is, is worth knowing")]

mod bomb;
mod photo;
mod wire;

use std::io::Cursor;

use axum::{Router, response::Redirect, routing::get};
use image::ImageFormat;
use retouch_tests::{
    Answer, Client, Edit, Form, Gateway, Home, Memory, Provider, ProviderFile, Turn, pictures,
    server::{Bound, Server},
};
use serde_json::{Value, json};

use wire::{Answered, Body};

const EDITS: &str = "/v1/images/edits";
/// What any bad input may cost at most, in MiB.
const FLAT: u64 = 64;
/// How often a race is run that one side must never lose.
const TRIES: usize = 32;

/// A provider that answers with the result at once.
fn quick() -> Provider {
    Provider::scripted([Turn::AcceptDone; 8])
}

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

fn picture(content: &[u8]) -> Edit {
    Edit::without_picture("grey").picture(content.to_vec())
}

/// The picture that the provider got last.
async fn received(provider: &Provider) -> Vec<u8> {
    let ledger = provider.ledger();
    let link = ledger.submits.last().unwrap().body["imageUrls"][0].as_str().unwrap();
    Client::new(provider.origin()).get(link).await.expect(200).body.into()
}

#[tokio::test]
async fn what_is_no_picture_is_named_with_the_mend() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let many = (0..17).fold(Edit::without_picture("grey"), |edit, _| edit.picture(pictures::png()));
    let table = [
        (Edit::without_picture("grey"), "missing_image", "image", "`image`"),
        (many, "too_many_images", "image", "16"),
        (picture(b"Dear sir, the picture is attached."), "invalid_image", "image", "text"),
        (picture(b""), "invalid_image", "image", "PNG, JPEG or WebP"),
        (picture(b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff"), "invalid_image", "image", "GIF"),
        (picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "invalid_image", "image", "HEIC"),
        (picture(b"\x89PNG\r\n\x1a\n"), "invalid_image", "image", "PNG, JPEG or WebP"),
        (picture(&bomb::png()), "image_too_large", "image", "smaller"),
        (
            Edit::default().field("prompt", &"x".repeat(100 << 10)).picture(pictures::png()),
            "invalid_value",
            "prompt",
            "32000",
        ),
        (Edit::new("grey").field("colour", "red"), "unknown_parameter", "colour", "not a known"),
        (Edit::new(" "), "missing_prompt", "prompt", "say what"),
    ];
    for (edit, code, param, mend) in &table {
        for request in [client.post(EDITS, edit), client.post_json("/v1/jobs", &edit.json())] {
            let error = Answer::to(request).await.error(400, code);
            let named = error.param.as_deref().unwrap_or_default();
            assert!(named == *param || named.starts_with("images["), "{error:?}");
            assert!(error.message.contains(mend), "no `{mend}`: {error:?}");
            assert_eq!(error.kind, "invalid_request_error");
        }
    }
    provider.ledger().assert_paid(0, 0);
    assert!(provider.ledger().uploads.is_empty());
}

#[tokio::test]
async fn large_bodies_leave_memory_flat() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    client.edit(&Edit::new("warm up")).await.expect(200);
    let memory = Memory::of(gateway.pid());
    let idle = memory.begin();

    let large = picture(&large());
    let json = large.json().to_string().into_bytes();
    let parts = |name: &dyn Fn(usize) -> String| {
        let form = Form::new().text("prompt", "grey").file("image", &pictures::png());
        (0..10_000).fold(form, |form, n| form.text(&name(n), "x")).finish()
    };
    let images = (0..10_000).fold(Form::new(), |form, _| form.file("image[]", &pictures::png()));
    let table = [
        ("a 60 MB image", large.multipart(), 413, "image_too_large"),
        ("one in JSON", ("application/json".to_owned(), json), 413, "image_too_large"),
        ("10,000 fields", parts(&|n| format!("field{n}")), 400, "invalid_body"),
        ("10,000 keys", parts(&|n| format!("metadata[k{n}]")), 400, "invalid_body"),
        ("10,000 images", images.finish(), 400, "too_many_images"),
    ];
    for (name, (content_type, body), status, code) in table {
        let answer = wire::post(gateway.origin(), &content_type, Body::Whole(body)).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {name}"));
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(answer.body["error"]["code"], code, "{name}: {answer:?}");
        println!("{name}: {} MiB over {idle}", memory.peak() - idle);
    }
    let over = memory.peak() - idle;
    assert!(over <= FLAT, "{over} MiB over {idle}");
    client.edit(&Edit::new("still well")).await.expect(200);
    provider.ledger().assert_paid(2, 2);
}

/// 60 MB that begin like a picture.
fn large() -> Vec<u8> {
    let mut large = pictures::png();
    large.resize(60_000_000, 0);
    large
}

#[tokio::test]
async fn a_client_that_still_sends_gets_its_answer() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    // The seventeenth picture is refused with most of the form still to come. This client sends
    // before it reads, as Node's does: where the gateway hangs up right after its answer, the
    // answer is lost, and the client tries again.
    let form = (0..10_000).fold(Form::new(), |form, _| form.file("image[]", &pictures::png()));
    let (content_type, body) = form.finish();
    let body = bytes::Bytes::from(body);
    let mut lost = 0;
    for _ in 0..TRIES {
        let request = gateway.client().request(reqwest::Method::POST, EDITS);
        let sent = request.header("content-type", &content_type).body(body.clone()).send().await;
        lost += usize::from(!sent.is_ok_and(|answer| answer.status() == 400));
    }
    assert_eq!(lost, 0, "answers lost of {TRIES}");
}

#[tokio::test]
async fn endless_bodies_leave_memory_flat() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    gateway.client().edit(&Edit::new("warm up")).await.expect(200);
    let memory = Memory::of(gateway.pid());
    let mut greedy = Vec::new();
    for (name, begin, again) in endless() {
        let idle = memory.begin();
        let (content_type, _) = Form::new().finish();
        let body = Body::Endless { begin, again };
        let answer = wire::post(gateway.origin(), &content_type, body).await;
        let Some(Answered { status, body, sent }) = answer else {
            panic!("no answer to an endless {name}")
        };
        let over = memory.peak() - idle;
        println!("endless {name}: {status} after {sent} bytes, {over} MiB over {idle}");
        assert!((400..500).contains(&status), "endless {name}: {status} {body}");
        assert!(body["error"]["message"].is_string(), "endless {name}: {body}");
        if over > FLAT {
            greedy.push(format!("an endless {name} costs {over} MiB"));
        }
    }
    assert!(greedy.is_empty(), "{greedy:?}");
    gateway.client().edit(&Edit::new("still well")).await.expect(200);
    provider.ledger().assert_paid(2, 2);
}

/// Bodies without an end: what they begin with, and what comes again and again.
fn endless() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let begun = |form: Form, head: &str| {
        let (_, mut begin) = form.part(head, b"").unfinished();
        begin.truncate(begin.len() - 2);
        begin
    };
    let picture = || begun(Form::new(), "; name=\"image\"; filename=\"a.png\"");
    let noise = vec![b'x'; 64 << 10];
    let (_, part) = Form::new().text("user", "x").unfinished();
    vec![
        ("picture", [picture(), pictures::png()].concat(), noise.clone()),
        ("text", begun(Form::new(), "; name=\"prompt\""), noise.clone()),
        ("preamble", noise.clone(), noise.clone()),
        ("head of a part", begun(Form::new(), "")[..40].to_vec(), noise),
        ("row of fields", Vec::from(&part[..]), part.repeat(500)),
    ]
}

#[tokio::test]
async fn broken_forms_are_explained() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let good = || Form::new().text("prompt", "grey").file("image", &pictures::png());
    let (content_type, unfinished) = good().unfinished();
    let (_, mut nonsense) = good().finish();
    nonsense.reverse();
    let post = |content_type: &str, body: Vec<u8>| {
        let request = client.request(reqwest::Method::POST, EDITS);
        request.header("content-type", content_type).body(body)
    };
    let (_, whole) = good().finish();
    let broken = [
        ("no boundary named", post("multipart/form-data", whole.clone())),
        ("another boundary", post("multipart/form-data; boundary=other", whole.clone())),
        ("no end", post(&content_type, unfinished)),
        ("nothing", post(&content_type, Vec::new())),
        ("backwards", post(&content_type, nonsense)),
        ("no UTF-8", client.post_form(EDITS, good().part("; name=\"user\"", b"\xff\xfe"))),
        ("a part without a name", client.post_form(EDITS, good().part("", b"x"))),
        ("a name of brackets", client.post_form(EDITS, good().text("a[b][c", "x"))),
        (
            "two kinds of metadata",
            client.post_form(EDITS, good().text("metadata[a]", "x").text("metadata[]", "y")),
        ),
    ];
    for (what, request) in broken {
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        let body: Value = answer.json();
        assert_eq!(body["error"]["type"], "invalid_request_error", "{what}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().len() > 10, "{what}: {body}");
    }
    for content_type in ["text/plain", "image/png", "application/x-www-form-urlencoded"] {
        let answer = Answer::to(post(content_type, pictures::png())).await.expect(415);
        assert!(answer.text().contains("multipart/form-data"), "{}", answer.text());
    }
    // A client that hangs up in the middle is answered if at all, and harms nobody.
    if let Some(cut) = wire::post(gateway.origin(), &content_type, Body::Cut(whole)).await {
        assert!((400..500).contains(&cut.status), "{cut:?}");
    }
    provider.ledger().assert_paid(0, 0);
    client.edit(&Edit::new("still well")).await.expect(200);
}

/// A service that an operator allowed, which leads elsewhere.
fn links(elsewhere: &str) -> (String, Server) {
    let bound = Bound::new();
    let origin = bound.origin();
    let inside = format!("{elsewhere}/private.png");
    let router = Router::new()
        .route("/picture.png", get(async || pictures::png()))
        .route("/page", get(async || "<html>no picture</html>"))
        .route("/away", get(async move || Redirect::temporary(&inside)));
    (origin, bound.serve(router))
}

#[tokio::test]
async fn links_into_the_network_are_not_followed() {
    let (provider, inside) = (quick(), Provider::start());
    let (origin, _server) = links(inside.origin());
    let allowed = origin.strip_prefix("http://").unwrap();
    let home = Home::with([ProviderFile::runninghub("only", &provider)]);
    let gateway = home.settings(&format!("[egress]\nallow = [\"{allowed}\"]\n")).serve().await;
    let client = gateway.client();
    let edit = async |link: &str| {
        let body = json!({ "prompt": "grey", "images": [{ "image_url": link }] });
        Answer::to(client.post_json(EDITS, &body)).await
    };
    let port = inside.origin().rsplit(':').next().unwrap();
    let bad = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("{}/private.png", inside.origin()),
        format!("http://127.1:{port}/private.png"),
        format!("http://0x7f.1:{port}/private.png"),
        format!("http://2130706433:{port}/private.png"),
        format!("http://0177.0.0.1:{port}/private.png"),
        format!("http://[::1]:{port}/private.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/private.png"),
        format!("http://localhost:{port}/private.png"),
        format!("http://0.0.0.0:{port}/private.png"),
        "http://10.0.0.1/a.png".to_owned(),
        format!("http://user:pass@{allowed}/picture.png"),
        format!("http://{allowed}@127.0.0.1:{port}/private.png"),
        format!("{origin}/away"),
        "ftp://example.com/a.png".to_owned(),
        "http://".to_owned(),
    ];
    let mut words = Vec::new();
    for link in &bad {
        let answer = edit(link).await;
        assert_eq!(answer.status, 400, "{link}: {}", answer.text());
        let error = answer.error(400, "invalid_image");
        assert_eq!(error.param.as_deref(), Some("images[0].image_url"), "{link}: {error:?}");
        words.push(error.message);
    }
    // What is forbidden reads like what is not there: nobody looks around the network with us.
    let gone = edit(&format!("{origin}/gone.png")).await.error(400, "invalid_image");
    assert!(gone.message.contains("send the image itself"), "{}", gone.message);
    assert!(words[..14].iter().all(|message| *message == gone.message), "{words:#?}");
    assert!(inside.ledger().strays.is_empty(), "{:#?}", inside.ledger().strays);
    edit(&format!("{origin}/page")).await.error(400, "invalid_image");
    provider.ledger().assert_paid(0, 0);

    edit(&format!("{origin}/picture.png")).await.expect(200);
    assert_eq!(received(&provider).await, pictures::png());
}

#[tokio::test]
async fn a_phones_photo_arrives_upright_and_without_its_place() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let photo = photo::rotated();
    let holds = |file: &[u8], word: &[u8]| file.windows(word.len()).any(|window| window == word);
    assert!(holds(&photo, b"GPS") && holds(&photo, b"Exif") && !photo::is_upright(&photo));

    let edit = picture(&photo);
    let job = gateway.client().done(&edit).await.succeeded();
    let received = received(&provider).await;
    assert!(photo::is_upright(&received));
    assert!(!holds(&received, b"GPS") && !holds(&received, b"Exif"));
    assert_eq!((job.images[0].width, job.images[0].height), (90, 120));
    assert_eq!(provider.ledger().uploads.len(), 1, "one copy only");
}

#[tokio::test]
async fn webp_arrives_as_png_where_webp_is_not_taken() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let mut webp = Cursor::new(Vec::new());
    let png = image::load_from_memory(&pictures::png()).unwrap();
    png.write_to(&mut webp, ImageFormat::WebP).unwrap();
    gateway.client().done(&picture(&webp.into_inner())).await.succeeded();

    let received = received(&provider).await;
    assert_eq!(image::guess_format(&received).unwrap(), ImageFormat::Png);
    assert_eq!(image::load_from_memory(&received).unwrap().to_rgb8(), png.to_rgb8());
    assert!(provider.ledger().uploads[0].filename.ends_with(".png"));
}
