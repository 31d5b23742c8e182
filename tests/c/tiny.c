/* A whole provider in C, with nothing but the header: no JSON library, no memory of its own but
 * one small block for each configured provider.
 *
 * Its service takes one POST with a picture as base64 in JSON and answers with another:
 *
 *     {"prompt": "…", "image": "<base64>"}  ->  {"image": "<base64>", …}
 *
 * The gateway fills the picture in and lifts the result out, so no picture is ever seen here.
 *
 *   -DVERSION="…"   another version of it
 *   -DREFUSES       one that takes no provider at all */
#include "retouch_plugin.h"

#include <stdlib.h>
#include <string.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

RETOUCH_LABEL("{\"abi\": 1, \"id\": \"tiny\", \"version\": \"" VERSION "\", \"vendor\": \"Tiny\","
              " \"panic\": \"none\", \"sdk\": \"c\", \"target\": \"" RETOUCH_TARGET "\","
              " \"envelope\": [1, 1], \"state\": {\"writes\": 1, \"reads\": [1]},"
              " \"hosts\": [], \"types\": [{\"id\": \"tiny-edit\","
              " \"name\": {\"zh\": \"Tiny 图片编辑\", \"en\": \"Tiny image edit\"},"
              " \"defaults\": {\"endpoints\": {\"edit\": \"/v1/edits\"}},"
              " \"caps\": {\"max_images\": 1, \"mimes\": [\"image/png\", \"image/jpeg\"],"
              " \"sync\": true}}]}");

/* One configured provider: its host and path, as JSON text without the quotes. */
typedef struct tiny {
    size_t host_len, path_len;
    char   text[]; /* both, one after the other */
} tiny;

static retouch_bytes text(const char *literal) {
    retouch_bytes bytes = {(const uint8_t *)literal, strlen(literal)};
    return bytes;
}

/* A sink that remembers whether it ever refused. */
typedef struct out {
    const retouch_sink *sink;
    uint32_t            channel;
    int32_t             failed;
} out;

static void put(out *to, retouch_bytes bytes) {
    if (!to->failed) to->failed = to->sink->write(to->sink->ctx, to->channel, bytes.ptr, bytes.len);
}

static void say(out *to, const char *literal) {
    put(to, text(literal));
}

/* What follows `"name":` in JSON text, up to the text's end. Quotes within a string are escaped, so
 * the quoted name with its colon is a member's name wherever it stands. */
static retouch_bytes after(retouch_bytes json, const char *name) {
    size_t        length = strlen(name), at;
    retouch_bytes none = {NULL, 0};
    for (at = 0; at + length + 3 <= json.len; at++) {
        const uint8_t *here = json.ptr + at;
        if (here[0] != '"' || memcmp(here + 1, name, length) != 0) continue;
        if (here[length + 1] != '"' || here[length + 2] != ':') continue;
        retouch_bytes rest = {here + length + 3, json.len - at - length - 3};
        while (rest.len && *rest.ptr == ' ') rest.ptr++, rest.len--;
        return rest;
    }
    return none;
}

/* A member that is a string, still escaped and without its quotes; nothing if it is no string. */
static retouch_bytes string(retouch_bytes json, const char *name) {
    retouch_bytes value = after(json, name), none = {NULL, 0};
    size_t        end = 1;
    if (value.len == 0 || value.ptr[0] != '"') return none;
    while (end < value.len && value.ptr[end] != '"') end += value.ptr[end] == '\\' ? 2 : 1;
    if (end >= value.len) return none;
    value.ptr += 1;
    value.len = end - 1;
    return value;
}

static int is(retouch_bytes bytes, const char *literal) {
    return bytes.len == strlen(literal) && memcmp(bytes.ptr, literal, bytes.len) == 0;
}

static int starts(retouch_bytes bytes, const char *literal) {
    size_t length = strlen(literal);
    return bytes.len >= length && memcmp(bytes.ptr, literal, length) == 0;
}

static int32_t refuse(const retouch_sink *sink, int32_t status, const char *why) {
    out error = {sink, RETOUCH_CH_ERROR, 0};
    say(&error, why);
    return status;
}

static int32_t create(const retouch_host *host, retouch_bytes config, void **instance,
                      const retouch_sink *sink) {
    retouch_bytes origin = string(config, "host"), path = string(config, "edit");
    tiny         *made;
    (void)host;
#ifdef REFUSES
    return refuse(sink, RETOUCH_E_CONFIG, "this version takes no provider");
#endif
    if (path.len == 0 || memchr(path.ptr, '?', path.len))
        return refuse(sink, RETOUCH_E_CONFIG,
                      "{\"field\": \"endpoints.edit\","
                      " \"message\": \"must be a path without a query\"}");
    made = malloc(sizeof *made + origin.len + path.len);
    if (!made) return refuse(sink, RETOUCH_E_INTERNAL, "out of memory");
    made->host_len = origin.len;
    made->path_len = path.len;
    memcpy(made->text, origin.ptr, origin.len);
    memcpy(made->text + origin.len, path.ptr, path.len);
    *instance = made;
    return RETOUCH_OK;
}

/* The one request. It is paid for, hence `unsafe`: sent once and never again. */
static int32_t submit(const tiny *self, retouch_bytes event, const retouch_sink *sink) {
    retouch_bytes host = {(const uint8_t *)self->text, self->host_len};
    retouch_bytes path = {(const uint8_t *)self->text + self->host_len, self->path_len};
    out           outcome = {sink, RETOUCH_CH_OUTCOME, 0}, state = {sink, RETOUCH_CH_STATE, 0};
    say(&outcome, "{\"send\": {\"id\": \"edit\", \"method\": \"POST\", \"url\": \"");
    put(&outcome, host);
    put(&outcome, path);
    say(&outcome, "\", \"headers\": [[\"authorization\", \"Bearer {{secret:api_key}}\"]],"
                  " \"body\": {\"json\": {\"prompt\": \"");
    put(&outcome, string(event, "prompt"));
    say(&outcome, "\", \"image\": {\"$image\": 0, \"as\": \"base64\"}}},"
                  " \"effect\": \"unsafe\", \"phase\": \"submitting\","
                  " \"timeout_ms\": 60000, \"max_response_bytes\": 1048576}}");
    say(&state, "\"asked\"");
    return outcome.failed || state.failed ? RETOUCH_E_INTERNAL : RETOUCH_OK;
}

static int32_t fail(const retouch_sink *sink, const char *what) {
    out outcome = {sink, RETOUCH_CH_OUTCOME, 0};
    say(&outcome, "{\"fail\": {");
    say(&outcome, what);
    say(&outcome, "}}");
    return outcome.failed ? RETOUCH_E_INTERNAL : RETOUCH_OK;
}

/* The picture stands as {"$blob": n} where the gateway lifted it out, and as text where it is too
 * short for that. */
static int32_t answered(const retouch_step *step, const retouch_sink *sink) {
    retouch_bytes body = {NULL, 0}, image, blob;
    out           outcome = {sink, RETOUCH_CH_OUTCOME, 0};
    if (!starts(after(step->event, "status"), "200"))
        return fail(sink, starts(after(step->event, "status"), "401")
                              ? "\"class\": \"auth\", \"fault\": \"provider\", \"retry\": \"elsewhere\","
                                " \"billed\": \"no\", \"message\": \"the key is not accepted\""
                              : "\"class\": \"provider_error\", \"fault\": \"provider\","
                                " \"retry\": \"elsewhere\", \"billed\": \"unknown\","
                                " \"message\": \"the provider failed\"");
    if (step->attach_len > 0) body = step->attach[0];
    image = after(body, "image");
    blob = after(image, "$blob");
    if (starts(image, "{") && blob.len > 0) {
        say(&outcome, "{\"done\": {\"outputs\": [{\"blob\": ");
        while (blob.len && *blob.ptr >= '0' && *blob.ptr <= '9') {
            retouch_bytes digit = {blob.ptr, 1};
            put(&outcome, digit);
            blob.ptr++, blob.len--;
        }
        say(&outcome, "}]}}");
    } else {
        say(&outcome, "{\"done\": {\"outputs\": [{\"inline\": \"");
        put(&outcome, string(body, "image"));
        say(&outcome, "\"}]}}");
    }
    return outcome.failed ? RETOUCH_E_INTERNAL : RETOUCH_OK;
}

static int32_t step(void *instance, const retouch_step *step, const retouch_sink *sink) {
    retouch_bytes kind = string(step->event, "kind");
    if (is(kind, "start")) return submit(instance, step->event, sink);
    if (is(kind, "response")) return answered(step, sink);
    return refuse(sink, RETOUCH_E_UNSUPPORTED, "only start and response are known here");
}

static const retouch_plugin table = {sizeof table, RETOUCH_ABI_MINOR, create, free, step, NULL};

RETOUCH_EXPORT const retouch_plugin *retouch_entry_1(const retouch_host *host) {
    (void)host;
    return &table;
}
