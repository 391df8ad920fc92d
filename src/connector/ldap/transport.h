/* A TCP connection, made by a deadline. libldap's own connect and TLS can hang or spin on a server that says nothing. */
#pragma once
#include <sys/types.h>
#include "tkeauth/base.h"

struct
    ldap_resolver; /* look-ups of one connector: getaddrinfo() knows no deadline, so it runs on threads of its own */
struct ldap_resolver *ldap_resolver_new(void) MUST_CHECK; /* NULL: out of memory */
/* Does not wait for look-ups under way: the last of them frees what is left. */
void ldap_resolver_free(struct ldap_resolver *r);
DEFINE_AUTO_FREE(ldap_resolver_free, struct ldap_resolver);

/* The socket and what has been read ahead from it: a message costs one recv, not one for its head and one for its body. */
struct ldap_stream {
    int fd; /* non-blocking; -1: closed */
    size_t at, len;
    unsigned char in[16 * 1024];
};
/* As recv and send, from and to a non-blocking socket: -1 with errno EAGAIN, 0 at the end of input. No SIGPIPE. */
ssize_t ldap_stream_read(struct ldap_stream *s, void *out, size_t len);
ssize_t ldap_stream_write(struct ldap_stream *s, const void *data, size_t len);
bool ldap_stream_has_input(const struct ldap_stream *s); /* read ahead, not yet consumed */
void ldap_stream_close(struct ldap_stream *s);
/* Waits until the socket is ready for `events` (poll's): false when the deadline passes first. */
bool ldap_stream_wait(const struct ldap_stream *s, short events, const struct clock *clock,
                      int64_t deadline_mono_ms);
/* False when the other side has closed, or has said something although nothing was asked: of no more use. */
bool ldap_stream_is_quiet(const struct ldap_stream *s);

/* Connects to `host` (a name or an address), trying its addresses in turn, each with an equal share of what is left until
 * `deadline_mono_ms`. ERR_TIMEOUT, ERR_UNAVAILABLE. */
MUST_CHECK enum err_code ldap_stream_connect(struct ldap_stream *s, struct ldap_resolver *r, const char *host,
                                             uint16_t port, const struct clock *clock,
                                             int64_t deadline_mono_ms, struct err *err);
