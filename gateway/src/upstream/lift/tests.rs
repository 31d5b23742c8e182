use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::image::STRIDE;
use super::rule::WORTH_A_FILE;
use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Lifts `input` cut at `cuts`; gives the rest and the images.
fn lift(
    rule: Rule,
    limit: usize,
    input: &[u8],
    cuts: &[usize],
) -> Result<(Vec<u8>, Vec<Vec<u8>>), LiftError> {
    let mut lifter = Lifter::new(rule, limit);
    let mut images: Vec<Vec<u8>> = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([input.len()]) {
        let to = to.clamp(from, input.len());
        let mut chunk = &input[from..to];
        from = to;
        while let Some(piece) = lifter.next(&mut chunk)? {
            match piece {
                Piece::Begin => images.push(Vec::new()),
                Piece::Data(bytes) => {
                    assert!(!bytes.is_empty() && bytes.len() <= STRIDE);
                    images.last_mut().unwrap().extend(bytes);
                }
                Piece::End => {}
            }
        }
        assert!(chunk.is_empty());
    }
    Ok((lifter.finish()?, images))
}

fn image(magic: &[u8], length: usize) -> Vec<u8> {
    let filler = (0..length).map(|n| (n * 7 % 253) as u8);
    magic.iter().copied().chain(filler).take(length.max(magic.len())).collect()
}

/// The same at every split into two, and byte by byte.
fn everywhere(rule: Rule, input: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), LiftError> {
    let whole = lift(rule, 1 << 20, input.as_bytes(), &[]);
    for at in (0..input.len()).step_by(1 + input.len() / 300) {
        assert_eq!(lift(rule, 1 << 20, input.as_bytes(), &[at]), whole, "split at {at}");
    }
    let each: Vec<usize> = (0..input.len()).collect();
    assert_eq!(lift(rule, 1 << 20, input.as_bytes(), &each), whole, "byte by byte");
    whole
}

#[test]
fn lifts_bare_base64_and_data_uris_of_every_format() {
    for (magic, mime) in [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x24\x20\0\0WEBPVP8 ", "image/webp"),
    ] {
        for length in [6200, 6201, 6202, 70_003] {
            let bytes = image(magic, length);
            let text = STANDARD.encode(&bytes);
            for value in [text.clone(), format!("data:{mime};base64,{text}")] {
                let input =
                    json!({ "a": "b", "data": [{ "b64_json": value }], "n": 1 }).to_string();
                let (rest, images) = everywhere(Rule::ANSWER, &input).unwrap();
                let expected = json!({ "a": "b", "data": [{ "b64_json": { "$blob": 0, "bytes": length } }], "n": 1 });
                assert_eq!(serde_json::from_slice::<Value>(&rest).unwrap(), expected);
                assert!(images == std::slice::from_ref(&bytes));
            }
        }
    }
}

#[test]
fn numbers_images_in_order() {
    let (one, two) = (image(PNG, 7_000), image(PNG, 8_000));
    let input = format!(r#"["{}","x","{}"]"#, STANDARD.encode(&one), STANDARD.encode(&two));
    let (rest, images) = everywhere(Rule::ANSWER, &input).unwrap();
    assert_eq!(rest, br#"[{"$blob":0,"bytes":7000},"x",{"$blob":1,"bytes":8000}]"#);
    assert_eq!(images, [one, two]);
}

#[test]
fn undoes_escapes_line_breaks_and_the_other_alphabet() {
    let bytes = image(PNG, 9_001);
    let standard = STANDARD.encode(&bytes);
    let mut lines = String::new();
    for (n, c) in standard.chars().enumerate() {
        lines.extend((n > 0 && n % 76 == 0).then_some("\\r\\n").into_iter().flat_map(str::chars));
        lines.push(c);
    }
    for written in [
        standard.replace('/', "\\/"),
        standard.replace('+', "\\u002B").replace('/', "\\u002f"),
        standard.trim_end_matches('=').to_owned(),
        lines,
        URL_SAFE_NO_PAD.encode(&bytes),
        format!("data:image\\/png;base64,{}", standard.replace('/', "\\/")),
        format!("\\u0064ATA:image/x-png;q=1;BASE64,{standard}"),
    ] {
        let (rest, images) = everywhere(Rule::ANSWER, &format!("{{\"b\":\"{written}\"}}")).unwrap();
        assert_eq!(rest, br#"{"b":{"$blob":0,"bytes":9001}}"#);
        assert!(images == std::slice::from_ref(&bytes));
    }
}

#[test]
fn other_text_stays_text() {
    let long = "long text ".repeat(2_000);
    let gif = STANDARD.encode(image(b"GIF89a", 9_000));
    let small = STANDARD.encode(image(PNG, 6_000));
    for input in [
        json!({ "a": long }).to_string(),
        json!([gif, format!("data:image/gif;base64,{gif}")]).to_string(),
        json!([small, format!("data:image/png;base64,{small}")]).to_string(),
        json!([
            "i",
            "iVBORw0KGgo",
            "/",
            "U",
            "data:",
            "data:image/png",
            "data:image/png,x",
            "$",
            "$other"
        ])
        .to_string(),
        json!(["$image", { "a": "$blob" }, "$images"]).to_string(),
        json!({ "$images": 1, "x$blob": 2, "é": "\\\"\u{8}\n" }).to_string(),
        format!("[\"data:image/{};base64,AAAA\"]", "x".repeat(200)),
        format!("{{\"a\":\"\\ud83d\\ude00\\u00e9\\q\\u12\",\"b\":\"{}\"", "\\\\\\\""),
        "[\"iVBOR\\u00\"]".to_owned(),
        "<html><a href=\"/9j/4AAQSkZJRgABAQ\">503</a>".to_owned(),
        "\"unfinished /9j/".to_owned(),
        "\"iVBORw0KGgoAAAANSUhEUg".to_owned(),
        String::new(),
    ] {
        let (rest, images) = everywhere(Rule::ANSWER, &input).unwrap();
        assert_eq!(String::from_utf8(rest).unwrap(), input);
        assert!(images.is_empty());
    }
}

#[test]
fn a_clients_data_uri_is_lifted_however_short_and_whatever_it_is() {
    for (magic, mime) in [(PNG, "image/png"), (b"GIF89a", "image/gif"), (b"", "image/png")] {
        let bytes = image(magic, magic.len());
        let uri = format!("data:{mime};base64,{}", STANDARD.encode(&bytes));
        let (rest, images) = everywhere(Rule::REQUEST, &json!([uri]).to_string()).unwrap();
        assert_eq!(
            String::from_utf8(rest).unwrap(),
            format!("[{{\"$blob\":0,\"bytes\":{}}}]", bytes.len())
        );
        assert_eq!(images, [bytes]);
    }
    let prompt = json!({ "prompt": "/9j/4AAQSkZJRgABAQ is how a JPEG begins" }).to_string();
    assert_eq!(everywhere(Rule::REQUEST, &prompt).unwrap().0, prompt.as_bytes());
}

#[test]
fn refuses_what_only_the_gateway_may_say_and_what_is_broken() {
    let text = STANDARD.encode(image(PNG, 9_000));
    let uri = format!("data:image/png;base64,{text}");
    let many = format!("[{}]", vec![format!("\"{uri}\""); 17].join(","));
    let end = text.len() - 1;
    for (input, error) in [
        (r#"{"a":[{"$blob":0}]}"#.to_owned(), LiftError::Reserved("$blob")),
        ("{\"\\u0024image\" \n : 0}".to_owned(), LiftError::Reserved("$image")),
        (format!("[\"{}*\"]", &text[..end]), LiftError::Base64(0)),
        (format!("[\"{text}=\\u00e9\"]"), LiftError::Base64(0)),
        (format!("[\"{text}A\"]"), LiftError::Base64(0)),
        (format!("[\"{text}==\"]"), LiftError::Base64(0)),
        (format!("[\"{text}"), LiftError::Cut(0)),
        (many, LiftError::TooManyImages { limit: 16 }),
    ] {
        let refused = lift(Rule::ANSWER, 1 << 20, input.as_bytes(), &[]);
        assert_eq!(refused.err(), Some(error.clone()), "{}", &input[..input.len().min(40)]);
        let pieces: Vec<usize> = (0..input.len()).step_by(7).collect();
        let refused = lift(Rule::ANSWER, 1 << 20, input.as_bytes(), &pieces);
        assert_eq!(refused.err(), Some(error));
    }
}

#[test]
fn the_rest_is_bounded_and_images_are_not_part_of_it() {
    let input =
        json!({ "image": STANDARD.encode(image(PNG, 100_000)), "t": "x".repeat(100) }).to_string();
    let rest = lift(Rule::ANSWER, 200, input.as_bytes(), &[]).unwrap().0;
    let fits = rest.len();
    assert!(lift(Rule::ANSWER, fits, input.as_bytes(), &[999]).is_ok());
    let error = lift(Rule::ANSWER, fits - 1, input.as_bytes(), &[999]).unwrap_err();
    assert_eq!(error, LiftError::TooLarge { limit: fits - 1 });
}

/// Any JSON, with images here and there.
fn any_json() -> impl Strategy<Value = Value> {
    let picture = (6_200_usize..9_000, any::<bool>()).prop_map(|(length, uri)| {
        let text = STANDARD.encode(image(PNG, length));
        Value::String(if uri { format!("data:image/png;base64,{text}") } else { text })
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\\\\"/$diU\n\u{e9}]{0,30}".prop_map(Value::from),
        "(data:image/png;base64,|iVBORw0KGgo|/9j/)[A-Za-z+/\"]{0,40}".prop_map(Value::from),
        picture,
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-z$\"\\\\]{0,7}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What lifting must leave of a parsed value.
fn expected(value: &mut Value, images: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => {
            let bare = text.strip_prefix("data:image/png;base64,").unwrap_or(text);
            let Ok(bytes) = STANDARD.decode(bare) else { return };
            if bytes.starts_with(PNG) && text.len() > WORTH_A_FILE {
                *value = json!({ "$blob": images.len(), "bytes": bytes.len() });
                images.push(bytes);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| expected(value, images)),
        Value::Object(map) => map.values_mut().for_each(|value| expected(value, images)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    // Each case decodes some images.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_json_in_any_chunks_is_what_parsing_it_whole_would_give(
        mut value in any_json(),
        slashes in any::<bool>(),
        mut cuts in prop::collection::vec(0_usize..40_000, 0..24),
    ) {
        let mut input = value.to_string();
        if slashes {
            input = input.replace('/', "\\/");
        }
        let mut wanted = Vec::new();
        // The object's own order is the order of the text: both come from `value`.
        expected(&mut value, &mut wanted);
        cuts.sort_unstable();
        let (rest, images) = lift(Rule::ANSWER, 1 << 24, input.as_bytes(), &cuts).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&rest).unwrap(), value);
        prop_assert!(images == wanted);
    }

    #[test]
    fn any_bytes_in_any_chunks_give_the_same(
        input in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\"\\\\u:/$iU ".to_vec())], 0..400),
        mut cuts in prop::collection::vec(0_usize..400, 0..24),
    ) {
        cuts.sort_unstable();
        prop_assert_eq!(lift(Rule::REQUEST, 1 << 20, &input, &cuts), lift(Rule::REQUEST, 1 << 20, &input, &[]));
    }
}
