"""A client that gives up on each try too early gets the picture in the end, and pays once.

Says on stdout when it tries, so that the provider can be slower than any try but the last."""

import base64

import httpx2
import openai

tries = 0


def trying(request):
    global tries
    tries += 1
    print(f"try {tries}", request.headers["x-stainless-retry-count"], flush=True)


client = openai.OpenAI(
    timeout=2, max_retries=2, http_client=httpx2.Client(event_hooks={"request": [trying]})
)
raw = client.images.with_raw_response.edit(image=open("one.png", "rb"), prompt="grey")
open("out.png", "wb").write(base64.b64decode(raw.parse().data[0].b64_json))
print("job", raw.headers["x-retouch-job"])
