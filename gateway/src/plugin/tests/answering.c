/* A plugin for the loader's tests, built against the real header. What it answers is named by the
 * first word of the event; compiled with flags, it is broken in ways the loader must name. */
#include "retouch_plugin.h"

#include <stdio.h>
#include <string.h>

#ifndef NO_LABEL
RETOUCH_LABEL(LABEL);
#endif

static const retouch_host *host_table;
static int alive; /* instances not yet destroyed; the tests make them on one thread */

static retouch_bytes text(const char *literal) {
    retouch_bytes bytes = {(const uint8_t *)literal, strlen(literal)};
    return bytes;
}

static int32_t put(const retouch_sink *sink, uint32_t channel, retouch_bytes bytes) {
    return sink->write(sink->ctx, channel, bytes.ptr, bytes.len);
}

static int is(retouch_bytes event, const char *word) {
    return event.len == strlen(word) && memcmp(event.ptr, word, event.len) == 0;
}

static int32_t create(const retouch_host *host, retouch_bytes config, void **instance,
                      const retouch_sink *sink) {
    if (host != host_table) return RETOUCH_E_INPUT;
    if (memchr(config.ptr, '!', config.len)) {
        put(sink, RETOUCH_CH_ERROR, text("{\"field\": \"model\", \"message\": \"holds a !\"}"));
        return RETOUCH_E_CONFIG;
    }
    if (memchr(config.ptr, '?', config.len)) return RETOUCH_OK; /* but no instance */
    alive += 1;
    *instance = &alive;
    return RETOUCH_OK;
}

static void destroy(void *instance) {
    if (instance == &alive) alive -= 1;
}

static int32_t give_up(const retouch_sink *sink, const char *why, int32_t status) {
    put(sink, RETOUCH_CH_ERROR, text(why));
    return status;
}

static int32_t answer(const retouch_step *step, const retouch_sink *sink) {
    char clock[64];
    size_t i;
    for (i = 0; i < step->attach_len; i++) put(sink, RETOUCH_CH_STATE, step->attach[i]);
    put(sink, RETOUCH_CH_STATE, step->state);
    snprintf(clock, sizeof clock, "[%llu,%llu,%d]", (unsigned long long)step->now_ms,
             (unsigned long long)step->deadline_ms, alive);
    return put(sink, RETOUCH_CH_OUTCOME, text(clock));
}

static int32_t step(void *instance, const retouch_step *step, const retouch_sink *sink) {
    if (instance != &alive || step->size != sizeof *step) return RETOUCH_E_INPUT;
    if (is(step->event, "nothing")) return RETOUCH_OK;
    if (is(step->event, "panic")) return give_up(sink, "boom", RETOUCH_E_PANIC);
    if (is(step->event, "garbage")) return put(sink, RETOUCH_CH_OUTCOME, text("\xff\xfe"));
    if (is(step->event, "attach")) return put(sink, RETOUCH_CH_ATTACH0, text("bytes"));
    if (is(step->event, "huge")) {
        retouch_bytes bytes = {(const uint8_t *)"", SIZE_MAX / 2};
        put(sink, RETOUCH_CH_OUTCOME, text("{}"));
        put(sink, RETOUCH_CH_STATE, bytes); /* ignores the refusal */
        return RETOUCH_OK;
    }
    if (is(step->event, "log") && host_table->log_enabled(host_table->ctx, RETOUCH_LOG_INFO))
        host_table->log(host_table->ctx, RETOUCH_LOG_INFO, text("acme"), text("answer read"),
                        text("{\"status\":200}"));
    return answer(step, sink);
}

#ifdef SHORT_TABLE
#define TABLE_SIZE 24 /* ends before `step` */
#else
#define TABLE_SIZE 32 /* an older, shorter table without `extension` */
#endif

static const retouch_plugin table = {TABLE_SIZE, RETOUCH_ABI_MINOR, create, destroy,
#ifdef NO_STEP
                                     NULL,
#else
                                     step,
#endif
                                     NULL};

#ifndef NO_ENTRY
RETOUCH_EXPORT const retouch_plugin *retouch_entry_1(const retouch_host *host) {
    host_table = host;
#ifdef NO_TABLE
    (void)table;
    return NULL;
#else
    return &table;
#endif
}
#else
RETOUCH_EXPORT const void *unused(void) { return &table; }
#endif
