"""Results as asked for: their format, their compression, and as links."""

import base64
import urllib.request

from openai import OpenAI

client = OpenAI()


def edited(**request):
    result = client.images.edit(image=open("one.png", "rb"), prompt="grey", **request)
    return result, base64.b64decode(result.data[0].b64_json or "")


_, png = edited()
assert png.startswith(b"\x89PNG\r\n\x1a\n")

result, jpeg = edited(output_format="jpeg", output_compression=90)
assert jpeg.startswith(b"\xff\xd8\xff")
assert result.output_format == "jpeg"
_, smaller = edited(output_format="jpeg", output_compression=10)
assert smaller.startswith(b"\xff\xd8\xff")
assert len(smaller) < len(jpeg), (len(smaller), len(jpeg))

result, webp = edited(output_format="webp")
assert (webp[:4], webp[8:12]) == (b"RIFF", b"WEBP")
assert result.output_format == "webp"

result, nothing = edited(response_format="url")
assert nothing == b""
with urllib.request.urlopen(result.data[0].url) as answer:
    assert answer.headers["content-type"] == "image/png"
    assert answer.read() == png
