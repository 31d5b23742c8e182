// Errors: the right exception with code, param and request id, and no second try.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 2 });
const picture = readFileSync("one.png");

async function error(kind, request, from = client) {
  try {
    await from.images.edit({ image: await toFile(picture, "one.png"), prompt: "grey", ...request });
  } catch (caught) {
    assert.ok(caught instanceof kind, `${caught.constructor.name}: ${caught}`);
    assert.ok(caught.requestID, "no x-request-id");
    return caught;
  }
  assert.fail(`no error for ${Object.keys(request)}`);
}

// The provider's script: a moderated prompt, then an answer that is lost.
const blocked = await error(OpenAI.BadRequestError, { prompt: "something bad" });
assert.deepEqual([blocked.code, blocked.type], ["moderation_blocked", "image_generation_user_error"]);
const lost = await error(OpenAI.InternalServerError, {});
assert.deepEqual([lost.status, lost.code], [502, "upstream_outcome_unknown"]);
assert.equal(lost.headers.get("x-should-retry"), "false");

const mask = await error(OpenAI.BadRequestError, { mask: await toFile(picture, "mask.png") });
assert.deepEqual([mask.code, mask.param], ["unsupported_parameter", "mask"]);
const field = await error(OpenAI.BadRequestError, { aspect_ration: "1:1" });
assert.deepEqual([field.code, field.param], ["unknown_parameter", "aspect_ration"]);
const model = await error(OpenAI.NotFoundError, { model: "no-such-model" });
assert.deepEqual([model.code, model.param], ["model_not_found", "model"]);
const text = await error(OpenAI.BadRequestError, { image: await toFile(Buffer.from("no picture"), "a.png") });
assert.deepEqual([text.code, text.param], ["invalid_image", "image"]);
