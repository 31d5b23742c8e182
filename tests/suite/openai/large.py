"""A picture that is too large is an answer, not a broken connection."""

import openai

client = openai.OpenAI(max_retries=0)
picture = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(60_000_000)
try:
    client.images.edit(image=picture, prompt="grey")
    raise AssertionError("60 MB were taken")
except openai.APIStatusError as caught:
    assert caught.status_code == 413, caught
    assert (caught.code, caught.param) == ("image_too_large", "image")
