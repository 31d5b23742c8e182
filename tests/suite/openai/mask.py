"""A mask means something: where no provider can honour it, nothing is edited."""

import openai

client = openai.OpenAI()
try:
    client.images.edit(
        image=open("one.png", "rb"), mask=open("one.png", "rb"), prompt="grey"
    )
    raise AssertionError("a mask was dropped")
except openai.BadRequestError as caught:
    assert (caught.code, caught.param) == ("unsupported_parameter", "mask"), caught
