"""The client's own retries must not pay a second time."""

import openai

client = openai.OpenAI(max_retries=2)
try:
    client.images.edit(image=open("one.png", "rb"), prompt="grey")
    raise AssertionError("the answer was lost")
except openai.InternalServerError as caught:
    assert caught.status_code == 502
    assert caught.code == "upstream_outcome_unknown"
    assert caught.response.headers["x-retouch-job"].startswith("job_")
    assert caught.response.request.headers["x-stainless-retry-count"] == "0"
