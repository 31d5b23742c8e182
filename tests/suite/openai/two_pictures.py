"""Two pictures of one request."""

import base64

from openai import OpenAI

result = OpenAI().images.edit(image=open("one.png", "rb"), prompt="grey", n=2)
assert len(result.data) == 2, result
for picture in result.data:
    assert base64.b64decode(picture.b64_json).startswith(b"\x89PNG")
