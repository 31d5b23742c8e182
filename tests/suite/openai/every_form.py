"""One picture in every form the client takes; each is one edit."""

from pathlib import Path

from openai import OpenAI

client = OpenAI()
raw = Path("one.png").read_bytes()
forms = [
    open("one.png", "rb"),
    [open("one.png", "rb")],
    raw,
    [raw],
    Path("one.png"),
    ("holiday.png", raw),
    ("holiday.jpg", raw, "image/jpeg"),
    (None, raw),
]
for form in forms:
    result = client.images.edit(image=form, prompt="grey")
    assert len(result.data) == 1, form
    assert result.data[0].b64_json, form
