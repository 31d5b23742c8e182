use serde_json::json;

use super::*;
use crate::cli::words::{Language, Words};

fn out(language: Language) -> Out {
    Out { words: Words::of(language), json: false }
}

fn report(marks: &[(&str, &str)]) -> Report {
    let steps: Vec<_> = marks
        .iter()
        .map(|(step, mark)| {
            json!({ "step": step, "mark": mark, "took_ms": 12,
                    "message": { "zh": "看到", "en": "seen" }, "mend": { "zh": "改", "en": "mend it" } })
        })
        .collect();
    let ok = marks.iter().all(|(_, mark)| *mark != "failed");
    serde_json::from_value(json!({ "object": "provider_check", "provider": "shop", "name": "Shop",
        "ok": ok, "took_ms": 340, "price": { "amount": "0.40", "currency": "CNY" }, "steps": steps }))
    .unwrap()
}

#[test]
fn the_last_line_says_whether_it_works() {
    for (marks, words) in [
        (&[("dns", "ok"), ("key", "skipped")][..], "shop is in order: 2 steps"),
        (&[("dns", "ok"), ("upload", "warning")], "shop works, with 1 remarks"),
        (
            &[("dns", "ok"), ("key", "failed"), ("jobs", "failed")],
            "2 steps failed, first of all key",
        ),
    ] {
        let line = verdict(&report(marks), out(Language::En));
        assert!(line.contains(words) && line.contains("nothing charged"), "{line}");
    }
    let line = verdict(&report(&[("key", "failed")]), out(Language::Zh));
    assert!(line.contains("首先是“密钥”") && line.contains("没有计费"), "{line}");
}

#[test]
fn a_step_that_went_well_needs_no_mend() {
    let report = report(&[("dns", "ok"), ("result", "failed"), ("new", "warning")]);
    let cells = |step: &Step| rows(step, out(Language::En));
    assert_eq!(cells(&report.steps[0]), [["name", "ok", "12 ms", "seen"]]);
    let failed = cells(&report.steps[1]);
    assert_eq!(failed[0], ["result path", "FAILED", "12 ms", "seen"]);
    assert_eq!(failed[1][3], "-> mend it");
    assert_eq!(cells(&report.steps[2])[0][0], "new", "a step newer than this program");
    assert_eq!(report.price().as_deref(), Some("0.40 CNY"));
}
