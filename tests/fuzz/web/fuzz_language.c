/* Any ui_locales and Accept-Language (parted by a newline): one of the languages there are. */
#include "tkeauth/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct web *w;
    struct err err = { 0 };
    if (w == NULL && web_new(&(struct web_options) { .base_path = "" }, &w, &err) != ERR_OK)
        abort();
    struct str ui, accept;
    (void)str_cut((struct str) { (const char *)data, size }, '\n', &ui, &accept);
    const char *language = web_language(w, ui, accept);
    if (strcmp(language, "en") != 0 && strcmp(language, "zh") != 0)
        abort();
    if (strcmp(web_language(w, STR("zh"), accept), "zh") != 0)
        abort();
    return 0;
}
