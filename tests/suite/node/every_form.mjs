// One picture in every form the client takes, before and after the other fields.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";

import OpenAI, { toFile } from "openai";
import { toStreamingFile } from "openai/uploads";

const client = new OpenAI();
const raw = readFileSync("one.png");
const forms = [
  async () => createReadStream("one.png"),
  async () => [createReadStream("one.png")],
  async () => toFile(raw),
  async () => [await toFile(raw, "one.png", { type: "image/png" })],
  async () => toStreamingFile(createReadStream("one.png"), "one.png"),
  async () => new File([raw], "holiday.jpg", { type: "image/jpeg" }),
  async () => fetch(`data:image/png;base64,${raw.toString("base64")}`),
];
for (const form of forms) {
  for (const order of ["image", "prompt"]) {
    const request = order === "image"
      ? { image: await form(), prompt: "grey", n: 1 }
      : { prompt: "grey", n: 1, image: await form() };
    const result = await client.images.edit(request);
    assert.equal(result.data.length, 1, form.toString());
    assert.ok(result.data[0].b64_json, form.toString());
  }
}
