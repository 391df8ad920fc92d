/* Password hashes from configuration and imports: what is taken is printable, bounded, and says the same when read again. */
#include "crypto/password_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct password_form form, again;
    struct err err;
    if (password_form_parse((struct str) { (const char *)data, size }, &form, &err) != ERR_OK)
        return 0;
    const struct str text = str_of(form.text);
    if (text.len < BCRYPT_HASH_LEN || text.len > size || str_has_control(text) ||
        password_form_parse(text, &again, &err) != ERR_OK || again.scheme != form.scheme ||
        again.is_weak != form.is_weak || strcmp(again.text, form.text) != 0)
        abort();
    return 0;
}
