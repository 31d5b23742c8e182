/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * retouch_plugin.h: the boundary between Retouch and a provider plugin, ABI 1.0.
 *
 * A plugin is a shared library that turns events into outcomes. It is one pure function:
 *
 *     step(state, event)  ->  (new state, outcome)
 *
 * The gateway does everything else: HTTP, timers, retries, storage, secrets. A plugin opens no
 * socket, starts no thread, reads no clock and keeps nothing between two calls of `step`; what it
 * wants to remember about a job, it writes as that job's state.
 *
 * A plugin exports exactly two symbols:
 *
 *     retouch_label      plain bytes that say what the plugin is; read from the file before any of
 *                        the plugin's code runs. Write it with RETOUCH_LABEL, below.
 *     retouch_entry_1    returns the plugin's function table. The 1 is the ABI's major version.
 *
 * The promise, for as long as the major version is 1:
 *
 *   - Fields are only added, at the end. None is removed, moved or given another meaning.
 *   - Every struct but retouch_bytes starts with `size`, set by the side that allocates it. Read a
 *     field only if it lies wholly inside that size; a function beyond it is absent, as if NULL.
 *   - Each struct is allocated by one side only. The host allocates retouch_host, retouch_sink and
 *     retouch_step; the plugin allocates retouch_plugin.
 *   - Memory never changes its owner, so there is nothing to free. Whatever the host passes is
 *     borrowed until the call returns; results are handed over through a sink, which copies.
 *   - Nothing may unwind or longjmp across the boundary, in either direction.
 *   - The library is never unloaded. It must not replace the process's allocator, signal handlers
 *     or locale.
 *
 * Text is UTF-8 and not terminated by NUL. JSON is read leniently: unknown members are ignored.
 */
#ifndef RETOUCH_PLUGIN_H
#define RETOUCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RETOUCH_ABI_MAJOR 1
#define RETOUCH_ABI_MINOR 0

/* ---- Status codes, returned by create, step and write ------------------------------------------
 * Zero is success. With any other, write one line for a person on RETOUCH_CH_ERROR. A failure of
 * the *provider* is no error here: it is the outcome `fail`, returned with RETOUCH_OK. */
enum {
    RETOUCH_OK            =  0,
    RETOUCH_E_PANIC       = -1, /* the plugin caught a panic or an exception of its own */
    RETOUCH_E_INPUT       = -2, /* the event or the call itself makes no sense */
    RETOUCH_E_CONFIG      = -3, /* create: the config is wrong. The error may be the JSON object
                                   {"field": "model", "message": "…"}, so that a form can mark it */
    RETOUCH_E_STATE       = -4, /* the state is not one this version can read */
    RETOUCH_E_UNSUPPORTED = -5, /* a kind of event this plugin does not know */
    RETOUCH_E_INTERNAL    = -6  /* anything else */
};

/* ---- Bytes ---------------------------------------------------------------------------------- */

/* Borrowed, and valid until the call returns. `ptr` may be NULL if `len` is 0, and only then. This
 * struct never grows. */
typedef struct retouch_bytes {
    const uint8_t *ptr;
    size_t         len;
} retouch_bytes;

/* ---- Results: through a sink that the host owns --------------------------------------------- */

enum {
    RETOUCH_CH_OUTCOME = 0,  /* step: the outcome, JSON; required */
    RETOUCH_CH_ERROR   = 1,  /* any call that fails: why, as text; cut at RETOUCH_MAX_ERROR */
    RETOUCH_CH_STATE   = 2,  /* step: the job's new state, any bytes; nothing written = no state */
    RETOUCH_CH_ATTACH0 = 16  /* reserved: attachments, from 16 upward. Refused in ABI 1.0 */
};

enum {
    RETOUCH_MAX_OUTCOME = 1048576,
    RETOUCH_MAX_STATE   = 65536,
    RETOUCH_MAX_ERROR   = 8192,
    RETOUCH_MAX_LABEL   = 262144
};

typedef struct retouch_sink {
    uint32_t size;
    uint32_t reserved;
    void    *ctx;
    /* Appends to what this call has written on `channel`; the bytes are copied before it returns.
     * Non-zero: too much, or no such channel; give up and return RETOUCH_E_INTERNAL.
     * Only during the call that was given the sink, and only on that call's thread. */
    int32_t (*write)(void *ctx, uint32_t channel, const uint8_t *ptr, size_t len);
} retouch_sink;

/* ---- What a plugin may ask of the host ------------------------------------------------------- */

enum {
    RETOUCH_LOG_ERROR = 1,
    RETOUCH_LOG_WARN  = 2,
    RETOUCH_LOG_INFO  = 3,
    RETOUCH_LOG_DEBUG = 4,
    RETOUCH_LOG_TRACE = 5
};

/* One table for the whole process; it and what it points to live as long as the process. Its
 * functions may be called on any thread, but only while the host is inside a call of the plugin:
 * a line logged during `step` then carries the job's id without the plugin's help. */
typedef struct retouch_host {
    uint32_t size;
    uint32_t abi_minor;
    void    *ctx; /* first argument of the functions below */
    /* Non-zero if a line of this level would be kept. Ask before making the line. */
    int32_t (*log_enabled)(void *ctx, int32_t level);
    /* `fields_json` is a JSON object, or empty. Never log a secret; a plugin sees none. */
    void (*log)(void *ctx, int32_t level, retouch_bytes target, retouch_bytes message,
                retouch_bytes fields_json);
    /* A table for an optional feature such as "retouch.sign/1" (NUL-terminated), or NULL. */
    const void *(*extension)(void *ctx, const char *id);
} retouch_host;

/* ---- One step -------------------------------------------------------------------------------- */

typedef struct retouch_step {
    uint32_t      size;
    uint32_t      flags; /* 0 in ABI 1.0; ignore bits you do not know */
    retouch_bytes event; /* JSON: what happened. `kind` is one of start, response, transport_error,
                            callback, interrupted, cancel, found, check, checked;
                            later hosts may know more */
    retouch_bytes state; /* what this plugin wrote for the job last; empty with `start` */
    const retouch_bytes *attach; /* bodies that are no JSON, named by index in the event; at most
                                    1 MiB in all. Images never come here: the event and the
                                    outcome name them by handle, the host moves the bytes. */
    size_t   attach_len;
    uint64_t now_ms;      /* milliseconds since 1970: the only clock a plugin has */
    uint64_t deadline_ms; /* the attempt is given up at this time; 0: none */
} retouch_step;

/* ---- The JSON that crosses ---------------------------------------------------------------------
 *
 * create's config, what the operator's file says with the API type's defaults filled in:
 *
 *   { "type": "acme-edit", "host": "https://api.acme.example", "endpoints": { "edit": "/v1/edits" },
 *     "model": "acme-1" | null, "sync": false, "public_url": false, "options": { … } }
 *
 * A step's event. `kind` says which of the members after `cx` is there:
 *
 *   { "v": 1,
 *     "cx": { "job": "job_…", "attempt": 1, "step": 0, "seed": 42, "locale": "en" },
 *     "kind": "start",           "job": JOB
 *   | "kind": "response",        "response": { "effect": "e0", "status": 200,
 *                                  "headers": [["content-type", "application/json"]],
 *                                  "body": { "attach": 0, "bytes": 321 }
 *                                        | { "blob": 0, "mime": "image/png", "bytes": 4321 },
 *                                  "elapsed_ms": 12 }
 *   | "kind": "transport_error", "error": { "effect": "e0", "class": "timeout", "sent": "no|maybe" }
 *   | "kind": "interrupted",     "effect": "e0"
 *   | "kind": "callback"
 *   | "kind": "cancel"
 *   | "kind": "found",           "task": "…" }   the answer to the paid request was lost, and a
 *                                                person found the task: the next request follows it
 *
 * Two kinds belong to no job and have no state: an operator asks whether the provider is set up
 * right. A plugin that does not know them answers RETOUCH_E_UNSUPPORTED, and nothing is lost.
 *
 *     "kind": "check"
 *     "kind": "checked",         "question": "key", "response": as above
 *
 * Both are answered with what is known and what to ask next, which must cost nothing and change
 * nothing: the host sends only `safe` and `idempotent` requests. The image 0 is a tiny picture of
 * the host's. Steps are words such as key, edit, result, upload.
 *
 *   { "check": { "findings": [ { "step": "key", "mark": "ok|skipped|warning|failed",
 *                                "message": { "zh": "…", "en": "…" },
 *                                "mend": { "zh": "…", "en": "…" } } ],
 *                "questions": [ { "step": "key", "request": as in send } ] } }
 *
 *   JOB = { "model": "acme-1" | null, "prompt": "…", "n": 1,
 *           "inputs": [ { "mime": "image/png", "bytes": 4321, "width": 640, "height": 480 } ],
 *           "mask": like an input, if any,
 *           "params": { "size": { "width": 1024, "height": 1024 }, "resolution": "1K|2K|4K",
 *                       "aspect_ratio": "3:4", "seed": 7, "negative_prompt": "…", "quality": "…",
 *                       "background": "…", "output_format": "png|jpeg|webp",
 *                       "output_compression": 80, "input_fidelity": "…", "moderation": "…",
 *                       "user": "…" }, each only where the client gave it,
 *           "options": { … } }
 *
 * A step's outcome: exactly one of send, done and fail, and beside it what was learnt.
 *
 *   { "send": { "id": "e0",                     named again in the event that answers it
 *               "after_ms": 0,                  wait so long first; of a poll (safe, polling):
 *                                               not sooner, as the provider itself said; 0: the
 *                                               gateway learns when it pays to ask
 *               "method": "GET|POST|PUT|DELETE", "url": "https://…",
 *               "headers": [["authorization", "Bearer {{secret:api_key}}"]],
 *               "body": "empty" | { "json": … } | { "form": [["name", "value"]] }
 *                     | { "multipart": [ { "name": "prompt", "text": "…" },
 *                                        { "name": "image", "image": 0, "filename": "a.png" } ] }
 *                     | { "image": 0 },
 *               "effect": "safe|idempotent|unsafe",  what sending it twice would do: nothing, the
 *                                                    same as once, perhaps a second charge
 *               "phase": "uploading|submitting|polling|downloading",
 *               "timeout_ms": 30000, "max_response_bytes": 1048576, "cache_ms": 0 },
 *     "task": { "id": "…", "cancel": false },   once the provider has named its task
 *     "status": "RUNNING", "percent": 40 }
 *
 *   { "done": { "outputs": [ { "url": "https://…" } | { "blob": 0 } | { "inline": "base64" }
 *                          | { "failed": FAILURE } ],
 *               "cost": { "amount": "0.40", "currency": "CNY" } } }
 *
 *   { "fail": FAILURE }
 *
 *   FAILURE = { "class": "invalid_request|moderation|auth|config|quota|rate_limited|busy|
 *                         provider_error|no_output|timeout|not_found|canceled|unknown_outcome|
 *                         plugin_bug",
 *               "fault": "client|provider|gateway|plugin", "retry": "never|elsewhere",
 *               "billed": "no|yes|unknown", "message": "for the client", "detail": "for the operator",
 *               "retry_after_ms": 30000, "upstream": { "status": 429, "code": "1520" } }
 *
 * Images are named by handle: in a body's JSON {"$image": 0, "as": "data_uri|base64|url"} stands for
 * an input (the mask is the one after the last); in an answer's JSON {"$blob": 0, "bytes": 4321}
 * stands for an image of more than 8 KiB that the gateway took out. {{secret:api_key}} stands for the
 * provider's key in headers, URL and body; the key itself is never here.
 *
 * A failure of an unsafe request that is not certainly unbilled is taken as `unknown_outcome`. */

/* ---- What the plugin offers ------------------------------------------------------------------ */

typedef struct retouch_plugin {
    uint32_t size;
    uint32_t abi_minor; /* RETOUCH_ABI_MINOR of the header it was built with */
    /* Once for each configured provider. `config_json` is an object whose member "type" names one
     * of the label's API types; what else it holds, the plugin checks here, once. On success
     * stores a non-NULL instance. The host table is the one `retouch_entry_1` was given. */
    int32_t (*create)(const retouch_host *host, retouch_bytes config_json, void **instance,
                      const retouch_sink *sink);
    /* Ends an instance; no step of it is running, and none will follow. */
    void (*destroy)(void *instance);
    /* Many steps of one instance may run at once, on any threads. The same state and event must
     * give the same answer: after a crash a step is simply run again. Writes the outcome and, if
     * the job goes on, the state. Takes microseconds; never blocks. */
    int32_t (*step)(void *instance, const retouch_step *step, const retouch_sink *sink);
    /* The plugin's own optional features, or NULL; may itself be NULL. */
    const void *(*extension)(const char *id);
} retouch_plugin;

/* ---- The two exports ------------------------------------------------------------------------- */

#if defined(__GNUC__) || defined(__clang__)
#define RETOUCH_VISIBLE __attribute__((visibility("default"), used))
#else
#define RETOUCH_VISIBLE
#endif

#ifdef __cplusplus
#define RETOUCH_EXPORT extern "C" RETOUCH_VISIBLE
#else
#define RETOUCH_EXPORT RETOUCH_VISIBLE
#endif

/* Called when the library is loaded, perhaps more than once. Returns a static table, or NULL if
 * the plugin cannot work here. Build with -fvisibility=hidden and define it so:
 *
 *     RETOUCH_EXPORT const retouch_plugin *retouch_entry_1(const retouch_host *host) { … }
 */
RETOUCH_VISIBLE const retouch_plugin *retouch_entry_1(const retouch_host *host);

#ifdef __cplusplus
}
#endif

/* The label is a JSON object in the shape of magic, length, text. Required members: abi (1), id,
 * version (MAJOR.MINOR.PATCH), types. The SDK's guide shows all of them. For example:
 *
 *     RETOUCH_LABEL("{\"abi\": 1, \"id\": \"acme.images\", \"version\": \"1.4.0\","
 *                   " \"vendor\": \"Acme\", \"panic\": \"none\", \"sdk\": \"c\","
 *                   " \"target\": \"" RETOUCH_TARGET "\", \"envelope\": [1, 1],"
 *                   " \"state\": {\"writes\": 1, \"reads\": [1]}, \"hosts\": [\"api.acme.ai\"],"
 *                   " \"types\": [{\"id\": \"acme-edit\", \"name\": {\"en\": \"Acme edit\"}}]}");
 *
 * "panic": "none" says that nothing unwinds out of this library; Rust plugins say "unwind". */
#define RETOUCH_LABEL(text)                                                                        \
    RETOUCH_EXPORT const struct retouch_label_bytes {                                              \
        char     magic[8];                                                                         \
        uint32_t len;                                                                              \
        char     json[sizeof(text)];                                                               \
    } retouch_label = {{'R', 'E', 'T', 'O', 'U', 'C', 'H', '1'},                                   \
                       (uint32_t)(sizeof(text) - 1),                                               \
                       text}

/* What "target" is for the machine this is compiled for: architecture, a hyphen, system. */
#if defined(__x86_64__)
#define RETOUCH_ARCH_ "x86_64"
#elif defined(__aarch64__)
#define RETOUCH_ARCH_ "aarch64"
#elif defined(__riscv) && __riscv_xlen == 64
#define RETOUCH_ARCH_ "riscv64"
#else
#define RETOUCH_ARCH_ "unknown"
#endif
#if defined(__linux__)
#define RETOUCH_TARGET RETOUCH_ARCH_ "-linux"
#elif defined(__APPLE__)
#define RETOUCH_TARGET RETOUCH_ARCH_ "-macos"
#else
#define RETOUCH_TARGET RETOUCH_ARCH_ "-unknown"
#endif

#endif /* RETOUCH_PLUGIN_H */
