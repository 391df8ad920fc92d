/* Who is in a group: what the matchers of a login say, read from the group's side. */
#pragma once
#include "connector/ldap/dir.h"

/* What one listing has learnt about members; bounded. */
struct ldap_members {
    struct ldap_session *s;
    struct strbuf user_base; /* DN key of userSearch.baseDN */
    bool
        wants_people; /* all users must be read before a group can be told of: one look-up more would have been too many */
    struct map groups; /* DN keys of all groups, where groups hold groups */
    struct map people; /* struct person *: users by DN and by what groups hold of them, once they are known */
    bool people_known, people_too_many;
    size_t lookups, lookups_max;
    struct map branches; /* struct branch *: groups inside of groups that were read before */
    bool branches_full;
    struct arena *known;    /* holds people */
    struct arena *branched; /* holds branches */
    struct arena *whole;    /* a group that was too large for its page */
    struct arena *work;     /* the group, or the group inside of it, that is looked at */
    struct arena *lookup;   /* one answer */
};
/* Where groups hold groups, reads which there are: before other pages are read on the session's connection. After
 * `lookups_max` look-ups of single members all users are read. ldap_members_done also after an error. */
MUST_CHECK enum err_code ldap_members_init(struct ldap_members *m, struct ldap_session *s,
                                           size_t lookups_max);
void ldap_members_done(struct ldap_members *m);
/* The members of the group `e` into `ret`, in `out`: without duplicates, DIRECTORY_MEMBERS_MAX at most. `*ret_again`: users
 * had to be read first, in pages on the session's connection; ask again. */
MUST_CHECK enum err_code ldap_members_of(struct ldap_members *m, const struct ldap_entry *e,
                                         struct arena *out, struct directory_group *ret, bool *ret_again);
