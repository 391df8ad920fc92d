#include "http/connections.h"

#include <sys/socket.h>

void connections_init(struct connections *c, const struct random *random) {
    (void)pthread_mutex_init(&c->mutex, NULL);
    random_bytes(random, c->by_ip.seed, sizeof c->by_ip.seed);
}

void connections_done(struct connections *c) {
    map_done(&c->by_ip, NULL);
    (void)pthread_mutex_destroy(&c->mutex);
}

static struct str ip_key(const struct ip *block) { return (struct str) { (const char *)block->bytes, 16 }; }

static uintptr_t count_of(struct connections *c, const struct ip *block) {
    return (uintptr_t)map_get(&c->by_ip, ip_key(block));
}

static bool is_limited(const struct connections *c, const struct ip *ip) {
    return c->per_ip_max > 0 && !cidr_contains(c->unlimited, c->unlimited_len, ip);
}

bool connections_has_room(struct connections *c, const struct ip *ip) {
    if (!is_limited(c, ip))
        return true;
    struct ip block = ip_client_block(ip);
    (void)pthread_mutex_lock(&c->mutex);
    bool room = count_of(c, &block) < c->per_ip_max;
    (void)pthread_mutex_unlock(&c->mutex);
    if (!room)
        counter_add(c->refused, 1);
    return room;
}

/* The number is kept in the map's value pointer itself. */
static bool count(struct connections *c, const struct ip *ip, int delta) {
    struct ip block = ip_client_block(ip);
    uintptr_t n = count_of(c, &block);
    if (delta < 0 && n <= 1) {
        (void)map_remove(&c->by_ip, ip_key(&block));
        return true;
    }
    if (delta > 0 && n >= c->per_ip_max)
        return false;
    struct err err;
    uintptr_t next = delta > 0 ? n + 1 : n - 1;
    return map_put(&c->by_ip, ip_key(&block), (void *)next, NULL, &err) ==
           ERR_OK; /* NOLINT: a number, no address */
}

struct connection *connections_add(struct connections *c, const struct ip *ip, int fd, int64_t deadline_ms) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    connection->ip = *ip;
    connection->id = atomic_fetch_add_explicit(&c->next_id, 1, memory_order_relaxed);
    connection->is_counted = is_limited(c, ip);
    atomic_init(&connection->deadline_ms, deadline_ms);
    (void)pthread_mutex_lock(&c->mutex);
    if (connection->is_counted && !count(c, ip, 1)) {
        (void)pthread_mutex_unlock(&c->mutex);
        counter_add(c->refused, 1);
        free(connection);
        return NULL;
    }
    connection->next = c->first;
    if (c->first != NULL)
        c->first->prev = connection;
    c->first = connection;
    gauge_add(c->open, 1);
    (void)pthread_mutex_unlock(&c->mutex);
    return connection;
}

void connections_remove(struct connections *c, struct connection *connection) {
    (void)pthread_mutex_lock(&c->mutex);
    *(connection->prev ? &connection->prev->next : &c->first) = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    if (connection->is_counted)
        (void)count(c, &connection->ip, -1);
    gauge_add(c->open, -1);
    (void)pthread_mutex_unlock(&c->mutex);
    free(connection);
}

void connections_sweep(struct connections *c, int64_t now_ms) {
    (void)pthread_mutex_lock(
        &c->mutex); /* holds off connections_remove, and with it close(): no fd is reused here */
    for (struct connection *i = c->first; i != NULL; i = i->next) {
        int64_t deadline = atomic_load_explicit(&i->deadline_ms, memory_order_relaxed);
        if (deadline == 0 || deadline > now_ms)
            continue;
        atomic_store_explicit(&i->deadline_ms, 0, memory_order_relaxed);
        (void)shutdown(i->fd, SHUT_RDWR);
        counter_add(c->cut, 1);
    }
    (void)pthread_mutex_unlock(&c->mutex);
}
