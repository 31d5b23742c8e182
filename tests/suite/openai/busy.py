"""A provider that is busy: nothing was paid, so the client's own second try is welcome."""

import openai

picture = open("one.png", "rb").read()
try:
    openai.OpenAI(max_retries=0).images.edit(image=picture, prompt="grey")
    raise AssertionError("the provider was busy")
except openai.InternalServerError as caught:
    assert caught.status_code == 503
    assert caught.code == "provider_busy", caught
    assert caught.body["billed"] == "no", caught.body
    assert int(caught.response.headers["retry-after"]) > 0

client = openai.OpenAI(max_retries=2)
assert client.images.edit(image=picture, prompt="grey").data[0].b64_json
