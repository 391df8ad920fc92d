#include "unit/test.h"

#include "tkeauth/log.h"

#include <pthread.h>

static struct metrics *metrics;
static struct strbuf text;

static int setup(void **state) {
    (void)state;
    metrics = metrics_new();
    text = STRBUF(1 << 20);
    return metrics ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    metrics_free(metrics);
    strbuf_done(&text);
    return 0;
}

static void counters_and_gauges_render_by_family_and_label(void **state) {
    (void)state;
    counter_add(metrics_counter(metrics, "b_total", "code=\"500\"", "Answers\nby \\code"), 2);
    counter_add(metrics_counter(metrics, "b_total", "code=\"200\"", "Answers\nby \\code"), 1);
    gauge_set(metrics_gauge(metrics, "a_open", "", "Open"), 5);
    gauge_add(metrics_gauge(metrics, "a_open", "", "Open"), -7);
    metrics_render(metrics, &text);
    assert_string_equal(strbuf_c(&text), "# HELP a_open Open\n# TYPE a_open gauge\na_open -2\n"
                                         "# HELP b_total Answers\\nby \\\\code\n# TYPE b_total counter\n"
                                         "b_total{code=\"200\"} 1\nb_total{code=\"500\"} 2\n");
}

static void the_same_name_and_labels_are_the_same_object(void **state) {
    (void)state;
    struct counter *c = metrics_counter(metrics, "x_total", "a=\"1\"", "X");
    assert_ptr_equal(c, metrics_counter(metrics, "x_total", "a=\"1\"", "X"));
    assert_ptr_not_equal(c, metrics_counter(metrics, "x_total", "a=\"2\"", "X"));
    /* The name of a counter cannot become a gauge: that one counts, but shows nowhere. */
    gauge_set(metrics_gauge(metrics, "x_total", "a=\"1\"", "X"), 99);
    metrics_render(metrics, &text);
    assert_null(strstr(strbuf_c(&text), "99"));
}

static void a_histogram_counts_cumulatively_up_to_inf(void **state) {
    (void)state;
    struct histogram *h = metrics_histogram(metrics, "t_seconds", "route=\"token\"", "Time");
    static const int64_t samples[] = { 100, 101, 1500000, 30000001, -1 };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        histogram_observe_us(h, samples[i]);
    metrics_render(metrics, &text);
    static const char *const lines[] = {
        "# TYPE t_seconds histogram\n",
        "t_seconds_bucket{route=\"token\",le=\"0.0001\"} 2\n",
        "t_seconds_bucket{route=\"token\",le=\"0.00025\"} 3\n",
        "t_seconds_bucket{route=\"token\",le=\"1\"} 3\n",
        "t_seconds_bucket{route=\"token\",le=\"2.5\"} 4\n",
        "t_seconds_bucket{route=\"token\",le=\"30\"} 4\n",
        "t_seconds_bucket{route=\"token\",le=\"+Inf\"} 5\n",
        "t_seconds_sum{route=\"token\"} 31.500202\n",
        "t_seconds_count{route=\"token\"} 5\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (strstr(strbuf_c(&text), lines[i]) == NULL)
            fail_msg("no %s in\n%s", lines[i], strbuf_c(&text));
}

static void without_a_registry_objects_still_work(void **state) {
    (void)state;
    struct counter *c = metrics_counter(NULL, "x", "", "");
    uint64_t before = counter_get(c);
    counter_add(c, 1);
    assert_int_equal(counter_get(c), before + 1);
    gauge_set(metrics_gauge(NULL, "x", "", ""), 1);
    histogram_observe_us(metrics_histogram(NULL, "x", "", ""), 1);
}

enum { THREADS = 4, ADDS = 10000 };
static void *adder(void *p) {
    for (int i = 0; i < ADDS; i++)
        counter_add(metrics_counter(p, "n_total", "", "N"), 1);
    return NULL;
}

static void no_count_is_lost_between_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, adder, metrics), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(counter_get(metrics_counter(metrics, "n_total", "", "N")), THREADS * ADDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_and_gauges_render_by_family_and_label, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_name_and_labels_are_the_same_object, setup, teardown),
        cmocka_unit_test_setup_teardown(a_histogram_counts_cumulatively_up_to_inf, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_registry_objects_still_work, setup, teardown),
        cmocka_unit_test_setup_teardown(no_count_is_lost_between_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
