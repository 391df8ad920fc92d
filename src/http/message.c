#include "http/message.h"

bool media_type_is(struct str content_type, struct str want) {
    struct str type, parameters;
    (void)str_cut(content_type, ';', &type, &parameters);
    return str_eq_nocase(str_trim(type), want);
}

bool request_id_is_valid(struct str id) {
    if (id.len == 0 || id.len > HTTP_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alnum(id.ptr[i]) && id.ptr[i] != '.' && id.ptr[i] != '_' && id.ptr[i] != '-')
            return false;
    return true;
}

void request_id_make(const uint64_t key[2], uint64_t connection, uint64_t number, char out[17]) {
    uint64_t counters[2] = { connection, number };
    uint64_t id = siphash13(key, counters, sizeof counters);
    for (unsigned i = 0; i < 16; i++, id >>= 4)
        out[i] = "0123456789abcdef"[id & 15];
    out[16] = 0;
}

bool header_value_is_safe(struct str value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == 0)
            return false;
    return true;
}

bool header_name_is_valid(struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alnum(name.ptr[i]) &&
            (name.ptr[i] == 0 || memchr("!#$%&'*+-.^_`|~", name.ptr[i], 15) == NULL))
            return false;
    return name.len > 0;
}

unsigned status_of_err(enum err_code code) {
    switch (code) {
    case ERR_OK: return 200;
    case ERR_INVALID:
    case ERR_EXPIRED: return 400;
    case ERR_UNAUTHENTICATED: return 401;
    case ERR_FORBIDDEN: return 403;
    case ERR_NOT_FOUND: return 404;
    case ERR_EXISTS:
    case ERR_CONFLICT: return 409;
    case ERR_LIMIT: return 413;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT: return 503;
    case ERR_NOMEM:
    case ERR_INTERNAL: break;
    }
    return 500;
}

const char *status_text(unsigned status) {
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Error";
    }
}
