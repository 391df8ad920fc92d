#include "../test.h"

#include "authz/convert.h"

enum { COLUMNS = 12, GROUPS_MAX = 4 };

static struct str cell(struct str *rest) {
    struct str head;
    (void)str_cut(*rest, '|', &head, rest);
    head = str_trim(head);
    return str_eq(head, STR("-")) ? STR_NULL : head;
}

static void check_row(struct arena *a, struct str line) {
    struct err err = { 0 };
    struct str rest = line, groups[GROUPS_MAX], group, in[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        in[i] = cell(&rest);
    struct authz_attributes at = { .verb = in[0],
                                   .api_group = in[1],
                                   .resource = in[2],
                                   .subresource = in[3],
                                   .name = in[4],
                                   .namespace = in[5],
                                   .is_resource = str_eq(in[6], STR("resource")) };
    struct authz_user user = { .name = STR("alice"), .groups = groups };
    while (user.group_count < GROUPS_MAX && str_next(&in[7], ' ', &group))
        groups[user.group_count++] = group;
    struct authz_request_context context = { .path = in[8], .query_namespace = in[9] };
    struct authz_converted got;
    assert_ok(authz_convert(a, &at, &context, &user, &got, &err));
    if (!str_eq(got.action, in[10]) || !str_eq(got.resource, in[11]))
        fail_msg("%.*s\n  gave %.*s %.*s", STR_FMT(line), STR_FMT(got.action), STR_FMT(got.resource));
}

static void every_known_conversion_is_reproduced(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    assert_ok(file_read("tests/unit/authz/data/conversion.txt", 64 * 1024, &text, &err));
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct str rest = strbuf_str(&text), line;
    size_t rows = 0;
    while (str_next(&rest, '\n', &line))
        if (line.ptr[0] != '#') {
            check_row(a, line);
            rows++;
        }
    assert_int_equal(rows, 59);
}

static void known_singulars_are_reproduced_in_any_case(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(64 * 1024);
    assert_ok(file_read("tests/unit/authz/data/singular.txt", 64 * 1024, &text, &err));
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct str rest = strbuf_str(&text), line;
    size_t words = 0;
    while (str_next(&rest, '\n', &line)) {
        struct str plural, singular;
        if (line.ptr[0] == '#')
            continue;
        assert_true(str_cut(line, ' ', &plural, &singular));
        struct str got = authz_singular(a, plural);
        if (!str_eq(got, singular))
            fail_msg("%.*s gave %.*s", STR_FMT(plural), STR_FMT(got));
        char upper[64];
        for (size_t i = 0; i < plural.len; i++)
            upper[i] = (char)(plural.ptr[i] - 'a' + 'A');
        got = authz_singular(a, (struct str) { upper, plural.len });
        assert_true(str_eq_nocase(got, singular));
        words++;
    }
    assert_int_equal(words, 32);
}

static void every_rule_of_the_singular_table_has_an_example(void **state) {
    (void)state;
    static const struct {
        const char *plural, *singular;
    } words[] = {
        { "equipment", "equipment" },
        { "species", "species" },
        { "police", "police" },
        { "zombies", "zombie" },
        { "moves", "move" },
        { "sexes", "sex" },
        { "children", "child" },
        { "women", "woman" },
        { "people", "person" },
        { "databases", "database" },
        { "quizzes", "quiz" },
        { "xquizzes", "xquizze" },
        { "matrices", "matrix" },
        { "indices", "index" },
        { "vertices", "vertex" },
        { "oxen", "ox" },
        { "boxen", "boxen" },
        { "aliases", "alias" },
        { "statuses", "status" },
        { "viri", "virus" },
        { "octopi", "octopus" },
        { "testes", "testis" },
        { "axes", "axis" },
        { "crises", "crisis" },
        { "shoes", "shoe" },
        { "heroes", "hero" },
        { "buses", "bus" },
        { "lice", "louse" },
        { "mice", "mouse" },
        { "dishes", "dish" },
        { "boxes", "box" },
        { "movies", "movie" },
        { "queries", "query" },
        { "soliloquies", "soliloquy" },
        { "scarves", "scarf" },
        { "wolves", "wolf" },
        { "archives", "archive" },
        { "natives", "native" },
        { "knives", "knife" },
        { "theses", "thesis" },
        { "synopses", "synopsis" },
        { "diagnoses", "diagnosis" },
        { "bases", "basis" },
        { "analyses", "analysis" },
        { "", "" },
        { "pod", "pod" },
        { "ties", "ty" },
        { "ies", "ie" },
        { "ves", "ve" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct str got = authz_singular(a, str_of(words[i].plural));
        if (!str_eq(got, str_of(words[i].singular)))
            fail_msg("%s gave %.*s, wanted %s", words[i].plural, STR_FMT(got), words[i].singular);
    }
}

static void the_cluster_header_wins_over_url_and_group(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct str groups[] = { STR("cluster:from-group") };
    struct authz_user user = { .name = STR("u"), .groups = groups, .group_count = 1 };
    struct authz_attributes at = {
        .verb = STR("get"), .resource = STR("nodes"), .name = STR("n"), .is_resource = true
    };
    struct authz_request_context context = { .cluster_header = STR("from-header") };
    struct authz_converted got;
    assert_ok(authz_convert(a, &at, &context, &user, &got, &err));
    assert_str(got.resource, "cluster:from-header/node:n");
    context.cluster_header = STR_NULL;
    assert_ok(authz_convert(a, &at, &context, &user, &got, &err));
    assert_str(got.resource, "cluster:from-group/node:n");
}

static void an_empty_name_comes_out_as_a_star(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct authz_user user = { .name = STR("u") };
    struct authz_attributes at = { .verb = STR("create"), .resource = STR("projects"), .is_resource = true };
    struct authz_request_context context = { 0 };
    struct authz_converted got;
    assert_ok(authz_convert(a, &at, &context, &user, &got, &err));
    assert_str(got.name, "*");
    assert_str(got.resource, "project:*");
}

static void running_out_of_memory_is_reported(void **state) {
    (void)state;
    struct err err = { 0 };
    struct authz_user user = { .name = STR("u") };
    struct authz_attributes at = { .verb = STR("get"), .resource = STR("policies"), .is_resource = true };
    struct authz_request_context context = { 0 };
    struct authz_converted got;
    for (size_t max = 0; max <= 16; max += 16) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(max);
        assert_int_equal(authz_convert(a, &at, &context, &user, &got, &err), ERR_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_conversion_is_reproduced),
        cmocka_unit_test(known_singulars_are_reproduced_in_any_case),
        cmocka_unit_test(every_rule_of_the_singular_table_has_an_example),
        cmocka_unit_test(the_cluster_header_wins_over_url_and_group),
        cmocka_unit_test(an_empty_name_comes_out_as_a_star),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
