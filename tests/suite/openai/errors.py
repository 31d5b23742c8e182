"""Errors: the right exception with code, param and request id, and no second try."""

import openai

client = openai.OpenAI()


def error(kind, **request):
    try:
        client.images.edit(image=open("one.png", "rb"), **{"prompt": "grey", **request})
    except openai.APIStatusError as caught:
        assert type(caught) is kind, repr(caught)
        assert caught.request_id, "no x-request-id"
        return caught
    raise AssertionError(f"no error for {request}")


unknown = error(openai.NotFoundError, model="no-such-model")
assert (unknown.code, unknown.param) == ("model_not_found", "model")

field = error(openai.BadRequestError, extra_body={"aspect_ration": "1:1"})
assert (field.code, field.param) == ("unknown_parameter", "aspect_ration")
assert field.type == "invalid_request_error"

blocked = error(openai.BadRequestError, prompt="something bad")
assert (blocked.code, blocked.type) == ("moderation_blocked", "image_generation_user_error")

try:
    client.images.generate(prompt="a cat")
    raise AssertionError("generations are not served")
except openai.NotFoundError as caught:
    assert caught.code == "unsupported_endpoint"
