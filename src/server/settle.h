/* A change of tenants or clients is in the store; the server's own thread builds the snapshot that knows it, and whoever made the change
 * waits for that before telling their caller that it is done. */
#pragma once
#include "tkeauth/base.h"

struct settle;
/* `wait_ms`: how long a caller waits at most. */
MUST_CHECK enum err_code settle_new(int64_t wait_ms, struct settle **ret, struct err *err);
/* Nobody may be waiting. NULL is fine. */
void settle_free(struct settle *s);
/* Readable while there is something to build. */
int settle_fd(const struct settle *s);
/* The change of `revision` needs a new snapshot. Any thread, never waits. */
void settle_want(struct settle *s, int64_t revision);
/* Takes the wish: what to build is everything up to the revision returned. 0: nothing is wanted. */
int64_t settle_take(struct settle *s);
/* Everything up to `revision` is built, or could not be. */
void settle_done(struct settle *s, int64_t revision);
/* Until everything wanted so far up to `revision` is built, or the wait has been too long. */
void settle_wait(struct settle *s, int64_t revision);
