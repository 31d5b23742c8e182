use retouch_sdk::testing::job;

use super::*;

const RATIOS: &[&str] = &["16:9", "4:3", "1:1", "3:4", "9:16"];
const TIERED: Shape = Shape::Ratio(RATIOS, &["1K", "2K", "4K"]);

#[test]
fn says_it_as_the_model_wants() {
    let size =
        |width: u32, height: u32| json!({ "image_size": { "width": width, "height": height } });
    for (shape, exact, ratio, tier, want) in [
        (TIERED, None, "", "", json!({})),
        (TIERED, None, "3:4", "2k", json!({ "aspect_ratio": "3:4", "resolution": "2K" })),
        (TIERED, None, "7:5", "", json!({ "aspect_ratio": "4:3" })),
        (TIERED, None, "", "4K", json!({ "resolution": "4K" })),
        (TIERED, None, "auto", "8K", json!({})),
        (TIERED, Some((1920, 1080)), "", "", json!({ "aspect_ratio": "16:9", "resolution": "2K" })),
        (TIERED, Some((256, 256)), "", "", json!({ "aspect_ratio": "1:1", "resolution": "1K" })),
        (TIERED, Some((0, 256)), "", "", json!({})),
        (Shape::Ratio(RATIOS, &[]), Some((256, 512)), "", "4K", json!({ "aspect_ratio": "9:16" })),
        (Shape::Pixels, Some((800, 600)), "", "", size(800, 600)),
        (Shape::Pixels, None, "1:1", "2K", size(2048, 2048)),
        (Shape::Pixels, None, "16:9", "", size(1360, 768)),
        (Shape::Pixels, None, "", "1K", size(1024, 1024)),
        (Shape::Named, None, "16:9", "", json!({ "image_size": "1536x1024" })),
        (Shape::Named, None, "", "", json!({})),
        (Shape::None, Some((800, 600)), "", "", json!({})),
        (Shape::Unknown, None, "3:4", "2K", json!({ "aspect_ratio": "3:4", "resolution": "2K" })),
        (Shape::Unknown, Some((800, 600)), "", "", size(800, 600)),
    ] {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut job = job("make it grey");
        job.params.size = exact.map(|(width, height)| Size { width, height });
        job.params.aspect_ratio = given(ratio);
        job.params.resolution = given(tier);
        let got = Value::Object(fields(&job, shape));
        assert_eq!(got, want, "{shape:?} {exact:?} {ratio} {tier}");
    }
}
