#include <stdio.h>
#include <time.h>

#include "http/exchange.h"

struct date {
    struct snapshot snapshot;
    int64_t second;
    char text[HTTP_DATE_SIZE];
};

static void date_free(struct snapshot *s) { free(s); }

void date_format(int64_t now_s, char out[HTTP_DATE_SIZE]) {
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct tm t = { .tm_mday = 1 };
    time_t seconds = (time_t)now_s;
    (void)gmtime_r(&seconds, &t);
    /* Not strftime: its names are the locale's. */
    (void)snprintf(out, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[(unsigned)t.tm_wday % 7],
                   (unsigned)t.tm_mday % 100, months[(unsigned)t.tm_mon % 12],
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                   (unsigned)t.tm_sec % 100);
}

void date_now(struct http_server *s, char out[HTTP_DATE_SIZE]) {
    int64_t now_s = clock_now_s(s->options.clock);
    struct snapshot *current = snapshot_acquire(&s->date);
    const struct date *date = (const struct date *)(const void *)current;
    bool fresh = date != NULL && date->second == now_s;
    if (fresh)
        memcpy(out, date->text, HTTP_DATE_SIZE);
    if (current != NULL)
        snapshot_release(&s->date, current);
    if (fresh)
        return;
    date_format(now_s, out);
    struct date *next = calloc(1, sizeof *next);
    if (next == NULL)
        return;
    snapshot_init(&next->snapshot, date_free);
    next->second = now_s;
    memcpy(next->text, out, HTTP_DATE_SIZE);
    snapshot_swap(&s->date, &next->snapshot);
}
