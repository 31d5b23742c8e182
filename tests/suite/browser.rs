//! The browser of the harness: what tests of pages rely on.

use axum::{Router, response::Html};
use retouch_tests::{
    Browser,
    browser::Setup,
    server::{Bound, Server},
};
use serde_json::json;

const PAGE: &str = r#"<!doctype html><html><meta name="viewport" content="width=device-width">
<style>body { margin: 0; background: #fff } @media (prefers-color-scheme: dark) { body { background: #000 } }</style>
<label for="name">Name</label><input id="name" value="before"><button disabled>Save</button><p></p>
<script>
const [name, button, said] = ["input", "button", "p"].map((it) => document.querySelector(it));
name.oninput = () => (button.disabled = false);
button.onclick = () => fetch("/").then(() => (said.textContent = `saved ${name.value}`));
</script>"#;

fn page() -> (String, Server) {
    let bound = Bound::new();
    let port = bound.port();
    let server = bound.serve(Router::new().fallback(async || Html(PAGE)));
    (format!("http://page.test:{port}/"), server)
}

#[tokio::test]
async fn a_browser_does_what_a_person_does() {
    let (url, _server) = page();
    let setup = Setup { language: "zh-CN", size: (390, 844), hosts: &["*.test"] };
    let browser = Browser::with(setup).await;
    browser.goto(&url).await;
    assert_eq!(browser.url().await, url);
    browser.fill("#name", "a 名字").await;
    browser.click("button").await;
    assert_eq!(browser.until_text("p", "saved").await, "saved a 名字");
    assert_eq!(browser.text("label").await, "Name");

    let look = "const dark = matchMedia('(prefers-color-scheme: dark)').matches; \
                return [await Promise.resolve(navigator.language), dark, ...arguments]";
    assert_eq!(browser.run(look, json!([7])).await, json!(["zh-CN", false, 7]));
    let corner = async || {
        let shown = image::load_from_memory(&browser.screenshot().await).unwrap().to_rgb8();
        shown.get_pixel(0, shown.height() - 1).0
    };
    assert_eq!(corner().await, [255; 3]);
    browser.prefer("dark").await;
    assert_eq!(browser.run(look, json!([])).await, json!(["zh-CN", true]));
    assert_eq!(corner().await, [0; 3]);
    let width = "return innerWidth";
    assert_eq!(browser.run(width, json!([])).await, json!(390));
    browser.resize((1000, 700)).await;
    assert_eq!(browser.run(width, json!([])).await, json!(1000));
}
