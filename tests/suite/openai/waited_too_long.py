"""An edit that takes longer than the request may wait goes on, and is not asked for again."""

import openai

client = openai.OpenAI(max_retries=2)
try:
    client.images.edit(image=open("one.png", "rb"), prompt="grey")
    raise AssertionError("the provider never finished")
except openai.InternalServerError as caught:
    assert caught.status_code == 504
    assert caught.code == "wait_timeout"
    assert caught.response.headers["x-should-retry"] == "false"
    assert caught.response.request.headers["x-stainless-retry-count"] == "0"
    print(caught.response.headers["x-retouch-job"])
