/* What the connector tests share: a throw-away slapd, and a connector opened from YAML. Includes unit/test.h. */
#pragma once
#include "unit/test.h"
#include "tkeauth/connector.h"

/* ---- a slapd of tests/fixture/slapd ---- */
struct slapd {
    char dir[64];
    char *ldap, *ldaps, *ca, *other_ca, *client_cert, *client_key; /* owned */
};
/* `options`: NULL-terminated, after "start DIR --ldif CASES". Fails the test when it does not start. */
void slapd_start(struct slapd *s, const char *const options[]);
/* The same with another LDIF file than that of tests/fixture/ldap_cases. */
void slapd_start_with(struct slapd *s, const char *ldif, const char *const options[]);
void slapd_command(const struct slapd *s, const char *command); /* "restart", "kill" */
void slapd_stop(struct slapd *s);
/* Applies LDIF changes as the administrator. */
void slapd_modify(const struct slapd *s, const char *ldif);
/* Runs a program and returns what it prints (malloc'd); its exit status must be 0. `input` may be NULL. */
char *run_program(const char *const argv[], const char *input);

/* ---- a connector ---- */
struct rig {
    struct arena *arena;
    struct connector_env env;
    struct cfg_problems problems;
    struct connector *c;
    struct err err;
    int64_t budget_ms; /* of each login */
    const struct identity *refreshed;
};
/* Type "ldap", id "t1". Problems fail the test. */
void rig_open(struct rig *r, const char *type, const char *yaml);
/* Expects problems; returns their text in the rig's arena. */
const char *rig_problems(struct rig *r, const char *type, const char *yaml);
void rig_close(struct rig *r);

/* ERR_OK and the outcome, or the error. Asks for groups and refresh data. */
enum err_code rig_login(struct rig *r, struct str name, struct str password, enum login_outcome *ret,
                        struct identity *ret_identity);
/* Logs in and then refreshes: both must succeed and agree. The identity lives until rig_close. */
const struct identity *rig_ok(struct rig *r, const char *name, const char *password);
void rig_wrong(struct rig *r, const char *name, const char *password);
void rig_blocked(struct rig *r, const char *name, const char *password);
/* The login is an error of that code whose detail says `says`. */
void rig_fails(struct rig *r, const char *name, const char *password, enum err_code code, const char *says);
enum refresh_outcome rig_refresh(struct rig *r, const struct identity *old, struct identity *ret);
/* As sets; `want` is NULL-terminated. */
void assert_groups(const struct identity *i, const char *const want[]);
#define GROUPS(...) ((const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
