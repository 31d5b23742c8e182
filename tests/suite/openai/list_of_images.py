"""A list of images, with fields the client does not know."""

import base64
from pathlib import Path

from openai import OpenAI

client = OpenAI()
result = client.images.edit(
    image=[open("one.png", "rb"), open("two.png", "rb")],
    prompt="put the second into the first",
    extra_body={"aspect_ratio": "4:3", "resolution": "2K"},
)
Path("out.png").write_bytes(base64.b64decode(result.data[0].b64_json))
