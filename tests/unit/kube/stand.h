/* The API over a store of either sort, without a server: requests are calls, and what was written reaches watchers when a test says so.
 * Objects are written by ../resource/rig.h, whose store and clock these are. */
#pragma once
#include "unit/kube/call.h"
#include "unit/resource/rig.h"

#include "kube/request.h"

struct stand {
    struct kube_hub_options hub_options; /* a test may change them before stand_restart */
    struct kube_hub *hub;
    struct kube_app app;
    struct metrics *metrics;
    struct log *log;
    int log_fd;
    int64_t fed;         /* revision up to which the hub knows */
    struct asked *asked; /* all of the test */
};
extern struct stand stand;

int stand_setup(void **state); /* as rig_setup */
int stand_teardown(void **state);
#define AT(f, backend)                                                                                       \
    {                                                                                                        \
        .name = #f " (" backend ")", .test_func = (f), .setup_func = stand_setup,                            \
        .teardown_func = stand_teardown, .initial_state = (void *)(uintptr_t)(backend)                       \
    }
#define AT_BOTH(f) AT(f, "memory"), AT(f, "sqlite")
#define AT_MEMORY(f) AT(f, "memory")
/* A new hub that begins now, as after a restart of the daemon. No watch may be open. */
void stand_restart(void);
/* What was written since the last time is published, as the daemon's feed does; the second does not yet tell that it is all. */
void stand_feed(void);
void stand_publish(void);
bool stand_measures(const char *line); /* of the metrics */
void stand_tick(int64_t ms);           /* after that time */
/* History before now is forgotten, but the last `keep` changes. */
void stand_compact(size_t keep);

/* ---- whose rights ---- */
extern const struct scope platform, platform_in_acme, acme, acme_project, alice,
    beta; /* beta: another tenant */

/* ---- requests ---- */
struct asked {
    struct asked *next;
    struct call *call;
    struct kube_request kr;
    enum err_code rc; /* of the handler; what it refused is answered as a Status */
    struct err err;
    unsigned status;
    struct str body; /* of streams that were read to their end, too */
    json_t *json;    /* of it; NULL: none */
    /* Of a watch: */
    struct strbuf lines;
    size_t told; /* bytes of them that watch_text has told */
    int64_t last_revision;
    bool ended;
};
/* GET of a target that is a list, or a watch, which then is open. Lives as long as the test. */
struct asked *ask(const struct scope *whose, const char *target);
struct asked *ask_with_accept(const struct scope *whose, const char *target, const char *accept);
/* A list that is not read yet, for as long as it is more than a piece; ask_close reads (on) and looks at it. */
struct asked *ask_open(const struct scope *whose, const char *target);
void ask_close(struct asked *a);
/* request_read alone. */
struct asked *ask_to_read(const char *method, const char *target);
struct asked *ask_to_read_with(const char *method, const char *target, const char *header, const char *value);
void ask_done(struct asked *a); /* the client hangs up */
/* "pol-1 pol-2", of items or rows. */
const char *ask_names(const struct asked *a);
const char *ask_token(const struct asked *a); /* metadata.continue; NULL: none */
int64_t ask_revision(const struct asked *a);
void ask_refused(const struct asked *a, unsigned status, const char *reason, const char *part_of_message);
#define assert_names(a, wanted) assert_string_equal(ask_names(a), (wanted))

/* ---- watches ---- */
/* Reads until there is nothing to read, `piece` bytes at a time; true: the stream has ended. */
bool watch_read_by(struct asked *a, size_t piece);
bool watch_read(struct asked *a);
/* What has come since the last time: "ADDED pol-1, MODIFIED pol-1, BOOKMARK, END, ERROR 410". END: a bookmark behind the first events.
 * Revisions of changes must grow. */
const char *watch_text(struct asked *a);
#define assert_watch(a, wanted) assert_string_equal(watch_text(a), (wanted))
