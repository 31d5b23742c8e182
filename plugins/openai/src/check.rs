//! What OpenAI can be asked for nothing: the list of models, which tells the key and the model.

use retouch_sdk::prelude::*;

use crate::config::Site;

pub(crate) fn questions(site: &Site, cx: &Cx) -> Check {
    match site.list(cx) {
        Some(list) => Check::none().ask("key", list),
        None => Check::none(),
    }
}

pub(crate) fn heard(site: &Site, answer: &Response) -> Finding {
    if let Some(finding) = Finding::of_status("key", "endpoints.edit", answer) {
        return finding;
    }
    let Some(models) = answer.success().ok().and_then(models) else {
        return Finding::warning(
            "key",
            format!("模型列表没有按 OpenAI 的格式返回（HTTP {}）；密钥未能确认", answer.status()),
            format!(
                "the list of models is not of OpenAI's form (HTTP {}); the key was not seen",
                answer.status()
            ),
        )
        .mend("若是兼容服务，可用 --edit 做真实测试", "with a compatible service, try --edit");
    };
    let model = site.default_model().unwrap_or_default();
    if models.iter().any(|known| known == model) {
        return Finding::ok(
            "key",
            format!("密钥被接受，账户有模型 {model}"),
            format!("the key is accepted and has the model {model}"),
        );
    }
    Finding::warning(
        "key",
        format!("密钥被接受，但模型列表里没有 {model}"),
        format!("the key is accepted, but {model} is not among its models"),
    )
    .mend(
        "检查 model，或确认该账户/项目有权使用它",
        "check model, or whether the account or project may use it",
    )
}

fn models(answer: &Response) -> Option<Vec<String>> {
    let list: Value = answer.json().ok()?;
    let data = list.get("data")?.as_array()?;
    Some(data.iter().filter_map(|model| model.get("id")?.as_str().map(str::to_owned)).collect())
}
