//! TOML as JSON and back.

use serde_json::{Map, Number, Value as Json};
use toml_edit::{Array, InlineTable, Item, Table, Value};

use super::Unfit;

pub(super) fn of_table(table: &Table) -> Map<String, Json> {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect()
}

pub(super) fn of_item(item: &Item) -> Json {
    match item {
        Item::None => Json::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => Json::Object(of_table(table)),
        Item::ArrayOfTables(tables) => {
            tables.iter().map(|table| Json::Object(of_table(table))).collect()
        }
    }
}

pub(super) fn of_value(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::String(text.value().clone()),
        Value::Integer(number) => Json::from(*number.value()),
        // JSON knows no infinity.
        Value::Float(number) => match Number::from_f64(*number.value()) {
            Some(number) => Json::Number(number),
            None => Json::String(number.value().to_string()),
        },
        Value::Boolean(claim) => Json::Bool(*claim.value()),
        Value::Datetime(at) => Json::String(at.value().to_string()),
        Value::Array(items) => items.iter().map(of_value).collect(),
        Value::InlineTable(table) => Json::Object(
            table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect(),
        ),
    }
}

/// A value as TOML; `path` names it.
pub(super) fn to_toml(path: &str, value: &Json) -> Result<Value, Unfit> {
    let unfit = |what: &str, mend: &str| {
        Err(Unfit { path: path.to_owned(), what: what.to_owned(), mend: mend.to_owned() })
    };
    match value {
        Json::Null => unfit("cannot hold null", "leave it out"),
        Json::Bool(claim) => Ok(Value::from(*claim)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(Value::from(whole)),
            (None, Some(broken)) if !number.is_u64() => Ok(Value::from(broken)),
            (None, _) => unfit("is too large a number", "write a smaller one"),
        },
        Json::String(text) => Ok(Value::from(text.as_str())),
        Json::Array(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(n, item)| to_toml(&format!("{path}.{n}"), item));
            Ok(Value::Array(items.collect::<Result<Array, Unfit>>()?))
        }
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| Ok((key.as_str(), to_toml(&format!("{path}.{key}"), value)?)));
            Ok(Value::InlineTable(fields.collect::<Result<InlineTable, Unfit>>()?))
        }
    }
}

/// Without tables that hold nothing: whether one stands there says nothing.
pub(super) fn without_empty(fields: Map<String, Json>) -> Map<String, Json> {
    let fields = fields.into_iter().map(|(key, value)| (key, within(value)));
    fields.filter(|(_, value)| value.as_object().is_none_or(|inner| !inner.is_empty())).collect()
}

/// The same within a value; one of a list counts also when it is empty.
fn within(value: Json) -> Json {
    match value {
        Json::Object(inner) => Json::Object(without_empty(inner)),
        Json::Array(items) => Json::Array(items.into_iter().map(within).collect()),
        other => other,
    }
}
