//! The sandbox through its wire: a started server and a client, nothing in between.

use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::*;

const EDIT: &str = "/openapi/v2/rhart-image-n-pro/edit";
const UPLOAD: &str = "/openapi/v2/media/upload/binary";
const GUIDE_UPLOAD: &str = "/v1/file/upload";

/// A sandbox whose time stands still until told otherwise, and a client with a key.
struct Bench {
    sandbox: Sandbox,
    client: Client,
    clock: Arc<AtomicU64>,
}

impl Bench {
    async fn immediate() -> Self {
        Self::with(|options| options.speed = Speed::IMMEDIATE).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let hand = Arc::clone(&clock);
        let now: Now = Arc::new(move || Duration::from_millis(hand.load(Ordering::SeqCst)));
        let mut options = Options { now, ..Options::default() };
        change(&mut options);
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let sandbox = Sandbox::start(listen, options).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { sandbox, client, clock }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.origin())
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        self.client.post(self.url(path)).bearer_auth("key").body(body.to_string()).send().await
    }

    async fn ask(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn upload(&self, path: &str, file: &[u8]) -> reqwest::Response {
        let mut body = b"--b\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nx\r\n--b\r\n\
            content-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"
            .to_vec();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request = self.client.post(self.url(path)).bearer_auth("key").body(body);
        request.header("content-type", "multipart/form-data; boundary=b").send().await.unwrap()
    }

    async fn uploaded(&self, path: &str) -> String {
        let answer = self.upload(path, &photo()).await.bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((&answer["code"], &answer["message"]), (&json!(0), &json!("success")));
        assert_eq!(answer["data"]["size"], photo().len().to_string());
        assert!(answer["data"]["fileName"].as_str().unwrap().starts_with("openapi/"));
        answer["data"]["download_url"].as_str().unwrap().to_owned()
    }

    async fn submit(&self, prompt: &str) -> Value {
        self.ask(EDIT, &self.order(prompt)).await
    }

    fn order(&self, prompt: &str) -> Value {
        json!({ "imageUrls": [data_uri(&photo())], "prompt": prompt, "resolution": "1k" })
    }

    async fn query(&self, submitted: &Value) -> Value {
        self.ask("/openapi/v2/query", &json!({ "taskId": submitted["taskId"] })).await
    }

    async fn get(&self, url: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    }

    async fn picture(&self, answer: &Value) -> DynamicImage {
        assert_eq!(answer["status"], "SUCCESS", "{answer}");
        let (status, bytes) = self.get(answer["results"][0]["url"].as_str().unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        #[expect(clippy::disallowed_methods, reason = "a picture of our own")]
        image::load_from_memory(&bytes).unwrap()
    }
}

fn photo() -> Vec<u8> {
    let picture = RgbImage::from_fn(120, 80, |x, y| Rgb([2 * x as u8, 3 * y as u8, 200]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn data_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", data_encoding::BASE64.encode(bytes))
}

#[tokio::test]
async fn an_edit_goes_from_upload_to_download() {
    let bench = Bench::immediate().await;
    for path in [UPLOAD, GUIDE_UPLOAD] {
        let url = bench.uploaded(path).await;
        assert_eq!(bench.get(&url).await, (StatusCode::OK, photo()));
        let order = json!({ "imageUrls": [url], "prompt": "变成黑白", "resolution": "1k",
                            "aspectRatio": "1:1" });
        let submitted = bench.ask(EDIT, &order).await;
        assert_eq!(submitted["status"], "QUEUED");
        assert_eq!(submitted["taskId"].as_str().unwrap().len(), 19);

        let done = bench.query(&submitted).await;
        assert_eq!(done["usage"]["thirdPartyConsumeMoney"], "0");
        let picture = bench.picture(&done).await.to_rgb8();
        assert_eq!(picture.dimensions(), (80, 80));
        assert!(picture.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
    }
    bench.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_task_takes_its_time_and_says_so_on_both_query_routes() {
    let second = Duration::from_secs(1);
    let bench = Bench::with(|options| options.speed = Speed::between(second, second)).await;
    let submitted = bench.submit("a red hat").await;
    let legacy = json!({ "apiKey": "key", "taskId": submitted["taskId"] });
    for (at, status, code) in [(0, "QUEUED", 813), (500, "RUNNING", 804), (1000, "SUCCESS", 0)] {
        bench.clock.store(at, Ordering::SeqCst);
        let answer = bench.query(&submitted).await;
        assert_eq!((&answer["status"], &answer["taskId"]), (&json!(status), &submitted["taskId"]));
        assert_eq!(answer["results"].is_null(), status != "SUCCESS");
        assert_eq!(bench.ask("/task/openapi/outputs", &legacy).await["code"], code);
    }
}

#[tokio::test]
async fn refusals_carry_their_code_and_no_task() {
    let bench = Bench::immediate().await;
    let foreign =
        json!({ "imageUrls": ["https://example.com/a.png"], "prompt": "p", "resolution": "1k" });
    let gone =
        json!({ "imageUrls": [bench.url("/files/none.png")], "prompt": "p", "resolution": "1k" });
    let text = json!({ "imageUrls": [data_uri(b"no picture")], "prompt": "p", "resolution": "1k" });
    let heavy =
        json!({ "imageUrls": [data_uri(&vec![0; 6 << 20])], "prompt": "p", "resolution": "1k" });
    let cases = [
        (json!("not an order"), "1007"),
        (foreign, "1013"),
        (gone, "1013"),
        (text, "1013"),
        (heavy, "1008"),
        (bench.order("sandbox:refuse"), "1520"),
        (bench.order("sandbox:badkey"), "802"),
        (bench.order("sandbox:slwo"), "1007"),
    ];
    for (order, code) in cases {
        let answer = bench.ask(EDIT, &order).await;
        let shown = (&answer["errorCode"], &answer["taskId"], &answer["status"]);
        assert_eq!(shown, (&json!(code), &json!(""), &json!("")), "{answer}");
    }
    let limited = bench.post(EDIT, &bench.order("sandbox:ratelimit")).await.unwrap();
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    let unknown = bench.query(&json!({ "taskId": "1234567890123456789" })).await;
    assert_eq!(unknown["errorCode"], "1004");
}

#[tokio::test]
async fn requests_without_a_key_or_with_the_wrong_method_are_told_as_the_service_tells_them() {
    let bench = Bench::immediate().await;
    let flat = async |request: reqwest::RequestBuilder| -> Value {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let keyless = bench.client.post(bench.url(EDIT)).body(bench.order("p").to_string());
    assert_eq!(flat(keyless).await["errorCode"], "806");
    assert_eq!(flat(bench.client.post(bench.url(UPLOAD))).await["code"], 401);
    assert_eq!(flat(bench.client.get(bench.url("/openapi/v2/query"))).await["errorCode"], "1009");
    let status = bench.client.get(bench.url("/openapi/v2/queue/status")).bearer_auth("key");
    assert_eq!(flat(status).await["data"]["runningCount"], "0");
}

#[tokio::test]
async fn accepted_tasks_go_wrong_as_their_prompt_asks() {
    let bench = Bench::immediate().await;

    let moderated = bench.submit("sandbox:moderate").await;
    assert_eq!((&moderated["status"], &moderated["errorCode"]), (&json!("FAILED"), &json!("1501")));
    assert_eq!(bench.query(&moderated).await, moderated);

    let failing = bench.submit("sandbox:fail").await;
    assert_eq!(failing["status"], "QUEUED");
    assert_eq!(bench.query(&failing).await["errorCode"], "1015");

    let instant = bench.submit("grayscale sandbox:instant").await;
    assert_eq!(bench.picture(&instant).await.width(), 120);

    let empty = bench.submit("sandbox:empty").await;
    assert_eq!(bench.query(&empty).await["results"], Value::Null);

    let flaky = bench.submit("sandbox:flaky").await;
    let question = json!({ "taskId": flaky["taskId"] });
    for expected in [StatusCode::BAD_GATEWAY, StatusCode::BAD_GATEWAY, StatusCode::OK] {
        let answer = bench.post("/openapi/v2/query", &question).await.unwrap();
        assert_eq!(answer.status(), expected);
    }

    let bad_link = bench.submit("sandbox:badlink").await;
    let first = bench.query(&bad_link).await;
    let (status, _) = bench.get(first["results"][0]["url"].as_str().unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    bench.picture(&bench.query(&bad_link).await).await;
}

#[tokio::test]
async fn answers_get_lost_in_three_ways() {
    let bench = Bench::immediate().await;
    let lost = bench.post(EDIT, &bench.order("sandbox:lose")).await.unwrap_err();
    assert!(lost.is_request() && lost.status().is_none(), "{lost:?}");
    let garbled = bench.post(EDIT, &bench.order("sandbox:html")).await.unwrap();
    assert_eq!(garbled.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(garbled.text().await.unwrap().starts_with("<html>"));
    let no_id = bench.submit("sandbox:noid").await;
    assert_eq!((&no_id["taskId"], &no_id["status"]), (&json!(""), &json!("QUEUED")));
}

#[tokio::test]
async fn without_the_guide_s_upload_path_it_is_a_404() {
    let bench = Bench::with(|options| options.guide_upload = false).await;
    let answer = bench.upload(GUIDE_UPLOAD, &photo()).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    bench.uploaded(UPLOAD).await;
}

#[tokio::test]
async fn uploads_are_refused_unless_they_are_pictures_of_bearable_size() {
    let bench = Bench::immediate().await;
    for (file, code) in [(b"%PDF-1.7".to_vec(), 808), (vec![0; 30 << 20], 809)] {
        let answer = bench.upload(UPLOAD, &file).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["code"], code);
    }
}

#[tokio::test]
async fn everything_lies_behind_the_prefix() {
    let bench = Bench::immediate().await;
    let origin = bench.sandbox.origin();
    assert_eq!(origin.path().len(), 33);
    for path in ["/", "/openapi/v2/query", "/files/a.png", "/0123/"] {
        let url = origin.join(path).unwrap();
        assert_eq!(bench.get(url.as_str()).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let open = Bench::with(|options| options.hidden = false).await;
    for url in [origin.to_string(), bench.url("/"), open.sandbox.origin().to_string()] {
        let (status, page) = bench.get(&url).await;
        let page = String::from_utf8(page).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert!(MISBEHAVIOURS.iter().all(|known| page.contains(known.word)));
        assert!(page.contains("马赛克") && page.contains("pixelate"));
    }
}

#[tokio::test]
async fn a_stopped_sandbox_leaves_its_port() {
    let bench = Bench::immediate().await;
    let submitted = bench.submit("grayscale").await;
    bench.picture(&bench.query(&submitted).await).await;
    let url = bench.url("/");
    bench.sandbox.shutdown().await;
    assert!(bench.client.get(url).send().await.unwrap_err().is_connect());
}

#[test]
fn tasks_take_between_the_shortest_and_the_longest() {
    let speed = Speed::default();
    let table = [(0, 1.0), (u32::MAX, 3.0), (u32::MAX / 2, 2.0)];
    for (lot, seconds) in table {
        assert!((speed.of(lot).as_secs_f64() - seconds).abs() < 1e-6);
    }
}

#[test]
fn the_origin_can_be_called_even_where_it_listens_everywhere() {
    let table =
        [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")];
    for (listen, expected) in table {
        assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
    }
}
