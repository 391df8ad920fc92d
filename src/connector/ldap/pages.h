/* One long search, read a batch at a time. Its position outlives the connection: a new search passes over what is behind us. */
#pragma once
#include "connector/ldap/dir.h"
#include "connector/ldap/token.h"

struct ldap_pages {
    struct ldap_session *s;  /* with a held connection; its arena is emptied for each batch */
    const char *what;        /* "user listing": for errors */
    bool may_lack_base;      /* no such base: nothing found, and a line in the log */
    struct ldap_query query; /* base, scope, filter, attrs, values_max; the rest is ours */
    struct ldap_position at; /* before the next entry that ldap_pages_pass was not told of */
    bool ended;
    int cut_by; /* the result code by which the server ended it early; 0: all was seen */

    /* Ours. */
    struct strbuf cookie;
    bool running;
    uint64_t seen, skip;
    size_t wanted, kept;
};
void ldap_pages_done(struct ldap_pages *p);

/* Some of the next entries, `max` at most; there may be none though more follow: see `ended`. All of the last batch are passed, or
 * ldap_pages_restart was called. ERR_UNAVAILABLE, ERR_TIMEOUT; ERR_LIMIT: the list has no end in sight. */
MUST_CHECK enum err_code ldap_pages_next(struct ldap_pages *p, size_t max, struct ldap_reply *ret);
/* `e`, the next of the batch, is behind us. */
void ldap_pages_pass(struct ldap_pages *p, const struct ldap_entry *e);
/* The connection was used for other pages: begin anew at `at`. */
void ldap_pages_restart(struct ldap_pages *p);
