/* Message catalogues: one flat JSON object per language, "key": "text with {value} in it". English is the master: its keys
 * are the keys there are, and it stands in where another language lacks one. */
#pragma once
#include "tkeauth/base.h"

enum {
    MESSAGES_LANGUAGES_MAX = 16,
    MESSAGES_KEYS_MAX = 512,
    MESSAGE_LEN_MAX = 1024,
    MESSAGES_SIZE_MAX = 256 * 1024
};
struct messages; /* immutable, in an arena */
struct messages_source {
    const char *origin;  /* for error texts */
    struct str language; /* "en", "zh": a language subtag, lower case */
    struct str json;
};
/* Sources of one language are laid over each other, later ones win. ERR_INVALID: not such an object, a text that is not UTF-8,
 * a brace that is not part of a {name}, a key that English does not have. The result lives in `a`. */
MUST_CHECK enum err_code messages_new(struct arena *a, const struct messages_source *sources, size_t len,
                                      const struct messages **ret, struct err *err);
size_t messages_language_count(const struct messages *m);
const char *messages_language(const struct messages *m, size_t language);
/* Index of the language named exactly; 0, which is English, when there is none. */
size_t messages_language_find(const struct messages *m, struct str name);
/* True and the index of `key`. */
bool messages_find(const struct messages *m, struct str key, size_t *ret_key);
/* NUL-terminated. */
struct str messages_text(const struct messages *m, size_t language, size_t key);
/* Cuts `*rest` into a literal and the {name} behind it; *ret_name is empty at the end. False when nothing is left. */
bool messages_next(struct str *rest, struct str *ret_literal, struct str *ret_name);

/* The catalogue for `ui_locales` (OIDC Core 3.1.2.1) and Accept-Language (RFC 9110 12.5.4), 0 when none fits. A tag fits by
 * lookup (RFC 4647 3.4): zh-Hans-CN, then zh-Hans, then zh. */
size_t messages_negotiate(const struct messages *m, struct str ui_locales, struct str accept_language);
