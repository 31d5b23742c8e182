// Several pictures in and out, formats, links, and fields the client does not know.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";

import OpenAI from "openai";

const client = new OpenAI();
const edit = (request) =>
  client.images.edit({ image: createReadStream("one.png"), prompt: "grey", ...request });
const bytes = (result) => Buffer.from(result.data[0].b64_json, "base64");

const two = await edit({
  image: [createReadStream("one.png"), createReadStream("two.png")],
  n: 2,
});
assert.equal(two.data.length, 2);

const jpeg = await edit({ output_format: "jpeg", output_compression: 60 });
assert.equal(bytes(jpeg).subarray(0, 3).toString("hex"), "ffd8ff");
assert.equal(jpeg.output_format, "jpeg");
const webp = await edit({ output_format: "webp" });
assert.equal(bytes(webp).subarray(8, 12).toString(), "WEBP");

const linked = await edit({ response_format: "url" });
assert.equal(linked.data[0].b64_json, undefined);
const answer = await fetch(linked.data[0].url);
assert.equal(answer.headers.get("content-type"), "image/png");
assert.ok((await answer.arrayBuffer()).byteLength > 1000);

const { data, response, request_id } = await edit({
  aspect_ratio: "4:3",
  seed: 7,
  metadata: { order: "A-17", 客户: "张三" },
}).withResponse();
assert.ok(request_id);
assert.equal(response.headers.get("x-retouch-ignored"), "seed");
assert.deepEqual(data.retouch.ignored, ["seed"]);
console.log(data.retouch.job);
