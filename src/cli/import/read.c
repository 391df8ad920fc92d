/* Files -> documents -> objects. */
#include "cli/import/import.h"

#include <sys/stat.h>

static enum err_code add_document(struct import *m, json_t *document, struct err *err);

static enum err_code add_all(struct import *m, const json_t *list, struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(list); i++)
        rc = add_document(m, json_array_get(list, i), err);
    return rc;
}

/* At most as deep as the text was. */
static enum err_code add_document(struct import *m, json_t *document, struct err *err) {
    if (json_is_array(document))
        return add_all(m, document, err);
    struct str kind = json_get_str(document, "kind");
    const json_t *items = json_object_get(document, "items");
    if (kind.len > 0 && str_ends_with(kind, STR("List")) && (json_is_array(items) || json_is_null(items)))
        return add_all(m, items, err);
    if (kind.len > 0 && json_get_str(document, "apiVersion").len > 0)
        return import_add_object(m, document, err);
    if (import_is_dex(document))
        return import_add_dex(m, document, err);
    return err_set(
        err, ERR_INVALID,
        "neither an object of Kubernetes (apiVersion, kind) nor a configuration of dex (staticClients, "
        "staticPasswords, connectors)");
}

static bool looks_like_json(struct str text) {
    struct str start = str_trim(str_sub(text, 0, 4096));
    return start.len > 0 && (start.ptr[0] == '{' || start.ptr[0] == '[');
}

/* What begins as JSON may still be YAML, which has braces as well. */
static enum err_code parse(struct str text, json_t **ret, struct err *err) {
    struct err ignored = { 0 };
    if (!looks_like_json(text))
        return cfg_yaml_to_json(text, IMPORT_FILE_MAX, true, ret, err);
    enum err_code rc = json_parse(text, ret, err);
    if (rc == ERR_INVALID && cfg_yaml_to_json(text, IMPORT_FILE_MAX, true, ret, &ignored) == ERR_OK)
        return ERR_OK;
    return rc;
}

enum err_code import_read_text(struct import *m, struct str text, struct err *err) {
    json_t *document = NULL;
    enum err_code rc = parse(text, &document, err);
    if (rc == ERR_OK)
        rc = add_document(m, document, err);
    json_decref(document);
    return rc;
}

enum err_code import_read_file(struct import *m, const char *path, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(IMPORT_FILE_MAX);
    struct stat st;
    const char *from = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    enum err_code rc = file_read(from, IMPORT_FILE_MAX, &text, err);
    if (rc != ERR_OK)
        return rc;
    if (stat(from, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0 && m->o->progress != NULL)
        (void)fprintf(m->o->progress, "tke-auth: %s can be read by others, and may hold hashes and keys\n",
                      path);
    rc = import_read_text(m, strbuf_str(&text), err);
    return rc == ERR_OK ? ERR_OK : err_context(err, "%s", path);
}
