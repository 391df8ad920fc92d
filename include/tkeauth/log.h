/* log owns the structured log, the audit stream and the metrics. It must never block a caller on a full pipe for long (a
 * line that nobody takes within 20 ms is dropped, and the next line tells how many were), and no secret may reach it: see
 * log_field's types. A line is one write of at most 4096 bytes. */
#pragma once
#include "tkeauth/base.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log;

struct log_options {
    enum log_level level;
    enum log_format format;
    int fd;       /* borrowed: stderr for the log */
    int audit_fd; /* borrowed: where audit events go; -1: into the log, as events named "audit" */
    const struct clock *clock;
};
MUST_CHECK enum err_code log_new(const struct log_options *options, struct log **ret, struct err *err);
void log_free(struct log *log);
DEFINE_AUTO_FREE(log_free, struct log);
/* Level and format may change while other threads write (reload). */
void log_configure(struct log *log, enum log_level level, enum log_format format);
bool log_enabled(const struct log *log, enum log_level level);
MUST_CHECK enum err_code log_parse_level(struct str name, enum log_level *ret, struct err *err);

/* A field: KV("user", name) of a C string, a struct str, an integer or a bool. Control characters are escaped, values
 * are cut at LOG_VALUE_MAX bytes. There is deliberately no way to hand in a struct secret; a field whose key is on the
 * list of log_is_sensitive() is written as "***". A comparison is an int in C: KV("ok", (bool)(a == b)) writes true. */
enum { LOG_VALUE_MAX = 1024 };
enum log_field_type { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL };
struct log_field {
    const char *key;
    enum log_field_type type;
    struct str s;
    int64_t i;
};
static inline struct log_field log_kv_c(const char *k, const char *v) {
    return (struct log_field) { k, LOG_FIELD_STR, str_of(v), 0 };
}
static inline struct log_field log_kv_s(const char *k, struct str v) {
    return (struct log_field) { k, LOG_FIELD_STR, v, 0 };
}
static inline struct log_field log_kv_i(const char *k, int64_t v) {
    return (struct log_field) { k, LOG_FIELD_INT, STR_NULL, v };
}
static inline struct log_field log_kv_u(const char *k, uint64_t v) {
    return (struct log_field) { k, LOG_FIELD_INT, STR_NULL, v > INT64_MAX ? INT64_MAX : (int64_t)v };
}
static inline struct log_field log_kv_b(const char *k, bool v) {
    return (struct log_field) { k, LOG_FIELD_BOOL, STR_NULL, v };
}
#define KV(key, value)                                                                                       \
    _Generic((value),                                                                                        \
        char *: log_kv_c,                                                                                    \
        const char *: log_kv_c,                                                                              \
        struct str: log_kv_s,                                                                                \
        bool: log_kv_b,                                                                                      \
        int: log_kv_i,                                                                                       \
        long: log_kv_i,                                                                                      \
        long long: log_kv_i,                                                                                 \
        unsigned: log_kv_u,                                                                                  \
        unsigned long: log_kv_u,                                                                             \
        unsigned long long: log_kv_u)(key, value)

/* One line: time, level, event, request id (may be NULL), fields up to the first LOG_FIELD_END. `log` may be NULL (a
 * test without a log). Safe from any thread; a line is written whole. */
void log_write(struct log *log, enum log_level level, const char *request_id, const char *event,
               const struct log_field *fields);
/* The edge's one line about a failure: code, detail and place of `e`, then the fields. */
void log_write_err(struct log *log, enum log_level level, const char *request_id, const char *event,
                   const struct err *e, const struct log_field *fields);
#define LOG_FIELDS(...) ((const struct log_field[]) { __VA_ARGS__ __VA_OPT__(, ) { .type = LOG_FIELD_END } })
#define log_debug(log, rid, event, ...)                                                                      \
    log_write((log), LOG_LEVEL_DEBUG, (rid), (event), LOG_FIELDS(__VA_ARGS__))
#define log_info(log, rid, event, ...)                                                                       \
    log_write((log), LOG_LEVEL_INFO, (rid), (event), LOG_FIELDS(__VA_ARGS__))
#define log_warn(log, rid, event, ...)                                                                       \
    log_write((log), LOG_LEVEL_WARN, (rid), (event), LOG_FIELDS(__VA_ARGS__))
#define log_error(log, rid, event, ...)                                                                      \
    log_write((log), LOG_LEVEL_ERROR, (rid), (event), LOG_FIELDS(__VA_ARGS__))
#define log_warn_err(log, rid, event, e, ...)                                                                \
    log_write_err((log), LOG_LEVEL_WARN, (rid), (event), (e), LOG_FIELDS(__VA_ARGS__))
#define log_error_err(log, rid, event, e, ...)                                                               \
    log_write_err((log), LOG_LEVEL_ERROR, (rid), (event), (e), LOG_FIELDS(__VA_ARGS__))

/* An audit event (login, token issued, family revoked, configuration changed ...): always written, whatever the level. */
void audit_write(struct log *log, const char *request_id, const char *event, const struct log_field *fields);
#define audit_event(log, rid, event, ...) audit_write((log), (rid), (event), LOG_FIELDS(__VA_ARGS__))

/* Names of parameters, headers and fields whose values are never logged: password, client_secret, code, token,
 * authorization, cookie, ... One list for the whole project. ASCII case does not count. */
bool log_is_sensitive(struct str name);

/* ---- metrics: registered at start, updated lock-free, rendered as Prometheus text (exposition format 0.0.4) ---- */
struct metrics;
struct counter; /* only grows */
struct gauge;
struct histogram; /* seconds, fixed buckets from 0.1 ms to 30 s */

struct metrics *metrics_new(void) MUST_CHECK; /* NULL: out of memory */
void metrics_free(struct metrics *m);
/* `labels` is "" or e.g. "route=\"token\",code=\"200\"" (escaped by the caller); the same name and labels give the same
 * object. NULL `m` gives an unregistered, working object shared by all such callers. Never NULL. */
struct counter *metrics_counter(struct metrics *m, const char *name, const char *labels, const char *help);
struct gauge *metrics_gauge(struct metrics *m, const char *name, const char *labels, const char *help);
struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *labels,
                                    const char *help);
void counter_add(struct counter *c, uint64_t n);
uint64_t counter_get(const struct counter *c);
void gauge_set(struct gauge *g, int64_t value);
void gauge_add(struct gauge *g, int64_t delta);
void histogram_observe_us(struct histogram *h, int64_t microseconds);
void metrics_render(struct metrics *m, struct strbuf *out);
