/* A directory that misbehaves on purpose: a thread on a loopback port that answers as a script says. */
#pragma once
#include "unit/test.h"
#include <pthread.h>
#include <stdatomic.h>

enum fake_mode {
    FAKE_SANE,             /* binds succeed, every search finds one entry */
    FAKE_SILENT,           /* accepts, never says a word */
    FAKE_CLOSES,           /* accepts and closes */
    FAKE_RUBBISH,          /* says HTTP */
    FAKE_HALF,             /* half an answer, then nothing */
    FAKE_DRIP,             /* one byte at a time, never done */
    FAKE_HUGE,             /* announces a message of 2 GB */
    FAKE_WRONG_ID,         /* answers a question nobody asked */
    FAKE_REFUSES_BIND,     /* result 49 for the searching account */
    FAKE_UNKNOWN_BIND,     /* result 80 for every bind but the first */
    FAKE_ENDLESS_ENTRIES,  /* a search without end */
    FAKE_ENDLESS_PAGES,    /* from the second search on: pages without end and without entries */
    FAKE_SILENT_USER_BIND, /* sane until a second bind on any connection */
    FAKE_FORGETS,          /* closes a connection at its second search, unannounced */
    FAKE_STARTTLS_SILENT,  /* agrees to StartTLS, then nothing */
    FAKE_STARTTLS_INJECTS, /* agrees, and adds an answer before the handshake */
    FAKE_STARTTLS_REFUSES,
    FAKE_RANGES,      /* gives memberOf in three pieces; then a group */
    FAKE_RANGES_STOP, /* the same, but the last piece never comes */
    FAKE_REFERRAL,    /* result 10 for searches */
    /* Searches with paging find FAKE_LISTED entries, uid=u0000 and so on; others find one, as FAKE_SANE. */
    FAKE_LIST,
    FAKE_LIST_UNPAGED, /* knows no paging: all in one answer */
    FAKE_LIST_GREEDY,  /* pages twice as large as was asked for */
    FAKE_LIST_SILENT,  /* no word after the first page */
    FAKE_LIST_CLOSES,  /* closes instead of the second page */
    FAKE_LIST_HELD,    /* every page waits until `held` is false */
    FAKE_LIST_LIMIT,   /* result 4 instead of the second page */
    FAKE_USER_RANGES,  /* one group, and a user whose list of groups comes in pieces */
    FAKE_GROUP_RANGES, /* one group, whose five members come in pieces as from Active Directory */
};
enum { FAKE_LISTED = 1300 };
struct fake {
    _Atomic int mode;
    _Atomic int connections, binds, searches; /* seen so far */
    _Atomic int complete;                     /* requests that name all values of FAKE_RANGES */
    _Atomic int pages, page_max;              /* searches with paging; the most entries one asked for */
    _Atomic int waiting, waiting_max;         /* pages of FAKE_LIST_HELD that wait, and waited at a time */
    _Atomic bool held;
    int listener, port;
    pthread_t thread;
    int wake[2];
};
void fake_start(struct fake *f, enum fake_mode mode);
void fake_stop(struct fake *f);
