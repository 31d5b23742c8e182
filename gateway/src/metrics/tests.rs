use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn facts() -> Facts {
    let provider = |id: &str, state| Provider { id: id.to_owned(), open: 2, places: 3, state };
    Facts {
        revision: 4,
        is_refused: true,
        is_degraded: false,
        reloads: Counts {
            published: 3,
            unchanged: 1,
            refused: 2,
            tried: 1_800_000_000_999,
            found_good: 1_700_000_000_000,
        },
        load: Load { unfinished: 7, in_line: 5 },
        providers: vec![provider("acme", "cooling"), provider("off", DISABLED)],
    }
}

/// The samples of a text, by name with labels.
fn samples(text: &str) -> BTreeMap<&str, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(n, v)| (n, v.parse().unwrap())).collect()
}

#[test]
fn tells_how_the_gateway_stands() {
    let text = told(&facts());
    let samples = samples(&text);
    let version = format!("retouch_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        (version.as_str(), 1),
        ("retouch_catalog_revision", 4),
        ("retouch_catalog_reloads_total{outcome=\"published\"}", 3),
        ("retouch_catalog_reloads_total{outcome=\"unchanged\"}", 1),
        ("retouch_catalog_reloads_total{outcome=\"refused\"}", 2),
        ("retouch_catalog_last_attempt_timestamp_seconds", 1_800_000_000),
        ("retouch_catalog_last_success_timestamp_seconds", 1_700_000_000),
        ("retouch_catalog_refused", 1),
        ("retouch_catalog_degraded", 0),
        ("retouch_jobs_unfinished", 7),
        ("retouch_jobs_in_line", 5),
        ("retouch_provider_places_open{provider=\"acme\"}", 2),
        ("retouch_provider_places_limit{provider=\"off\"}", 3),
        ("retouch_provider_health{provider=\"acme\",state=\"cooling\"}", 1),
        ("retouch_provider_health{provider=\"acme\",state=\"free\"}", 0),
        ("retouch_provider_health{provider=\"off\",state=\"disabled\"}", 1),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in {text}");
    }
}

#[test]
fn a_provider_is_in_one_state() {
    let text = told(&facts());
    let of = |id: &str| {
        let samples = samples(&text);
        let own = samples.iter().filter(|(n, _)| n.starts_with("retouch_provider_health{"));
        own.filter(|(n, _)| n.contains(&format!("\"{id}\""))).map(|(_, v)| *v).collect::<Vec<_>>()
    };
    for id in ["acme", "off"] {
        assert_eq!((of(id).len(), of(id).iter().sum::<u64>()), (8, 1));
    }
}

#[test]
fn every_family_has_its_help_and_type_once_and_a_name_of_the_right_form() {
    let text = told(&facts());
    let of = |mark: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(mark));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let (helps, types) = (of("# HELP "), of("# TYPE "));
    assert_eq!(helps, types);
    assert_eq!(helps.iter().collect::<BTreeSet<_>>().len(), helps.len());
    for name in &helps {
        assert!(name.starts_with("retouch_"), "{name}");
        let counts = text.contains(&format!("# TYPE {name} counter"));
        assert_eq!(name.ends_with("_total"), counts, "{name}");
    }
    for name in samples(&text).keys() {
        let family = name.split('{').next().unwrap();
        assert!(helps.iter().any(|help| help == family), "{name}");
    }
}
