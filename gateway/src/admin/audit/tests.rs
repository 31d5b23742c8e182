use super::*;

async fn noted(by: &Operator, from: Option<IpAddr>, detail: Value) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let audit = Audit::open(dir.path()).unwrap();
    audit.note(by, from, "provider.update", "acme", detail).await;
    let mut page = audit.log.page(None, 2).unwrap();
    assert_eq!((page.records.len(), page.has_more), (1, false));
    page.records.remove(0)
}

#[tokio::test]
async fn a_record_says_who_did_what_when_and_from_where() {
    let by = Operator::Token;
    let from = "203.0.113.7".parse().ok();
    let mut record = noted(&by, from, json!({ "diff": "+a" })).await;
    let fields = record.as_object_mut().unwrap();
    let id = fields.remove("id").unwrap();
    assert!(id.as_str().unwrap().starts_with("act_"), "{id}");
    assert!(fields.remove("at").unwrap().is_u64());
    assert_eq!(
        record,
        json!({
            "by": by.to_string(), "from": "203.0.113.7", "action": "provider.update",
            "target": "acme", "detail": { "diff": "+a" },
        })
    );
}

#[tokio::test]
async fn what_is_too_long_or_secret_is_left_out() {
    let long = noted(&Operator::Local, None, json!({ "diff": "x".repeat(LONGEST) })).await;
    assert_eq!((&long["from"], &long["detail"]), (&Value::Null, &json!({ "left_out": 65_547 })));
    let secret = noted(&Operator::Local, None, json!({ "diff": "+ \"enc:v1:abc\"" })).await;
    assert_eq!(secret["detail"]["diff"], "+ \"[secret]\"");
}

#[tokio::test]
async fn what_cannot_be_noted_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let audit = Audit::open(dir.path()).unwrap();
    drop(dir);
    audit.note(&Operator::Local, None, "reload", "", Value::Null).await;
}
