/* The parts of bench_oidc: what run.py starts, each for one figure of one round. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void must(bool fine, const char *what);
int64_t now_us(void);

/* Writes `count` authorization codes into a store and their texts to stdout, one a line. */
int seed_main(int argc, char **argv);
/* Raw rates of the signatures and of the password hash, on one core. */
int raw_main(int argc, char **argv);
/* Raw search and bind on kept connections to a directory. */
int ldap_main(int argc, char **argv);
/* HTTP clients that keep their connections. */
int load_main(int argc, char **argv);

/* ---- what a client says and how it takes the answer ---- */
enum { REQUEST_MAX = 12288, ANSWER_MAX = 65536, TEXT_MAX = 2048, BODY_MAX = 6144 };

struct answer {
    int status;
    const char *head, *body; /* both NUL-terminated; head: from the status line */
};
struct visitor {
    char request[REQUEST_MAX];
    size_t request_len, sent;
    char answer[ANSWER_MAX];
    size_t answer_len;
    int fd, step;
    int64_t begun_us;
    char token[TEXT_MAX], csrf[TEXT_MAX], path[TEXT_MAX], cookie[TEXT_MAX];
    size_t number; /* of this client, from 0; a scenario counts on in it */
};
struct scenario_args {
    const char *client_id, *secret, *codes, *connector, *user, *password, *bearer;
    size_t skip, users;
};
enum next { NEXT_END, NEXT_MORE, NEXT_DONE };
struct scenario {
    const char *name;
    /* Writes the next request of an operation; false: there is nothing left to do. */
    bool (*say)(struct visitor *c, const struct scenario_args *a);
    /* NEXT_MORE: the operation goes on. NEXT_DONE: it is complete and counts. NEXT_END: complete, but only a preparation. */
    enum next (*take)(struct visitor *c, const struct scenario_args *a, const struct answer *answer);
};
extern const struct scenario scenarios[];
void request_write(struct visitor *c, const char *method, const char *path, const char *headers,
                   const char *body);
