#include "kube/groups.h"

const struct field api_string_lists[] = { { .name = NULL } };

#define TEXT(field, text)                                                                                    \
    { .name = (field), .type = FIELD_STRING, .help = (text) }
#define FLAG(field, text)                                                                                    \
    { .name = (field), .type = FIELD_BOOL, .help = (text) }
#define TEXTS(field, text)                                                                                   \
    { .name = (field), .type = FIELD_STRINGS, .help = (text) }
#define LISTS(field, text)                                                                                   \
    { .name = (field), .type = FIELD_OBJECT, .fields = api_string_lists, .help = (text) }
#define PART(field, table, text)                                                                             \
    { .name = (field), .type = FIELD_OBJECT, .fields = (table), .help = (text) }
#define NEEDED_PART(field, table, text)                                                                      \
    { .name = (field), .type = FIELD_OBJECT, .flags = FIELD_REQUIRED, .fields = (table), .help = (text) }
#define END                                                                                                  \
    { .name = NULL }

/* ---- authentication.k8s.io ---- */

static const struct field user_info[] = {
    TEXT("username", "The name that tells the user apart."),
    TEXT("uid", "An id that is never given to anybody else."),
    TEXTS("groups", "Names of the groups the user is in."),
    LISTS("extra", "Whatever else is known; tenantid is the tenant."),
    END,
};
static const struct field self_review_status[] = { PART("userInfo", user_info, "Who the caller is."), END };
static const struct field self_review[] = { PART("status", self_review_status, "The answer, by the server."),
                                            END };
static const struct kind kind_self_review = {
    .kind = "SelfSubjectReview",
    .plural = "selfsubjectreviews",
    .singular = "selfsubjectreview",
    .verbs = RESOURCE_CREATE,
    .fields = self_review,
    .help = "Asks who the caller is (kubectl auth whoami).",
};

/* ---- authorization.k8s.io ---- */

static const struct field resource_attributes[] = {
    TEXT("namespace", "The namespace; empty: none, or all."),
    TEXT("verb", "get, list, watch, create, update, patch, delete, deletecollection; * means all."),
    TEXT("group", "The API group; * means all."),
    TEXT("version", "The version of the group; * means all."),
    TEXT("resource", "The resource, in the plural; * means all."),
    TEXT("subresource", "What hangs below the object."),
    TEXT("name", "The object; empty: all."),
    END,
};
static const struct field non_resource_attributes[] = {
    TEXT("path", "The path of the URL."),
    TEXT("verb", "The method of HTTP, in lower case."),
    END,
};
static const struct field review_spec[] = {
    PART("resourceAttributes", resource_attributes, "What is to be done with objects."),
    PART("nonResourceAttributes", non_resource_attributes, "What is to be done with a path."),
    TEXT("user", "Whom it is about."),
    TEXTS("groups", "The groups the user is in."),
    LISTS("extra", "Whatever else is known of the user; tenantid is the tenant."),
    TEXT("uid", "The user's id."),
    END,
};
static const struct field self_spec[] = {
    PART("resourceAttributes", resource_attributes, "What is to be done with objects."),
    PART("nonResourceAttributes", non_resource_attributes, "What is to be done with a path."),
    END,
};
static const struct field review_status[] = {
    { .name = "allowed", .type = FIELD_BOOL, .flags = FIELD_REQUIRED, .help = "It may be done." },
    FLAG("denied", "It may not be done, whatever other authorizers say."),
    TEXT("reason", "Why."),
    TEXT("evaluationError", "What went wrong while deciding; the answer stands nevertheless."),
    END,
};
static const struct field subject_review[] = {
    NEEDED_PART("spec", review_spec, "The question."),
    PART("status", review_status, "The answer, by the server."),
    END,
};
static const struct kind kind_subject_review = {
    .kind = "SubjectAccessReview",
    .plural = "subjectaccessreviews",
    .singular = "subjectaccessreview",
    .verbs = RESOURCE_CREATE,
    .fields = subject_review,
    .help = "Asks whether somebody may do something.",
};
static const struct field self_access[] = {
    NEEDED_PART("spec", self_spec, "The question."),
    PART("status", review_status, "The answer, by the server."),
    END,
};
static const struct kind kind_self_access = {
    .kind = "SelfSubjectAccessReview",
    .plural = "selfsubjectaccessreviews",
    .singular = "selfsubjectaccessreview",
    .verbs = RESOURCE_CREATE,
    .fields = self_access,
    .help = "Asks whether the caller may do something (kubectl auth can-i).",
};

static const struct field rules_spec[] = { TEXT("namespace", "The namespace to ask for."), END };
static const struct field resource_rule[] = {
    { .name = "verbs", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .help = "Verbs; * means all." },
    TEXTS("apiGroups", "API groups; * means all."),
    TEXTS("resources", "Resources; * means all, */NAME the subresource NAME of all."),
    TEXTS("resourceNames", "Objects; none or *: all."),
    END,
};
static const struct field non_resource_rule[] = {
    { .name = "verbs", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .help = "Methods; * means all." },
    TEXTS("nonResourceURLs", "Paths; a * at the end stands for anything."),
    END,
};
static const struct field rules_status[] = {
    { .name = "resourceRules",
      .type = FIELD_OBJECTS,
      .flags = FIELD_REQUIRED,
      .fields = resource_rule,
      .help = "What the caller may do with objects, in any order, maybe not all." },
    { .name = "nonResourceRules",
      .type = FIELD_OBJECTS,
      .flags = FIELD_REQUIRED,
      .fields = non_resource_rule,
      .help = "What the caller may do with paths, in any order, maybe not all." },
    { .name = "incomplete",
      .type = FIELD_BOOL,
      .flags = FIELD_REQUIRED,
      .help = "There may be more than these rules." },
    TEXT("evaluationError", "What went wrong while collecting the rules; those given stand nevertheless."),
    END,
};
static const struct field self_rules[] = {
    NEEDED_PART("spec", rules_spec, "The question."),
    PART("status", rules_status, "The answer, by the server."),
    END,
};
static const struct kind kind_self_rules = {
    .kind = "SelfSubjectRulesReview",
    .plural = "selfsubjectrulesreviews",
    .singular = "selfsubjectrulesreview",
    .verbs = RESOURCE_CREATE,
    .fields = self_rules,
    .help = "Asks what the caller may do (kubectl auth can-i --list).",
};

/* ---- what subresources take and give (contract 2.16) ---- */

#define SUBJECTS(field, of, text)                                                                            \
    {                                                                                                        \
        .name = (field), .type = FIELD_OBJECTS, .fields = (of), .list_type = LIST_MAP, .list_key = "id",     \
        .help = (text)                                                                                       \
    }
static const struct field subject[] = {
    TEXT("id", "What tells it apart: the object's name, or the directory's."),
    TEXT("name", "The login name; the server looks it up."),
    END,
};
static const struct field password_request[] = {
    TEXT("hashedPassword", "Base64 of the new password in clear text."),
    TEXT("originalPassword", "Base64 of the password until now."),
    END,
};
static const struct field key_request[] = {
    TEXT("expire", "How long the key is good, as Go writes durations: 168h0m0s. Empty: 168h."),
    TEXT("description", "What it is for."),
    END,
};
static const struct field key_password_request[] = {
    TEXT("tenantID", "The tenant of the local identity."),
    TEXT("username", "Its login name."),
    TEXT("password", "Base64 of its password."),
    TEXT("description", "What the key is for."),
    TEXT("expire", "How long the key is good, as Go writes durations: 168h0m0s. Empty: 168h."),
    END,
};
static const struct field binding[] = {
    SUBJECTS("users", subject, "Users to bind or unbind."),
    SUBJECTS("groups", subject, "Groups to bind or unbind."),
    END,
};
static const struct field policy_binding[] = {
    TEXTS("policies", "Names of the policies to put in or take out."),
    END,
};
static const struct field project_request[] = {
    TEXT("tenantID", "The tenant."),
    TEXTS("policies", "Names of the policies, of scope project."),
    SUBJECTS("users", subject, "Users it is about."),
    SUBJECTS("groups", subject, "Groups it is about."),
    END,
};
static const struct field project_belongs[] = {
    TEXT("tenantID", "The tenant."),
    LISTS("managedProjects", "Projects the user owns, each with the names of the user's policies there."),
    /* The platform's spelling, which its clients read. */
    LISTS("memberdProjects", "All projects of the user, each with the names of the user's policies there."),
    END,
};
static const struct api_type request_types[] = {
    { "Binding", binding, "Users and groups to be given something, or to lose it." },
    { "PolicyBinding", policy_binding, "Policies to be put into a role, or taken out." },
    { "ProjectPolicyBindingRequest", project_request, "Who is to have which policies in a project." },
    { "ProjectBelongs", project_belongs, "The projects of a user." },
    { "PasswordReq", password_request, "A new password for a local identity." },
    { "APIKeyReq", key_request, "A new API key for the caller." },
    { "APIKeyReqPassword", key_password_request, "A new API key for a local identity, by its password." },
    { 0 },
};

/* ---- groups ---- */

static const struct kind *const authentication[] = { &kind_self_review, NULL };
static const struct kind *const authorization[] = { &kind_self_access, &kind_self_rules, &kind_subject_review,
                                                    NULL };
static const struct kind *const *authentication_kinds(void) { return authentication; }
static const struct kind *const *authorization_kinds(void) { return authorization; }

const struct api_group api_groups[] = {
    /* The package is that of the platform's own types, which clients generated from its documents know. */
    { .name = RESOURCE_GROUP,
      .version = RESOURCE_VERSION,
      .package = "io.tkestack.tke.api.auth.v1.",
      .label = "AuthTkestackIoV1",
      .tag = "authTkestackIo_v1",
      .kinds = resource_kinds,
      .types = request_types,
      .has_subresources = true },
    { .name = "authentication.k8s.io",
      .version = "v1",
      .package = "io.k8s.api.authentication.v1.",
      .label = "AuthenticationV1",
      .tag = "authentication_v1",
      .kinds = authentication_kinds },
    { .name = "authorization.k8s.io",
      .version = "v1",
      .package = "io.k8s.api.authorization.v1.",
      .label = "AuthorizationV1",
      .tag = "authorization_v1",
      .kinds = authorization_kinds },
    { 0 },
};

_Static_assert(ARRAY_LEN(api_groups) <= API_GROUPS_MAX + 1, "others keep something for each group");

const struct api_group *api_group_find(struct str name) {
    for (const struct api_group *g = api_groups; g->name != NULL; g++)
        if (str_eq(name, str_of(g->name)))
            return g;
    return NULL;
}

const char *api_verb_name(size_t index, unsigned *ret_verb) {
    static const struct {
        const char *name;
        enum resource_verb verb;
    } verbs[] = {
        { "create", RESOURCE_CREATE },
        { "delete", RESOURCE_DELETE },
        { "deletecollection", RESOURCE_DELETE_COLLECTION },
        { "get", RESOURCE_GET },
        { "list", RESOURCE_LIST },
        { "patch", RESOURCE_PATCH },
        { "update", RESOURCE_UPDATE },
        { "watch", RESOURCE_WATCH },
    };
    if (index >= ARRAY_LEN(verbs))
        return NULL;
    *ret_verb = verbs[index].verb;
    return verbs[index].name;
}

/* What administrators of tenants write. */
const char *api_category(const struct kind *k) {
    bool of_tenants = (k->tenancy == TENANCY_SPEC || k->tenancy == TENANCY_NAME) && !k->is_virtual;
    return of_tenants && (k->verbs & RESOURCE_LIST) != 0 ? "tke-auth" : NULL;
}
