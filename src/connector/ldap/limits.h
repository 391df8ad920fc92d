/* Every maximum of the LDAP connector in one place. */
#pragma once

enum {
    LDAP_FILTER_MAX = 16 * 1024, /* bytes of a search filter as sent */
    LDAP_FILTER_DEPTH_MAX = 32,  /* nesting of a configured filter */
    LDAP_DN_MAX = 8 * 1024,      /* bytes of a DN, ours or the directory's */
    LDAP_DN_RDNS_MAX = 64,       /* components of a DN */
    LDAP_RDN_AVAS_MAX = 8,       /* attributes of one multi-valued RDN */
    LDAP_USERNAME_MAX = 256,     /* bytes, as typed */
    LDAP_PASSWORD_MAX = 1024,    /* bytes: as crypto's PASSWORD_MAX, the local connector's limit */
    LDAP_HOSTS_MAX = 8,
    LDAP_ADDRESSES_MAX = 8,             /* of one host, tried in turn */
    LDAP_MESSAGE_MAX = 8 * 1024 * 1024, /* bytes of one message from the server */
    LDAP_USER_ATTRS_MAX = 64,           /* attributes we ask for */
    LDAP_VALUES_MAX = 20000,            /* values of one attribute */
    LDAP_GROUP_VALUES_PER_FILTER = 64,  /* values OR-ed into one group search */
    LDAP_GROUPS_PAGE = 500,             /* entries of one page (RFC 2696) */
    LDAP_RESOLVERS_MAX = 4,             /* name look-ups under way for one connector */
    LDAP_DIAGNOSTIC_MAX = 160,          /* bytes of a server's text that reach the log */
    LDAP_BREAKER_FAILURES = 3,          /* in a row, until a server is left alone */
    LDAP_BREAKER_FIRST_MS = 500,        /* left alone at first; doubles with each further failure */
    LDAP_BREAKER_LAST_MS = 15000,
    LDAP_FRESH_MS = 100,    /* a connection used so lately is not looked at before it is used again */
    LDAP_PATIENCE_MS = 900, /* a shorter wait in vain is no failure of the server */
    LDAP_SCRATCH_MAX = 64 * 1024 * 1024, /* bytes one login may keep of the directory's answers */
    LDAP_PROBE_MS = 1000,                /* what one login may lose to try a server that had failed */
    LDAP_GROUP_NAME_MAX = 1024,          /* bytes */
    LDAP_LIST_MAX = 1000000,             /* entries of a listing, with those that are passed over to go on */
    LDAP_MEMBERS_PAGE = 100,             /* groups of one page, where their members are wanted */
    LDAP_PAGE_VALUES_MAX = 1000,         /* of one attribute in a page; a larger group is read alone */
    LDAP_COOKIE_MAX = 64 * 1024,         /* bytes of a server's mark between two pages */
    LDAP_LOOKUPS_MAX = 32,         /* of single members in one listing; then all users are read at once */
    LDAP_LOOKUPS_OF_ONE_MAX = 500, /* the same for one group that is asked for */
    LDAP_INDEX_MAX = 200000,       /* users, or groups, that one listing may know at a time */
    LDAP_INDEX_BYTES_MAX = 32 * 1024 * 1024,
    LDAP_AMBIGUOUS_MAX = 8, /* entries looked at to tell which of them has an id */
};
