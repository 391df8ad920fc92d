#include "tkeauth/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* PIPE_BUF: a pipe that polls as writable takes this much without blocking, and takes it whole. */
enum { LOG_LINE_MAX = 4096, LOG_WAIT_MS = 20 };

struct log {
    _Atomic int level, format;
    _Atomic uint64_t dropped;   /* lines lost since the last one that got through */
    _Atomic bool stalled;       /* the reader is behind: nobody waits for it any more */
    pthread_mutex_t write_lock; /* between the poll and the write it allows */
    int fd, audit_fd;
    bool fd_is_file, audit_is_file; /* a file takes a line whenever it comes: nothing to poll for */
    const struct clock *clock;
};

static bool is_file(int fd) {
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

enum err_code log_new(const struct log_options *options, struct log **ret, struct err *err) {
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL || pthread_mutex_init(&log->write_lock, NULL) != 0) {
        free(log);
        return err_set(err, ERR_NOMEM, "a log");
    }
    log->level = options->level;
    log->format = options->format;
    log->fd = options->fd;
    log->audit_fd = options->audit_fd;
    log->fd_is_file = is_file(log->fd);
    log->audit_is_file = is_file(log->audit_fd);
    log->clock = options->clock;
    *ret = log;
    return ERR_OK;
}

void log_free(struct log *log) {
    if (log == NULL)
        return;
    (void)pthread_mutex_destroy(&log->write_lock);
    free(log);
}

void log_configure(struct log *log, enum log_level level, enum log_format format) {
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&log->format, (int)format, memory_order_relaxed);
}

bool log_enabled(const struct log *log, enum log_level level) {
    return log != NULL && (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

static const char *const level_names[] = { "debug", "info", "warn", "error" };

enum err_code log_parse_level(struct str name, enum log_level *ret, struct err *err) {
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq_nocase(name, str_of(level_names[i]))) {
            *ret = (enum log_level)i;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID, "a log level is debug, info, warn or error");
}

/* ---- the line ---- */
/* Values are cut at LOG_VALUE_MAX, but not in the middle of a character. */
static struct str cut_value(struct str s) {
    if (s.len <= LOG_VALUE_MAX)
        return s;
    size_t len = LOG_VALUE_MAX;
    while (len > LOG_VALUE_MAX - 4 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
        len--;
    return (struct str) { s.ptr, len };
}

/* Text needs quotes where a blank or a quote would make the line ambiguous. */
static void add_text_value(struct strbuf *out, struct str s) {
    bool plain = s.len > 0 && str_is_utf8(s);
    for (size_t i = 0; plain && i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        plain = c > 0x20 && c != '"' && c != '=' && c != '\\' && c != 0x7f;
    }
    if (plain)
        strbuf_add(out, s);
    else
        json_add_string(out, s);
}

static void add_field(struct strbuf *out, bool json, const char *key, const struct log_field *f) {
    static const struct str stars = { "***", 3 };
    bool hidden = log_is_sensitive(str_of(key));
    if (json) {
        bool first = false;
        json_key(out, &first, key);
    } else
        strbuf_addf(out, " %s=", key);
    if (f->type == LOG_FIELD_STR || hidden) {
        struct str s = hidden ? stars : cut_value(f->s);
        if (json)
            json_add_string(out, s);
        else
            add_text_value(out, s);
    } else if (f->type == LOG_FIELD_BOOL)
        strbuf_adds(out, f->i ? "true" : "false");
    else
        strbuf_add_i64(out, f->i);
}

static void add_head(struct strbuf *out, bool json, int64_t now_ms, const char *level, const char *event) {
    char time[TIME_RFC3339_SIZE];
    (void)time_rfc3339_ms(now_ms, time);
    if (!json) {
        strbuf_addf(out, "%s %-5s %s", time, level, event);
        return;
    }
    strbuf_adds(out, "{\"time\":\"");
    strbuf_adds(out, time);
    strbuf_adds(out, "\",\"level\":\"");
    strbuf_adds(out, level);
    strbuf_adds(out, "\",\"event\":");
    json_add_string(out, str_of(event));
}

static void add_fields(struct strbuf *out, bool json, const struct log_field *fields) {
    for (const struct log_field *f = fields; f != NULL && f->type != LOG_FIELD_END; f++) {
        size_t before = out->len;
        add_field(out, json, f->key, f);
        /* Room stays for the end of the line; a field that does not fit is left out, and that is told. */
        if (out->failed || out->len > LOG_LINE_MAX - 32) {
            out->failed = false;
            strbuf_truncate(out, before);
            strbuf_adds(out, json ? ",\"cut\":true" : " cut=true");
            return;
        }
    }
}

static void add_line(struct strbuf *out, bool json, int64_t now_ms, const char *level, const char *request_id,
                     const char *event, const struct log_field *head, const struct log_field *fields) {
    add_head(out, json, now_ms, level, event);
    if (request_id != NULL && request_id[0] != '\0') {
        const struct log_field f = log_kv_c("request_id", request_id);
        add_field(out, json, f.key, &f);
    }
    add_fields(out, json, head);
    add_fields(out, json, fields);
    strbuf_adds(out, json ? "}\n" : "\n");
}

/* ---- writing it ---- */
static bool lock_soon(struct log *log, int wait_ms) {
    if (pthread_mutex_trylock(&log->write_lock) == 0)
        return true;
    /* The wall clock may jump, but nobody holds the lock for long; and gcc 12's ThreadSanitizer does not know
     * pthread_mutex_clocklock. */
    struct timespec until;
    if (clock_gettime(CLOCK_REALTIME, &until) != 0)
        return false;
    until.tv_nsec += wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_mutex_timedlock(&log->write_lock, &until) == 0;
}

/* One write call. False: the reader does not take it, or the disk is full. */
static bool write_line(struct log *log, int fd, struct str line) {
    int wait_ms = atomic_load_explicit(&log->stalled, memory_order_relaxed) ? 0 : LOG_WAIT_MS;
    if (!lock_soon(log, LOG_WAIT_MS))
        return false;
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    bool is_ready = fd == log->fd ? log->fd_is_file : log->audit_is_file;
    bool written = false;
    if (is_ready || (poll(&ready, 1, wait_ms) == 1 && (ready.revents & POLLOUT))) {
        ssize_t n = 0;
        do
            n = write(fd, line.ptr, line.len);
        while (n < 0 && errno == EINTR);
        written = n == (ssize_t)line.len;
    }
    atomic_store_explicit(&log->stalled, !written, memory_order_relaxed);
    (void)pthread_mutex_unlock(&log->write_lock);
    return written;
}

static void report_dropped(struct log *log, bool json) {
    uint64_t count = atomic_exchange_explicit(&log->dropped, 0, memory_order_relaxed);
    if (count == 0)
        return;
    AUTO(strbuf_done) struct strbuf line = STRBUF(LOG_LINE_MAX);
    add_line(&line, json, clock_now_ms(log->clock), "warn", NULL, "log_lines_dropped",
             LOG_FIELDS(KV("count", count)), NULL);
    if (!write_line(log, log->fd, strbuf_str(&line)))
        atomic_fetch_add_explicit(&log->dropped, count, memory_order_relaxed);
}

static void write_event(struct log *log, int fd, const char *level, const char *request_id, const char *event,
                        const struct log_field *head, const struct log_field *fields) {
    AUTO(strbuf_done) struct strbuf line = STRBUF(LOG_LINE_MAX);
    bool json = fd != log->fd || atomic_load_explicit(&log->format, memory_order_relaxed) == LOG_FORMAT_JSON;
    add_line(&line, json, clock_now_ms(log->clock), level, request_id, event, head, fields);
    if (line.failed || !write_line(log, fd, strbuf_str(&line)))
        atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
    else
        report_dropped(log, json);
}

void log_write(struct log *log, enum log_level level, const char *request_id, const char *event,
               const struct log_field *fields) {
    if (log_enabled(log, level))
        write_event(log, log->fd, level_names[level], request_id, event, NULL, fields);
}

void log_write_err(struct log *log, enum log_level level, const char *request_id, const char *event,
                   const struct err *e, const struct log_field *fields) {
    AUTO(strbuf_done) struct strbuf place = STRBUF(512);
    if (!log_enabled(log, level))
        return;
    if (e->file != NULL)
        strbuf_addf(&place, "%s:%d", e->file, e->line);
    write_event(log, log->fd, level_names[level], request_id, event,
                LOG_FIELDS(KV("error", err_code_name(e->code)), KV("detail", (const char *)e->detail),
                           KV("place", strbuf_c(&place))),
                fields);
}

void audit_write(struct log *log, const char *request_id, const char *event, const struct log_field *fields) {
    if (log == NULL)
        return;
    if (log->audit_fd >= 0)
        write_event(log, log->audit_fd, "audit", request_id, event, NULL, fields);
    else
        write_event(log, log->fd, "info", request_id, "audit", LOG_FIELDS(KV("audit", event)), fields);
}
