"""The models, a name a line."""

from openai import OpenAI

for model in OpenAI().models.list():
    assert model.object == "model"
    print(model.id)
