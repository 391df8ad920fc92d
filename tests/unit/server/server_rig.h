/* The rig of resource with configurations, a log that can be read, and metrics besides. */
#pragma once
#include "unit/resource/rig.h"

#include "server/generation.h"

struct server_rig {
    struct log *log; /* also of rig.env */
    struct metrics *metrics;
    struct server_parts parts;
    struct generation *generation; /* the last one loaded */
};
extern struct server_rig server_rig;

int server_rig_setup(void **state); /* as rig_setup */
int server_rig_teardown(void **state);
#define TEST_ON(f, backend)                                                                                  \
    {                                                                                                        \
        .name = #f " (" backend ")", .test_func = (f), .setup_func = setup, .teardown_func = teardown,       \
        .initial_state = (void *)(uintptr_t)(backend)                                                        \
    }

/* Reads `yaml` behind an issuer as the configuration, which must be good. */
struct generation *server_rig_load(const char *yaml);
/* A file in the rig's folder, which goes with the rig; its path. */
const char *server_rig_write(const char *name, const char *text);
const char *server_rig_log(void);
size_t server_rig_log_count(const char *text); /* lines that have it */
