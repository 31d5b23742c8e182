//! What `retouch doctor` asks OpenAI, and what each answer is taken for.

use retouch_openai::{AzureEdit, OpenAiEdit};
use retouch_sdk::testing::{self, Reply};
use retouch_sdk::{Check, Mark};
use serde_json::{Value, json};

fn config(edit: &str) -> Value {
    json!({ "host": "https://api.openai.com", "endpoints": { "edit": edit }, "model": "gpt-image-1" })
}

#[test]
fn the_list_of_models_tells_key_and_model() {
    let config = config("/v1/images/edits");
    let check = testing::check::<OpenAiEdit>(&config);
    let [list] = check.questions.as_slice() else { panic!("{check:?}") };
    assert_eq!(
        (list.request.method.as_str(), list.request.url.as_str()),
        ("GET", "https://api.openai.com/v1/models")
    );
    let models = |id: &str| Reply::json(200, json!({ "object": "list", "data": [{ "id": id }] }));
    for (reply, mark, words) in [
        (models("gpt-image-1"), Mark::Ok, "has the model gpt-image-1"),
        (models("gpt-4o"), Mark::Warning, "not among its models"),
        (Reply::json(401, json!({ "error": {} })), Mark::Failed, "key is not accepted"),
        (Reply::text(404, "<html>"), Mark::Failed, "no such path"),
        (Reply::text(200, "<html>"), Mark::Failed, "web page"),
        (Reply::json(200, json!({})), Mark::Warning, "not of OpenAI's form"),
    ] {
        let check = testing::checked::<OpenAiEdit>(&config, "key", &reply);
        assert_eq!(check.findings[0].mark, mark, "{check:?}");
        assert!(check.findings[0].message.en.contains(words), "{check:?}");
    }
}

#[test]
fn another_form_of_path_has_no_free_question() {
    assert_eq!(testing::check::<OpenAiEdit>(&config("/edit")), Check::none());
    let azure = config("/openai/deployments/{model}/images/edits");
    assert_eq!(testing::check::<AzureEdit>(&azure), Check::none());
}
