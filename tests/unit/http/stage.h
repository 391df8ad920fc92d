/* A server whose streams follow scripts, and clients that read them, plain or over TLS. */
#pragma once
#include "unit/http/live.h"

#include <gnutls/gnutls.h>

/* One stream. Its script, the last segment of the path, has a character for each thing it does:
 *   0-9  sends that character              w  waits until it was woken
 *   b    sends as much as it may           f  is filled once
 *   n    as b, for ever                    x  fails
 *   p    sends "+" for each wake so far, waits for the next; for ever
 *   z    says data, and sends none         e  ends, as does the end of the script
 * What b and n send counts on: byte i of all of it is 'a' + i % 26. */
struct scripted;

/* Lives as long as a test; the first member makes it the app of live_routes, too. */
struct stage {
    struct live live;
    bool tls;
    pthread_mutex_t mutex; /* what a hub of watches has: taken by read, fill, close, and while waking */
    pthread_cond_t changed;
    struct scripted *first; /* the open streams, newest first */
    int opened, closed;
    int waits, fills, fillings; /* reads that said WAIT; fills that ended; that run */
    unsigned fill_us;           /* how long a fill takes */
    size_t largest_read;        /* room offered */
    bool gate_closed;           /* fills and "/late" handlers stand there */
    int at_gate;
};

enum stage_count { STAGE_OPENED, STAGE_CLOSED, STAGE_WAITS, STAGE_FILLS, STAGE_FILLINGS, STAGE_AT_GATE };

/* Options may be changed between the two. */
void stage_init(struct stage *s, bool tls);
void stage_start(struct stage *s);
/* Stops the server, unless that was done, and checks that each stream was closed, once, and every snapshot given back. */
void stage_done(struct stage *s);
int stage_get(struct stage *s, enum stage_count what);
void stage_wait_for(struct stage *s, enum stage_count what, int at_least);
/* What each watch waits for happens once more. */
void stage_wake_all(struct stage *s);
void stage_gate(struct stage *s, bool open);

struct peer {
    int fd;
    gnutls_session_t session; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
};
void peer_open(struct peer *p, const struct stage *s);
void peer_close(struct peer *p);
void peer_send(struct peer *p, const char *text);
/* "GET /<path> HTTP/1.1". */
void peer_get(struct peer *p, const char *path);
/* At most `max` bytes; 0: closed, or reset. Waits. */
size_t peer_read(struct peer *p, char *to, size_t max);
void peer_head(struct peer *p, struct answer *a);
/* The next chunk, whole; false: the last one, or the end of the connection. */
enum peer_chunk { CHUNK_DATA, CHUNK_LAST, CHUNK_CUT };
enum peer_chunk peer_chunk(struct peer *p, char *out, size_t size, size_t *ret_len);
/* All that is left, as text. */
enum peer_chunk peer_body(struct peer *p, char *out, size_t size);
