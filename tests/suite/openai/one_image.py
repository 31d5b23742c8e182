"""One image as an open file, and another as bare bytes."""

import base64
from pathlib import Path

from openai import OpenAI

client = OpenAI()
with open("one.png", "rb") as image:
    result = client.images.edit(model="gpt-image-1.5", image=image, prompt="grayscale")
assert result._request_id, "no x-request-id"
assert result.created > 1_700_000_000
assert len(result.data) == 1
Path("out.png").write_bytes(base64.b64decode(result.data[0].b64_json))

raw = client.images.with_raw_response.edit(
    model="gpt-image-1.5", image=Path("one.png").read_bytes(), prompt="grayscale"
)
assert raw.headers["x-request-id"]
assert raw.headers["x-retouch-job"].startswith("job_")
assert raw.parse().data[0].b64_json
