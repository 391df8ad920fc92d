/* Decisions per second, memory, load and change time of the platform's model at one size. See tests/bench/enforcer.sh.
 * usage: enforcer_bench RULES SECONDS [DUMP_FOLDER REQUESTS]   prints one JSON object; with a folder it also writes
 * policy.csv and requests.json there, the requests with our answers, for the reference. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

enum { REQUESTS = 20000, CHANGES = 500 };

struct rng {
    uint64_t state;
};

static uint32_t draw(struct rng *r, uint32_t below) {
    r->state += 0x9e3779b97f4a7c15U;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

static double now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* N p-rules: N/10 policies of 10 statements, 3 % deny. N links: users have 4 policies (one in their project) and one
 * group, groups have 2 policies. 8 tenants, N/200 projects. */
struct world {
    uint32_t rules, policies, users, groups, projects;
};

static struct world world_of(uint32_t rules) {
    struct world w = {
        .rules = rules, .policies = rules / 10, .users = rules * 10 / 52, .projects = rules / 200 + 1
    };
    w.groups = w.users / 50 + 1;
    return w;
}

static const char *const kinds[] = { "cluster", "namespace", "deployment", "pod",
                                     "secret",  "node",      "registry",   "chart" };
static const char *const verbs[] = { "get", "list", "create", "update", "delete", "watch" };

static void add_policies(const struct world *w, struct rng *r, struct strbuf *out) {
    for (uint32_t i = 0; i < w->rules; i++) {
        uint32_t policy = i / 10;
        const char *kind = kinds[draw(r, ARRAY_LEN(kinds))], *verb = verbs[draw(r, ARRAY_LEN(verbs))];
        const char *effect = draw(r, 100) < 3 ? "deny" : "allow";
        uint32_t shape = draw(r, 10), cluster = draw(r, w->policies);
        strbuf_addf(out, "p, pol-%u, *, ", policy);
        if (shape < 5)
            strbuf_addf(out, "cluster:cls-%u/*", cluster);
        else if (shape < 8)
            strbuf_addf(out, "cluster:cls-%u/namespace:ns-%u/%s:*", cluster, draw(r, 20), kind);
        else if (shape < 9)
            strbuf_addf(out, "*/%s:x-%u", kind, cluster);
        else
            strbuf_addf(out, "project:prj-%u/*/%s:%u", draw(r, w->projects), kind, cluster);
        strbuf_addf(out, ", %s%s, %s\n", verb, draw(r, 3) ? "*" : kind, effect);
    }
}

static uint32_t project_of(const struct world *w, uint32_t user) { return user % w->projects; }

static void add_links(const struct world *w, struct rng *r, struct strbuf *out) {
    for (uint32_t u = 0; u < w->users; u++) {
        uint32_t tenant = u % 8;
        for (int k = 0; k < 4; k++) {
            strbuf_addf(out, "g, t%u##user##u%u, pol-%u, ", tenant, u, draw(r, w->policies));
            if (k % 2)
                strbuf_addf(out, "prj-%u\n", project_of(w, u));
            else
                strbuf_adds(out, "*\n");
        }
        strbuf_addf(out, "g, t%u##user##u%u, t%u##group##g%u, *\n", tenant, u, tenant, draw(r, w->groups));
    }
    for (uint32_t g = 0; g < w->groups; g++)
        for (int k = 0; k < 2; k++)
            strbuf_addf(out, "g, t%u##group##g%u, pol-%u, *\n", g % 8, g, draw(r, w->policies));
}

struct request {
    char sub[48], dom[24], obj[96], act[32];
};

static void add_request(const struct world *w, struct rng *r, struct request *q) {
    uint32_t u = draw(r, w->users);
    (void)snprintf(q->sub, sizeof q->sub, "t%u##user##u%u", u % 8, u);
    (void)snprintf(q->dom, sizeof q->dom, "prj-%u", draw(r, 10) ? project_of(w, u) : draw(r, w->projects));
    const char *kind = kinds[draw(r, ARRAY_LEN(kinds))];
    (void)snprintf(q->obj, sizeof q->obj, "cluster:cls-%u/namespace:ns-%u/%s:x-%u", draw(r, w->policies),
                   draw(r, 20), kind, draw(r, w->policies));
    (void)snprintf(q->act, sizeof q->act, "%s%s", verbs[draw(r, ARRAY_LEN(verbs))], kind);
}

static enum enforcer_outcome decide(const struct enforcer_snapshot *s, const struct request *q) {
    struct enforcer_result result;
    struct enforcer_tke_request t = { .sub = enforcer_cstr(q->sub),
                                      .dom = enforcer_cstr(q->dom),
                                      .obj = enforcer_cstr(q->obj),
                                      .act = enforcer_cstr(q->act) };
    if (enforcer_enforce_tke(s, &t, &result, NULL) != ENFORCER_OK)
        abort();
    return result.outcome;
}

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void dump(const char *folder, const struct strbuf *csv, const struct enforcer_snapshot *s,
                 const struct request *requests, int count) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/policy.csv", folder);
    FILE *f = fopen(path, "wbe");
    if (f == NULL || fwrite(csv->ptr, 1, csv->len, f) != csv->len || fclose(f) != 0)
        abort();
    (void)snprintf(path, sizeof path, "%s/requests.json", folder);
    f = fopen(path, "wbe");
    if (f == NULL)
        abort();
    for (int i = 0; i < count; i++)
        (void)fprintf(f, "%s[\"%s\",\"%s\",\"%s\",\"%s\",%d]%s\n", i ? "," : "[", requests[i].sub,
                      requests[i].dom, requests[i].obj, requests[i].act,
                      decide(s, &requests[i]) == ENFORCER_ALLOW, i + 1 == count ? "]" : "");
    (void)fclose(f);
}

static double measure_change_us(struct enforcer *e, const struct world *w, struct rng *r) {
    double start = now_s();
    for (int i = 0; i < CHANGES / 2; i++) {
        char user[48], policy[24];
        (void)snprintf(user, sizeof user, "t0##user##new%d", i);
        (void)snprintf(policy, sizeof policy, "pol-%u", draw(r, w->policies));
        struct enforcer_str link[3] = { enforcer_cstr(user), enforcer_cstr(policy), { "*", 1 } };
        struct enforcer_str rule[5] = {
            enforcer_cstr(policy), { "*", 1 }, { "cluster:new/*", 13 }, { "get*", 4 }, { "allow", 5 }
        };
        if (enforcer_add(e, "g", link, 3, NULL, NULL) != ENFORCER_OK ||
            enforcer_add(e, "p", rule, 5, NULL, NULL) != ENFORCER_OK)
            abort();
    }
    return (now_s() - start) / CHANGES * 1e6;
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    struct world w = world_of((uint32_t)strtoul(argv[1], NULL, 10));
    double seconds = strtod(argv[2], NULL);
    struct rng r = { 42 };
    struct strbuf csv = STRBUF(1u << 30);
    add_policies(&w, &r, &csv);
    add_links(&w, &r, &csv);
    if (csv.failed)
        return 1;
    struct enforcer_options options = { .flags = ENFORCER_DIALECT_TKE };
    struct enforcer_error err;
    struct enforcer *e = enforcer_new(enforcer_tke_model(), strlen(enforcer_tke_model()), &options, &err);
    struct rusage before, after;
    (void)getrusage(RUSAGE_SELF, &before);
    double start = now_s();
    if (e == NULL || enforcer_load_csv(e, csv.ptr, csv.len, NULL, &err) != ENFORCER_OK) {
        (void)fprintf(stderr, "%d:%d: %s\n", err.line, err.column, err.text);
        return 1;
    }
    double load_s = now_s() - start;
    (void)getrusage(RUSAGE_SELF, &after);

    struct request *requests = calloc(REQUESTS, sizeof *requests);
    double *times = calloc(REQUESTS, sizeof *times);
    if (requests == NULL || times == NULL)
        return 1;
    for (int i = 0; i < REQUESTS; i++)
        add_request(&w, &r, &requests[i]);
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    size_t allowed = 0, denied = 0, n = 0;
    start = now_s();
    while (now_s() - start < seconds)
        for (int i = 0; i < 1000; i++, n++) {
            const struct enforcer_snapshot *mine = enforcer_acquire(e);
            enum enforcer_outcome o = decide(mine, &requests[n % REQUESTS]);
            allowed += o == ENFORCER_ALLOW;
            denied += o == ENFORCER_DENY;
            enforcer_release(e, mine);
        }
    double rate = (double)n / (now_s() - start);
    for (int i = 0; i < REQUESTS; i++) {
        double t = now_s();
        (void)decide(s, &requests[i]);
        times[i] = (now_s() - t) * 1e6;
    }
    qsort(times, REQUESTS, sizeof *times, compare_double);
    struct enforcer_stats stats;
    enforcer_stats(e, s, &stats);
    size_t rules = stats.policy_rules + stats.grouping_rules;
    if (argc > 4)
        dump(argv[3], &csv, s, requests, (int)strtol(argv[4], NULL, 10));
    enforcer_release(e, s);
    double change_us = measure_change_us(e, &w, &r);
    (void)printf(
        "{\"rules\": %u, \"all_rules\": %zu, \"decisions_per_s\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
        "\"load_s\": %.4f, \"bytes_per_rule\": %.0f, \"rss_mb\": %.1f, \"change_us\": %.1f, \"allowed\": "
        "%.3f, "
        "\"denied\": %.3f}\n",
        w.rules, rules, rate, times[REQUESTS / 2], times[REQUESTS / 100 * 99], load_s,
        (double)stats.bytes / (double)rules, (double)(after.ru_maxrss - before.ru_maxrss) / 1024, change_us,
        (double)allowed / (double)n, (double)denied / (double)n);
    free(requests);
    free(times);
    strbuf_done(&csv);
    enforcer_free(e);
    return 0;
}
