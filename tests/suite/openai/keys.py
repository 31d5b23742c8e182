"""A gateway with a client key: the wrong one is refused, the right one serves."""

import openai

wrong = openai.OpenAI(api_key="sk-wrong")
for ask in (
    lambda: wrong.models.list(),
    lambda: wrong.images.edit(image=open("one.png", "rb"), prompt="grey"),
):
    try:
        ask()
        raise AssertionError("any key is taken")
    except openai.AuthenticationError as caught:
        assert caught.code == "invalid_api_key"
        assert caught.request_id

right = openai.OpenAI(api_key="client-key-of-the-test")
assert right.images.edit(image=open("one.png", "rb"), prompt="grey").data[0].b64_json
