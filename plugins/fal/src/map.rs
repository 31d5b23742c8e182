//! Our words and fal's: a job becomes a model's input, and its output a result.

use retouch_sdk::{Done, Failure, Image, Job, Output, Params, Response, Retry};
use serde_json::{Map, Value, json};

use crate::model::{Fields, Images};
use crate::wire::Picture;
use crate::{fail, form};

/// Where a model takes it, it says how many pictures to make.
const COUNT: &str = "num_images";

/// The submit's body.
pub(crate) fn input(job: &Job, fields: &Fields) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("prompt".to_owned(), json!(job.prompt));
    body.extend(images(job, fields)?);
    body.extend(mask(job, fields)?);
    if fields.several {
        // Said even for one: some models make more unasked.
        body.insert(COUNT.to_owned(), json!(job.n.max(1)));
    }
    body.extend(form::fields(job, fields.shape));
    body.extend(same(&job.params, fields));
    for (name, value) in &job.options {
        if body.contains_key(name) {
            let message = format!("provider_options.{name}: set by the request's own fields");
            return Err(Failure::invalid_request(message));
        }
        body.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(body))
}

/// What a result comes to.
pub(crate) fn done(pictures: &[Picture], answer: &Response) -> Result<Done, Failure> {
    let outputs: Vec<Output> = pictures.iter().map(output).collect();
    if outputs.iter().any(|output| !matches!(output, Output::Failed(_))) {
        // fal counts units of its own, which are no money.
        return Ok(Done::new(outputs));
    }
    let why = outputs.into_iter().find_map(|output| match output {
        Output::Failed(failure) => Some(failure),
        Output::Url(_) | Output::Blob(_) | Output::Inline(_) => None,
    });
    Err(why.unwrap_or_else(|| fail::no_picture(answer)))
}

fn output(picture: &Picture) -> Output {
    if picture.unsafe_ {
        return Output::Failed(fail::blacked_out());
    }
    match &picture.url {
        Value::String(url) if url.starts_with("http") => Output::url(url),
        Value::String(text) if !text.starts_with("data:") => Output::Failed(fail::no_link()),
        data => Output::embedded(data).unwrap_or_else(Output::Failed),
    }
}

fn images(job: &Job, fields: &Fields) -> Result<Option<(String, Value)>, Failure> {
    let Images { field, many } = &fields.images;
    let mut handles: Vec<Value> =
        (0..).zip(&job.inputs).map(|(n, _)| Image(n).as_data_uri()).collect();
    if *many {
        return Ok(Some((field.clone(), Value::Array(handles))));
    }
    if handles.len() > 1 {
        return Err(unable("image: this model takes one picture; send one, or use another model"));
    }
    Ok(handles.pop().map(|handle| (field.clone(), handle)))
}

fn mask(job: &Job, fields: &Fields) -> Result<Option<(String, Value)>, Failure> {
    let handle = (0..).map(Image).nth(job.inputs.len()).filter(|_| job.mask.is_some());
    match (handle, fields.mask) {
        (None, _) => Ok(None),
        (Some(handle), Some(field)) => Ok(Some((field.to_owned(), handle.as_data_uri()))),
        (Some(_), None) => Err(unable("mask: this model takes none; use another model")),
    }
}

/// Not possible here, though perhaps elsewhere.
fn unable(message: &str) -> Failure {
    Failure::invalid_request(message).retry(Retry::Elsewhere)
}

fn same(params: &Params, fields: &Fields) -> Map<String, Value> {
    let given = [
        ("seed", params.seed.map(Value::from)),
        ("negative_prompt", params.negative_prompt.clone().map(Value::from)),
        ("quality", params.quality.clone().map(Value::from)),
        ("background", params.background.clone().map(Value::from)),
        ("input_fidelity", params.input_fidelity.clone().map(Value::from)),
    ];
    let taken = given.into_iter().filter(|(name, _)| fields.same.contains(name));
    let mut said: Map<String, Value> =
        taken.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    // The gateway makes the others of whatever comes.
    let format = params.output_format.as_deref().filter(|format| fields.formats.contains(format));
    said.extend(format.map(|format| ("output_format".to_owned(), json!(format))));
    said
}

#[cfg(test)]
mod tests;
