/* As Kubernetes' x509 authenticator: CN is the name, every O a group. */
#include "authn/certificate.h"

#include <openssl/err.h>

#include "authn/principal.h"

enum { ORGANIZATIONS_MAX = 1024 };

static void free_x509(X509 **x) { X509_free(*x); }

/* In UTF-8, whatever string type it has. STR_NULL: it cannot be read. */
static struct str text_of(struct arena *a, const X509_NAME_ENTRY *entry) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    struct str text = len >= 0 ? arena_str(a, (struct str) { (const char *)utf8, (size_t)len }) : STR_NULL;
    OPENSSL_free(utf8);
    ERR_clear_error();
    return text;
}

/* "admin\0.example" is not admin. Of two names, which is meant? */
static const char *read_subject(struct arena *a, const X509 *x, struct certificate_identity *id) {
    const X509_NAME *subject = X509_get_subject_name(x);
    struct str *groups = arena_array(a, ORGANIZATIONS_MAX, sizeof *groups);
    int entries = X509_NAME_entry_count(subject);
    id->groups = groups;
    for (int i = 0; groups != NULL && i < entries; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (nid != NID_commonName && nid != NID_organizationName)
            continue;
        struct str text = text_of(a, entry);
        if (nid == NID_commonName && id->name.len != 0)
            return "the client certificate has several common names";
        if (!principal_is_text(text))
            return "the client certificate has a name or an organization that is empty or no text";
        if (nid == NID_commonName)
            id->name = text;
        else if (id->group_count == ORGANIZATIONS_MAX)
            return "the client certificate has too many organizations";
        else
            groups[id->group_count++] = text;
    }
    return id->name.len == 0 ? "the client certificate has no common name" : NULL;
}

static bool is_allowed_proxy(const struct certificate_cas *cas, const char *wrong, struct str name) {
    for (size_t i = 0; wrong == NULL && i < cas->proxy_name_count; i++)
        if (str_eq(cas->proxy_names[i], name))
            return true;
    return cas->proxy_name_count == 0;
}

/* What both CAs say together holds as long as each of them says it. */
static enum client_ca_verdict ask(const struct client_ca *ca, X509 *x, int64_t now,
                                  struct certificate_identity *id) {
    int64_t from = 0, until = 0;
    enum client_ca_verdict verdict = ca != NULL ? client_ca_verify(ca, x, now, &from, &until)
                                                : CLIENT_CA_OTHER;
    if (verdict == CLIENT_CA_REFUSED) /* it may come of age */
        id->until = 0;
    if (verdict == CLIENT_CA_ISSUED && id->until != 0) {
        id->from = from > id->from ? from : id->from;
        id->until = until < id->until ? until : id->until;
    }
    return verdict;
}

enum err_code certificate_identify(struct arena *a, const struct certificate_cas *cas, struct str der,
                                   int64_t now, struct certificate_identity *ret, struct err *err) {
    AUTO(free_x509) X509 *x = client_certificate_parse(der);
    if (x == NULL) {
        *ret = (struct certificate_identity) { .refusal = "the client certificate cannot be read" };
        return ERR_OK;
    }
    struct certificate_identity id = { .from = INT64_MIN, .until = client_certificate_end(x) };
    enum client_ca_verdict client = ask(cas->clients, x, now, &id), proxy = ask(cas->proxies, x, now, &id);
    const char *wrong = read_subject(a, x, &id);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a client certificate");
    id.is_proxy = proxy == CLIENT_CA_ISSUED && is_allowed_proxy(cas, wrong, id.name);
    id.is_client = client == CLIENT_CA_ISSUED && wrong == NULL;
    if (client == CLIENT_CA_ISSUED)
        id.refusal = wrong;
    else if (client == CLIENT_CA_REFUSED || (proxy == CLIENT_CA_REFUSED && !id.is_client))
        id.refusal = "the client certificate is expired, not valid yet, or not for clients";
    *ret = id;
    return ERR_OK;
}
