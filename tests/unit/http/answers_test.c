#include "unit/http/live.h"

#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static int start(void **state) {
    struct live *l = calloc(1, sizeof *l);
    assert_non_null(l);
    live_init(l);
    static const char *const proxies[] = { "127.0.0.2", "10.0.0.0/8" };
    static const char *const origins[] = { "https://console.example" };
    l->options.trusted_proxies = (struct http_strings) { proxies, ARRAY_LEN(proxies) };
    l->options.cors_origins = (struct http_strings) { origins, ARRAY_LEN(origins) };
    live_start(l, NULL);
    *state = l;
    return 0;
}

static int stop(void **state) {
    live_stop(*state);
    free(*state);
    return 0;
}

#define assert_has(text, part)                                                                               \
    do {                                                                                                     \
        if (strstr((text), (part)) == NULL)                                                                  \
            fail_msg("no \"%s\" in \"%s\"", (part), (text));                                                 \
    } while (0)
#define assert_has_not(text, part) assert_null(strstr((text), (part)))

static void a_route_answers_with_security_headers(void **state) {
    struct answer a;
    client_call(*state, GET("/hello"), &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "hello");
    assert_string_equal(answer_header(&a, "Content-Type"), "text/plain");
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(&a, "Referrer-Policy"), "strict-origin");
    assert_string_equal(answer_header(&a, "X-Frame-Options"), "DENY");
    assert_string_equal(answer_header(&a, "Strict-Transport-Security"), "");
    assert_string_equal(answer_header(&a, "Cache-Control"), "");
}

static void every_answer_has_one_date_that_follows_the_clock(void **state) {
    struct live *l = *state;
    struct answer a;
    for (int i = 0; i < 2; i++) { /* the second from what was prepared by the first */
        client_call(l, GET("/hello"), &a);
        assert_string_equal(answer_header(&a, "Date"), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_null(strstr(strstr(a.head, "Date:") + 1, "Date:"));
    }
    clock_advance(&l->clock, 1000);
    client_call(l, GET("/hello"), &a);
    assert_string_equal(answer_header(&a, "Date"), "Tue, 14 Nov 2023 22:13:21 GMT");
    client_call(l, GET("/nowhere"), &a);
    assert_string_equal(answer_header(&a, "Date"), "Tue, 14 Nov 2023 22:13:21 GMT");
}

static void a_handler_may_choose_its_own_security_header(void **state) {
    struct answer a;
    client_call(*state, GET("/kind/csp"), &a);
    assert_string_equal(answer_header(&a, "X-Frame-Options"), "SAMEORIGIN");
}

static void errors_carry_them_too_and_are_not_stored(void **state) {
    struct answer a;
    client_call(*state, GET("/nothing-here"), &a);
    assert_int_equal(a.status, 404);
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    assert_has(a.body, "404 Not Found\nrequest id: ");
}

static void head_has_the_length_of_get_and_no_body(void **state) {
    int fd = client_open(*state);
    struct answer a;
    client_sends(fd, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n" GET("/hello"));
    client_read_head_only(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Length"), "5");
    client_read(fd, &a);
    assert_string_equal(a.body, "hello");
    (void)close(fd);
}

static void connections_are_kept_and_pipelined_requests_answered_in_order(void **state) {
    int fd = client_open(*state);
    struct answer a;
    client_sends(fd, GET("/files/1") GET("/work/echo?a=2") GET("/hello"));
    client_sends(fd, "POST /echo HTTP/1.1\r\n" HOST
                     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=4" GET(
                         "/files/5"));
    client_read(fd, &a);
    assert_has(a.body, "rest=1\n");
    client_read(fd, &a);
    assert_has(a.body, "a=2\n");
    client_read(fd, &a);
    assert_string_equal(a.body, "hello");
    client_read(fd, &a);
    assert_has(a.body, "a=4\n");
    client_read(fd, &a);
    assert_has(a.body, "rest=5\n");
    client_sends(fd, GET("/hello"));
    client_read(fd, &a);
    assert_string_equal(a.body, "hello");
    (void)close(fd);
}

static void another_method_is_405_with_allow(void **state) {
    struct answer a;
    client_call(*state, "DELETE /echo HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD, POST, OPTIONS");
    client_call(*state, "OPTIONS /raw HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_int_equal(a.status, 204);
    assert_string_equal(answer_header(&a, "Allow"), "POST, PUT, OPTIONS");
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Methods"), "");
    client_call(*state, "BREW /hello HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_int_equal(a.status, 501);
}

static void paths_have_one_spelling(void **state) {
    static const struct {
        const char *target;
        unsigned status;
    } cases[] = {
        { "/named/%61na/x", 200 },  { "/named/a%2Fb/x", 400 },    { "/named/../hello", 400 },
        { "/named/%2e%2e/x", 400 }, { "//hello", 400 },           { "/hello%00", 400 },
        { "/hello/", 404 },         { "/slash/", 200 },           { "/slash", 200 },
        { "/hell%6F", 200 },        { "/named/%zz/x", 400 },      { "http://h/hello", 200 },
        { "/named/%ff/x", 400 },    { "/hello?../..", 200 },      { "/files/a/b/c", 200 },
        { "/files", 404 },          { "/files/a%5c..%5cb", 400 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[256];
        struct answer a;
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", cases[i].target);
        client_call(*state, request, &a);
        if (a.status != cases[i].status)
            fail_msg("%s gives %u", cases[i].target, a.status);
    }
}

static void path_parameters_and_the_rest_reach_the_handler(void **state) {
    struct answer a;
    client_call(*state, GET("/named/jos%C3%A9/x?q=%41"), &a);
    assert_has(a.body, "path=/named/jos\xc3\xa9/x\nquery=q=%41\n");
    assert_has(a.body, "name=jos\xc3\xa9\n");
    client_call(*state, GET("/files/a/b/"), &a);
    assert_has(a.body, "rest=a/b/\n");
}

static void a_form_post_takes_parameters_from_its_body_alone(void **state) {
    struct answer a;
    client_call(*state,
                "POST /echo?a=query&b=query HTTP/1.1\r\n" HOST
                "Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8\r\nContent-Length: 14\r\n\r\n"
                "a=x%20y+z&b=&c",
                &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "\na=x y z\nb=\n");
    client_call(*state, GET("/echo?a=1&unknown=1&unknown=2"), &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "\na=1\n");
}

static void bad_parameters_are_400_unless_the_route_handles_them(void **state) {
    static const char *const bad[] = { "/need", "/need?a=", "/need?a=1&a=2", "/need?a=123456789",
                                       "/need?a=1&b=%zz" };
    struct answer a;
    char request[256];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", bad[i]);
        client_call(*state, request, &a);
        if (a.status != 400)
            fail_msg("%s gives %u", bad[i], a.status);
        assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
        assert_string_equal(answer_header(&a, "Pragma"), "no-cache");
    }
    client_call(*state, GET("/own?a=123456789&b=1&b=2"), &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "\na=123456789\nb=1\n");
    assert_has(a.body, "\nrepeated=b\n");
}

static void a_post_that_is_no_form_is_415(void **state) {
    struct answer a;
    client_call(
        *state,
        "POST /echo HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", &a);
    assert_int_equal(a.status, 415);
    client_call(*state, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", &a);
    assert_int_equal(a.status, 415);
    client_call(*state,
                "PUT /raw HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "body={}\n");
}

static void headers_and_cookies_are_found(void **state) {
    struct answer a;
    client_call(*state,
                "GET /work/echo HTTP/1.1\r\n" HOST "USER-AGENT: one\r\nUser-Agent: two\r\n"
                "Cookie: x=1; sessio=2\r\nCookie: session=\"v\"; session=w\r\n\r\n",
                &a);
    assert_has(a.body, "agent=one\nagents=2\ncookie=v\n");
}

static void ambiguous_requests_are_refused(void **state) {
    static const char *const bad[] = {
        "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "Authorization: Basic eDp5\r\nAuthorization: Bearer z\r\n\r\n",
        "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /raw HTTP/1.1\r\n" HOST "Content-Length: -2\r\n\r\n{}",
        "GET /hello HTTP/1.1\r\n" HOST "Authorization : x\r\n\r\n",
        "GET /hello HTTP/1.1\r\n\r\n",
        "GET hello HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct answer a;
        client_call(*state, bad[i], &a);
        if (a.status != 400)
            fail_msg("%s gives %u", bad[i], a.status);
    }
}

static void garbage_ends_the_connection_and_nothing_else(void **state) {
    static const struct str garbage[] = {
        STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        STR("\0\0\0\0\r\n\r\n"),
        STR("GET\r\n\r\n"),
        STR("GET /hello\0/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        STR("POST /raw HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        STR("POST /raw HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
            "chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n"),
        STR("GET /hello HTTP/9.9\r\nHost: h\r\nConnection: close\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        int fd = client_open(*state);
        client_send(fd, garbage[i]);
        (void)shutdown(fd, SHUT_WR);
        while (!client_is_closed(fd))
            continue;
        (void)close(fd);
    }
    struct answer a;
    client_call(*state, GET("/hello"), &a);
    assert_int_equal(a.status, 200);
}

static void chunked_bodies_arrive_whole(void **state) {
    struct answer a;
    client_call(*state,
                "POST /raw HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n",
                &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "body=abcdefg\n");
}

static void errors_map_to_statuses_and_keep_their_detail_in_the_log(void **state) {
    struct live *l = *state;
    static const unsigned want[] = {
        [ERR_NOMEM] = 500,   [ERR_LIMIT] = 413,       [ERR_INVALID] = 400,         [ERR_NOT_FOUND] = 404,
        [ERR_EXISTS] = 409,  [ERR_CONFLICT] = 409,    [ERR_UNAUTHENTICATED] = 401, [ERR_FORBIDDEN] = 403,
        [ERR_EXPIRED] = 400, [ERR_UNAVAILABLE] = 503, [ERR_TIMEOUT] = 503,         [ERR_INTERNAL] = 500,
    };
    for (size_t code = 1; code < ARRAY_LEN(want); code++) {
        char request[256];
        struct answer a;
        (void)snprintf(request, sizeof request, "GET /fail/%zu HTTP/1.1\r\n" HOST "\r\n", code);
        client_call(l, request, &a);
        assert_int_equal(a.status, want[code]);
        assert_has_not(a.body, "detail");
        assert_has_not(a.body, "half an answer");
        assert_string_equal(answer_header(&a, "Retry-After"), want[code] == 503 ? "2" : "");
    }
    char *log = live_log(l);
    assert_has(log, "the detail that only the log may see");
    free(log);
}

static void a_route_renders_its_own_errors_with_the_request_id(void **state) {
    struct answer a;
    client_call(*state, "GET /rendered/3 HTTP/1.1\r\n" HOST "User-Agent: me\r\n\r\n", &a);
    assert_int_equal(a.status, 400);
    assert_string_equal(answer_header(&a, "Content-Type"), "text/html");
    assert_has(a.body, "rendered invalid 400 ");
    assert_has(a.body, " agent=me");
    char id[17];
    memcpy(id, a.body + strlen("rendered invalid 400 "), 16);
    id[16] = 0;
    char *log = live_log(*state);
    assert_has(log, id);
    free(log);
}

static void nothing_a_handler_sets_can_split_the_response(void **state) {
    struct answer a;
    client_call(*state, GET("/kind/split"), &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Set-Cookie"), "");
    assert_string_equal(answer_header(&a, "X-One"), "");
    assert_string_equal(answer_header(&a, "X-Two"), "fine");
    client_call(*state, GET("/kind/split-redirect"), &a);
    assert_int_equal(a.status, 500);
    assert_string_equal(answer_header(&a, "Location"), "");
}

static void redirects_cookies_and_empty_answers_are_sent(void **state) {
    struct answer a;
    client_call(*state, GET("/kind/redirect"), &a);
    assert_int_equal(a.status, 303);
    assert_string_equal(answer_header(&a, "Location"), "/oidc/auth?x=1");
    client_call(*state, GET("/kind/cookies"), &a);
    assert_has(a.head, "Set-Cookie: session=v1; Path=/oidc; HttpOnly; Secure; SameSite=Lax\r\n");
    assert_has(a.head, "Set-Cookie: old=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT\r\n");
    client_call(*state, GET("/kind/nothing"), &a);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.body_len, 0);
}

static void a_form_from_another_site_is_refused(void **state) {
    static const struct {
        const char *headers;
        unsigned status;
    } cases[] = {
        { "", 200 },
        { "Sec-Fetch-Site: same-origin\r\n", 200 },
        { "Sec-Fetch-Site: none\r\n", 200 },
        { "Sec-Fetch-Site: cross-site\r\n", 403 },
        { "Sec-Fetch-Site: same-site\r\n", 403 },
        { "Origin: https://h\r\n", 200 },
        { "Origin: https://evil\r\n", 403 },
        { "Origin: null\r\n", 403 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[512];
        struct answer a;
        (void)snprintf(request, sizeof request,
                       "POST /form HTTP/1.1\r\n" HOST "Content-Type: application/x-www-form-urlencoded\r\n"
                       "%sContent-Length: 3\r\n\r\na=1",
                       cases[i].headers);
        client_call(*state, request, &a);
        if (a.status != cases[i].status)
            fail_msg("%s gives %u", cases[i].headers, a.status);
    }
}

static void cors_is_for_listed_origins_only(void **state) {
    struct answer a;
    client_call(*state, "GET /cors HTTP/1.1\r\n" HOST "Origin: https://console.example\r\n\r\n", &a);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "https://console.example");
    assert_string_equal(answer_header(&a, "Vary"), "Origin");
    client_call(*state, "GET /cors HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
    client_call(*state, "GET /hello HTTP/1.1\r\n" HOST "Origin: https://console.example\r\n\r\n", &a);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
    client_call(*state,
                "OPTIONS /cors HTTP/1.1\r\n" HOST
                "Origin: https://console.example\r\nAccess-Control-Request-Method: GET\r\n\r\n",
                &a);
    assert_int_equal(a.status, 204);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "https://console.example");
}

static void a_preflight_allows_the_headers_of_its_route(void **state) {
    static const struct {
        const char *path, *method, *origin, *headers;
    } cases[] = {
        { "/cors", "GET", "https://console.example", "Authorization, Content-Type" },
        { "/objects/a/b", "PATCH", "https://console.example", "Authorization, Content-Type, X-Tenant" },
        { "/objects/a", "GET", "https://evil.example", "" },
        { "/hello", "GET", "https://console.example", "" },
        { "/objects/a", "TRACE", "https://console.example", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf request = STRBUF(1024);
        strbuf_addf(&request, "OPTIONS %s HTTP/1.1\r\n" HOST "Origin: %s\r\n", cases[i].path,
                    cases[i].origin);
        strbuf_addf(&request, "Access-Control-Request-Method: %s\r\n\r\n", cases[i].method);
        struct answer a;
        client_call(*state, strbuf_c(&request), &a);
        assert_int_equal(a.status, 204);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Headers"), cases[i].headers);
    }
    /* Only a preflight says so. */
    struct answer a;
    client_call(*state, "GET /objects/a HTTP/1.1\r\n" HOST "Origin: https://console.example\r\n\r\n", &a);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "https://console.example");
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Headers"), "");
}

static void bodies_of_all_methods_reach_the_handler_up_to_their_limit(void **state) {
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        { "POST", HTTP_POST }, { "PUT", HTTP_PUT }, { "PATCH", HTTP_PATCH }, { "DELETE", HTTP_DELETE }
    };
    char body[1001];
    memset(body, 'b', sizeof body);
    int fd = client_open(*state);
    for (size_t i = 0; i < 4 * ARRAY_LEN(methods); i++) {
        size_t at = i / 4;
        bool is_chunked = i % 2, is_too_long = i % 4 >= 2;
        struct str sent = { body, is_too_long ? 1001 : 1000 };
        AUTO(strbuf_done) struct strbuf request = STRBUF(4096);
        strbuf_addf(&request, "%s /objects/g/v/a%%3Ab HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n",
                    methods[at].name);
        if (is_chunked)
            strbuf_addf(&request, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n0\r\n\r\n", sent.len,
                        STR_FMT(sent));
        else
            strbuf_addf(&request, "Content-Length: %zu\r\n\r\n%.*s", sent.len, STR_FMT(sent));
        struct answer a;
        client_send(fd, strbuf_str(&request));
        client_read(fd, &a);
        assert_int_equal(a.status, is_too_long ? 413 : 200);
        if (is_too_long)
            continue;
        AUTO(strbuf_done) struct strbuf want = STRBUF(4096);
        strbuf_addf(&want, "method=%d\npath=/objects/g/v/a:b\nquery=\nbody=%.*s\n", (int)methods[at].method,
                    STR_FMT(sent));
        assert_has(a.body, strbuf_c(&want));
        assert_has(a.body, "rest=g/v/a:b\n");
    }
    (void)close(fd);
}

static void a_wildcard_takes_the_methods_of_its_route_and_no_others(void **state) {
    struct answer a;
    client_call(*state, "GET /objects/x/y?watch=1 HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "rest=x/y\n");
    assert_has(a.body, "query=watch=1\n");
    client_call(*state, "DELETE /objects/x HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_has(a.body, "body=\n");
    client_call(*state, "PUT /files/x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD, OPTIONS");
    client_call(*state, "OPTIONS /objects/x/y HTTP/1.1\r\n" HOST "\r\n", &a);
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

static void only_a_trusted_proxy_speaks_for_others(void **state) {
    static const char request[] = "GET /echo HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.9, 10.1.1.1\r\n"
                                  "X-Request-Id: proxy-1\r\nConnection: close\r\n\r\n";
    struct answer a;
    client_call(*state, request, &a);
    assert_has(a.body, "ip=127.0.0.1\n");
    assert_has_not(a.body, "id=proxy-1\n");
    int fd = client_open_from(*state, "127.0.0.2");
    client_sends(fd, request);
    client_read(fd, &a);
    assert_has(a.body, "ip=192.0.2.9\n");
    assert_has(a.body, "id=proxy-1\n");
    (void)close(fd);
}

static void requests_are_counted_and_logged_without_their_query(void **state) {
    struct live *l = *state;
    uint64_t before = live_counter(l, "http_requests_total", "route=\"work\",code=\"2xx\"");
    struct answer a;
    int fd = client_open(l);
    client_sends(fd, "GET /work/echo?a=geheim HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    client_read(fd, &a);
    assert_true(client_is_closed(fd)); /* the request is over once its connection is */
    (void)close(fd);
    assert_int_equal(live_counter(l, "http_requests_total", "route=\"work\",code=\"2xx\""), before + 1);
    char *log = live_log(l);
    assert_has(log, "/work/echo");
    assert_has_not(log, "geheim");
    free(log);
}

static void a_changed_static_answer_is_noticed(void **state) {
    struct answer a;
    int fd = client_open(*state);
    for (int i = 0; i < 3; i++) {
        client_sends(fd, GET("/flip"));
        client_read(fd, &a);
        assert_string_equal(a.body, i % 2 ? "odd" : "one");
        client_sends(fd, GET("/cors"));
        client_read(fd, &a);
        assert_string_equal(answer_header(&a, "Vary"), "Origin");
        assert_string_equal(a.body, "hello");
        assert_string_equal(answer_header(&a, "X-Frame-Options"), "DENY");
        client_sends(fd, "GET /cors HTTP/1.1\r\n" HOST "Origin: https://console.example\r\n\r\n");
        client_read(fd, &a);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "https://console.example");
        client_sends(fd, GET("/hello")); /* nothing is left over of the request before */
        client_read(fd, &a);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
    }
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_answers_with_security_headers),
        cmocka_unit_test(every_answer_has_one_date_that_follows_the_clock),
        cmocka_unit_test(a_handler_may_choose_its_own_security_header),
        cmocka_unit_test(errors_carry_them_too_and_are_not_stored),
        cmocka_unit_test(head_has_the_length_of_get_and_no_body),
        cmocka_unit_test(connections_are_kept_and_pipelined_requests_answered_in_order),
        cmocka_unit_test(another_method_is_405_with_allow),
        cmocka_unit_test(paths_have_one_spelling),
        cmocka_unit_test(path_parameters_and_the_rest_reach_the_handler),
        cmocka_unit_test(a_form_post_takes_parameters_from_its_body_alone),
        cmocka_unit_test(bad_parameters_are_400_unless_the_route_handles_them),
        cmocka_unit_test(a_post_that_is_no_form_is_415),
        cmocka_unit_test(headers_and_cookies_are_found),
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(garbage_ends_the_connection_and_nothing_else),
        cmocka_unit_test(chunked_bodies_arrive_whole),
        cmocka_unit_test(errors_map_to_statuses_and_keep_their_detail_in_the_log),
        cmocka_unit_test(a_route_renders_its_own_errors_with_the_request_id),
        cmocka_unit_test(nothing_a_handler_sets_can_split_the_response),
        cmocka_unit_test(redirects_cookies_and_empty_answers_are_sent),
        cmocka_unit_test(a_form_from_another_site_is_refused),
        cmocka_unit_test(cors_is_for_listed_origins_only),
        cmocka_unit_test(a_preflight_allows_the_headers_of_its_route),
        cmocka_unit_test(bodies_of_all_methods_reach_the_handler_up_to_their_limit),
        cmocka_unit_test(a_wildcard_takes_the_methods_of_its_route_and_no_others),
        cmocka_unit_test(only_a_trusted_proxy_speaks_for_others),
        cmocka_unit_test(requests_are_counted_and_logged_without_their_query),
        cmocka_unit_test(a_changed_static_answer_is_noticed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
