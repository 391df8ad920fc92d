/* Every open connection: how many, from where, and when each loses its slot. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "http/forwarded.h"
#include "tkeauth/log.h"

struct connections;
struct snapshot;

/* Its HTTP thread owns it; `deadline_ms` is also read by the sweeper, the links belong to the mutex. */
struct connection {
    struct connection *next, *prev;
    int fd;
    struct ip ip;
    bool is_counted; /* in the table of addresses */
    uint64_t id, requests;
    _Atomic int64_t deadline_ms; /* clock_mono_ms after which the socket is shut down; 0: none */
    struct snapshot *tls;        /* the certificate it was opened with */
    struct str peer_certificate; /* verified; owned */
    int64_t peer_until_s;        /* end of its validity */
    bool is_peer_checked;
};

struct connections {
    pthread_mutex_t mutex;
    struct connection *first;
    struct map by_ip; /* address block -> number of connections */
    unsigned per_ip_max;
    const struct cidr *unlimited; /* proxies: many clients behind one address */
    size_t unlimited_len;
    struct gauge *open;
    struct counter *refused, *cut;
    _Atomic uint64_t next_id;
};

void connections_init(struct connections *c, const struct random *random);
void connections_done(struct connections *c);
/* Is there room for another one from that address? */
bool connections_has_room(struct connections *c, const struct ip *ip);
/* NULL: no memory, or no room. `fd` is borrowed and must stay open until connections_remove. */
struct connection *connections_add(struct connections *c, const struct ip *ip, int fd, int64_t deadline_ms);
/* Frees the connection itself, not what others hung into it. */
void connections_remove(struct connections *c, struct connection *connection);
/* Shuts down the socket of every connection whose deadline is `now_ms` or before; its HTTP thread notices. */
void connections_sweep(struct connections *c, int64_t now_ms);
