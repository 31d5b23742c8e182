/* Plugins that break the rules, each in one way, chosen when it is compiled:
 *
 *   -DID="…"      the plugin's id; its API type is ID-edit
 *   -DBAD=…       what is wrong, one of the names below
 *   -DURL="…"     where its request goes
 *   -DPAID        nothing is wrong before its request was answered
 *
 * Without BAD it does nothing wrong, so that a test knows what made the difference. */
#include "retouch_plugin.h"

#include <string.h>

enum {
    NOTHING,
    /* The library. */
    MAGIC,
    LENGTH,
    TABLE_SHORT,
    TABLE_NULL,
    CREATE_NULL,
    DESTROY_NULL,
    STEP_NULL,
    /* A provider's instance. */
    INSTANCE_NULL,
    /* A step. */
    STATE_LONG,
    STATE_TEXT,
    OUTCOME_NONE,
    OUTCOME_LONG,
    OUTCOME_TEXT,
    OUTCOME_JSON,
    OUTCOME_KIND,
    CHANNEL,
    STATUS,
    PANIC,
    BLOB,
    LINK
};

#ifndef BAD
#define BAD NOTHING
#endif
#ifndef URL
#define URL "http://127.0.0.1:9/"
#endif
#ifndef LABEL_ABI
#define LABEL_ABI "1"
#endif
#ifndef LABEL_PANIC
#define LABEL_PANIC "none"
#endif

#define LABEL                                                                                      \
    "{\"abi\": " LABEL_ABI ", \"id\": \"" ID "\", \"version\": \"1.0.0\","                         \
    " \"panic\": \"" LABEL_PANIC "\", \"target\": \"" RETOUCH_TARGET "\","                         \
    " \"types\": [{\"id\": \"" ID "-edit\","                                                       \
    " \"defaults\": {\"endpoints\": {\"edit\": \"/v1/edits\"}}}]}"

RETOUCH_EXPORT const struct {
    char     magic[8];
    uint32_t len;
    char     json[sizeof(LABEL)];
} retouch_label = {{'R', 'E', 'T', 'O', 'U', 'C', 'H', BAD == MAGIC ? '?' : '1'},
                   BAD == LENGTH ? sizeof(LABEL) + 64 : sizeof(LABEL) - 1,
                   LABEL};

static int32_t put(const retouch_sink *sink, uint32_t channel, const char *text, size_t length) {
    return sink->write(sink->ctx, channel, (const uint8_t *)text, length);
}

static int32_t say(const retouch_sink *sink, uint32_t channel, const char *text) {
    return put(sink, channel, text, strlen(text));
}

static int32_t create(const retouch_host *host, retouch_bytes config, void **instance,
                      const retouch_sink *sink) {
    static int any;
    (void)host, (void)config, (void)sink;
    *instance = BAD == INSTANCE_NULL ? NULL : &any;
    return RETOUCH_OK;
}

static void destroy(void *instance) {
    (void)instance;
}

static int32_t submit(const retouch_sink *sink) {
    say(sink, RETOUCH_CH_STATE, "\"asked\"");
    return say(sink, RETOUCH_CH_OUTCOME,
               "{\"send\": {\"id\": \"1\", \"method\": \"POST\", \"url\": \"" URL "\","
               " \"headers\": [[\"authorization\", \"Bearer {{secret:api_key}}\"]],"
               " \"body\": {\"json\": {\"prompt\": \"grey\","
               " \"image\": {\"$image\": 0, \"as\": \"base64\"}}},"
               " \"effect\": \"unsafe\", \"phase\": \"submitting\","
               " \"timeout_ms\": 60000, \"max_response_bytes\": 1048576}}");
}

/* Ignores every refusal of the sink, as a careless author would. */
static int32_t misbehave(const retouch_sink *sink) {
    static const char nuls[RETOUCH_MAX_OUTCOME + 1];
    const char       *outcome = "{\"done\": {\"outputs\": [{\"blob\": 0}]}}";
    switch (BAD) {
    case STATE_LONG: put(sink, RETOUCH_CH_STATE, nuls, RETOUCH_MAX_STATE + 1); break;
    case STATE_TEXT: say(sink, RETOUCH_CH_STATE, "\xff\xfe"); break;
    case OUTCOME_NONE: outcome = ""; break;
    case OUTCOME_LONG: put(sink, RETOUCH_CH_OUTCOME, nuls, sizeof nuls); break;
    case OUTCOME_TEXT: outcome = "{\"done\": {\"outputs\": [{\"inline\": \"\xff\xfe\"}]}}"; break;
    case OUTCOME_JSON: outcome = "{\"done\": "; break;
    case OUTCOME_KIND: outcome = "{\"reboot\": true}"; break;
    case CHANNEL: say(sink, RETOUCH_CH_ATTACH0, "bytes"); break;
    case STATUS: say(sink, RETOUCH_CH_ERROR, "out of cheese"); return 77;
    case PANIC: say(sink, RETOUCH_CH_ERROR, "index out of bounds"); return RETOUCH_E_PANIC;
    case BLOB: outcome = "{\"done\": {\"outputs\": [{\"blob\": 4294967295}]}}"; break;
    case LINK: outcome = "{\"done\": {\"outputs\": [{\"url\": \"file:///etc/passwd\"}]}}"; break;
    default: break;
    }
    say(sink, RETOUCH_CH_OUTCOME, outcome);
    return RETOUCH_OK;
}

static int32_t step(void *instance, const retouch_step *step, const retouch_sink *sink) {
    int starts = step->state.len == 0;
    (void)instance;
#ifdef PAID
    if (starts) return submit(sink);
#else
    if (starts && BAD == NOTHING) return submit(sink);
#endif
    return misbehave(sink);
}

static const retouch_plugin table = {
    BAD == TABLE_SHORT ? offsetof(retouch_plugin, step) : sizeof table,
    RETOUCH_ABI_MINOR,
    BAD == CREATE_NULL ? NULL : create,
    BAD == DESTROY_NULL ? NULL : destroy,
    BAD == STEP_NULL ? NULL : step,
    NULL,
};

#ifdef NO_ENTRY
#define retouch_entry_1 retouch_entry_0
RETOUCH_EXPORT const retouch_plugin *retouch_entry_0(const retouch_host *host);
#endif
#ifdef NO_SYMBOL
int no_library_has_this(void);
#else
#define no_library_has_this() (BAD == TABLE_NULL)
#endif

RETOUCH_EXPORT const retouch_plugin *retouch_entry_1(const retouch_host *host) {
    (void)host;
    return no_library_has_this() ? NULL : &table;
}
