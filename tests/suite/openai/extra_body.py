"""Fields the client does not know, nested ones among them; prints the job's id."""

from openai import OpenAI

raw = OpenAI().images.with_raw_response.edit(
    image=open("one.png", "rb"),
    prompt="grey",
    quality="high",
    extra_body={
        "metadata": {"order": "A-17", "客户": "张三"},
        "provider_options": {"aspectRatio": "16:9"},
        "resolution": "2k",
        "seed": 7,
        "timeout": 600,
    },
)
assert set(raw.headers["x-retouch-ignored"].split(", ")) == {"quality", "seed"}
extra = raw.parse().model_extra["retouch"]
assert sorted(extra["ignored"]) == ["quality", "seed"], extra
assert extra["job"] == raw.headers["x-retouch-job"]
assert extra["cost"]["amount"] == "0.14", extra
print(extra["job"])
