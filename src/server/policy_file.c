#include "server/policy_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "enforcer/enforcer.h"
#include "tkeauth/authz.h"
#include "tkeauth/resource.h"

enum { FIELDS_MAX = 7 };
static const size_t memory_max = (size_t)8 * 1024 * 1024 * 1024; /* of a file of 1 GiB */

/* ---- has it changed? ---- */

static bool is_same_path(const char *a, const char *b) {
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool look(struct policy_file *f, const char *path, struct err *err, enum err_code *ret) {
    struct stat st = { 0 };
    *ret = ERR_OK;
    if (path != NULL)
        (void)stat(path, &st); /* one that is not there differs from one that is, too */
    const struct policy_file now = { .looked = true,
                                     .device = (uint64_t)st.st_dev,
                                     .inode = (uint64_t)st.st_ino,
                                     .size = (uint64_t)st.st_size,
                                     .modified_s = st.st_mtim.tv_sec,
                                     .modified_ns = st.st_mtim.tv_nsec,
                                     .changed_s = st.st_ctim.tv_sec,
                                     .changed_ns = st.st_ctim.tv_nsec };
    bool same = f->looked && is_same_path(f->path, path) && f->device == now.device &&
                f->inode == now.inode && f->size == now.size && f->modified_s == now.modified_s &&
                f->modified_ns == now.modified_ns && f->changed_s == now.changed_s &&
                f->changed_ns == now.changed_ns;
    if (same)
        return false;
    char *copy = path != NULL ? str_dup_c(path) : NULL;
    if (path != NULL && copy == NULL) {
        *ret = err_set(err, ERR_NOMEM, "%s", path);
        return false;
    }
    free(f->path);
    *f = now;
    f->path = copy;
    return true;
}

/* ---- its rules ---- */

struct adding {
    struct rule_list *list;
    size_t too_long; /* fields of a rule that cannot be kept; 0: there was none */
};

static bool add_rule(void *ctx, const struct enforcer_rule *rule) {
    struct adding *a = ctx;
    struct enforcer_str ptype = enforcer_rule_ptype(rule);
    struct rule_view view = { .ptype = { ptype.ptr, ptype.len } };
    if (enforcer_rule_len(rule) > FIELDS_MAX) {
        a->too_long = enforcer_rule_len(rule);
        return false;
    }
    for (size_t i = 0; i < enforcer_rule_len(rule); i++) {
        struct enforcer_str field = enforcer_rule_field(rule, i);
        view.fields[view.len++] = (struct str) { field.ptr, field.len };
    }
    rule_list_add(a->list, &view);
    return true;
}

static enum err_code add_rules(struct enforcer *e, struct rule_list *list, struct err *err) {
    enum err_code rc = ERR_OK;
    struct enforcer_error why = { 0 };
    struct adding a = { .list = list };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    for (char family = 'g'; rc == ERR_OK && family <= 'p'; family += 'p' - 'g')
        for (int i = 1; rc == ERR_OK && i <= 9; i++) {
            char ptype[3] = { family, i > 1 ? (char)('0' + i) : '\0', '\0' };
            enum enforcer_status status = enforcer_rules(s, ptype, 0, NULL, 0, add_rule, &a, &why);
            if (status != ENFORCER_OK && status != ENFORCER_NOT_FOUND) /* the model knows no such ptype */
                rc = err_set(err, ERR_NOMEM, "%s", why.text);
            else if (a.too_long > 0)
                rc = err_set(err, ERR_INVALID, "a %s rule has %zu fields, and no more than %d can be kept",
                             ptype, a.too_long, FIELDS_MAX);
        }
    enforcer_release(e, s);
    return rc;
}

static enum err_code read_rules(const char *path, const char *model, const struct random *random,
                                struct rule_list *list, struct err *err) {
    struct enforcer *e = NULL;
    enum err_code rc = authz_enforcer_new(model, random, &e, err);
    if (rc != ERR_OK)
        return rc;
    rc = authz_enforcer_load(e, path, err);
    if (rc == ERR_OK)
        rc = add_rules(e, list, err);
    enforcer_free(e);
    return rc;
}

/* Not the file's fault: it is looked at again as if it had never been. */
static bool may_pass(enum err_code rc) {
    return rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT || rc == ERR_NOMEM;
}

enum err_code policy_file_sync(struct policy_file *f, const char *path, const char *model, struct store *s,
                               const struct random *random, size_t *ret_changed, struct err *err) {
    enum err_code rc;
    if (ret_changed != NULL)
        *ret_changed = 0;
    if (!look(f, path, err, &rc))
        return rc;
    AUTO_FREE(arena_free) struct arena *a = arena_new(memory_max);
    struct rule_list *list = a != NULL ? rule_list_new(a) : NULL;
    rc = list == NULL   ? err_set(err, ERR_NOMEM, "rules")
         : path != NULL ? read_rules(path, model, random, list, err)
                        : ERR_OK;
    if (rc != ERR_OK) {
        f->looked = rc != ERR_NOMEM;
        return rc;
    }
    rc = rules_set(s, rule_owner_file(), list, ret_changed, err);
    f->looked = !may_pass(rc);
    return rc;
}

void policy_file_done(struct policy_file *f) {
    free(f->path);
    *f = (struct policy_file) { 0 };
}
