#include "kube/version.h"

#include "tkeauth/base/json.h"

/* Clients compare this with versions of Kubernetes: it is the one whose ways with objects, discovery and OpenAPI are spoken here. Our own version is
 * build metadata (semver.org 10), which no comparison looks at. */
#define SPOKEN_MAJOR "1"
#define SPOKEN_MINOR "30"

#if defined(__x86_64__)
#define ARCHITECTURE "amd64" /* as Go calls it */
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "unknown"
#endif
#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

void version_print(struct strbuf *out) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "major", STR(SPOKEN_MAJOR));
    json_field_str(out, &first, "minor", STR(SPOKEN_MINOR));
    json_field_str(out, &first, "gitVersion",
                   STR("v" SPOKEN_MAJOR "." SPOKEN_MINOR ".0+tke-auth-" TKEAUTH_VERSION));
    /* Clients know all of these; a build that can be repeated has no date, and the rest is nobody's business. */
    json_field_str(out, &first, "gitCommit", STR(""));
    json_field_str(out, &first, "gitTreeState", STR(""));
    json_field_str(out, &first, "buildDate", STR(""));
    json_field_str(out, &first, "goVersion", STR(""));
    json_field_str(out, &first, "compiler", STR(COMPILER));
    json_field_str(out, &first, "platform", STR("linux/" ARCHITECTURE));
    strbuf_addc(out, '}');
}
