#include "web/colour.h"

#include <math.h>

static const struct colour white = { 1, 1, 1 }, black = { 0, 0, 0 };
/* Card colours of static/style.css, on which text in the accent colour stands. */
static const struct colour dark_surface = { 0x1b / 255.0, 0x1f / 255.0, 0x27 / 255.0 };
static const double TEXT_CONTRAST = 4.5; /* WCAG 2.2, 1.4.3 */

static int hex_digit(char ch) {
    if (ascii_is_digit(ch))
        return ch - '0';
    ch = ascii_lower(ch);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

enum err_code colour_parse(struct str s, struct colour *ret, struct err *err) {
    size_t width = s.len == 7 ? 2 : 1;
    double parts[3] = { 0 };
    bool ok = (s.len == 4 || s.len == 7) && s.ptr[0] == '#';
    for (size_t i = 0; ok && i < 3; i++) {
        int high = hex_digit(s.ptr[1 + i * width]), low = hex_digit(s.ptr[i * width + width]);
        ok = high >= 0 && low >= 0;
        parts[i] = (high * 16 + low) / 255.0;
    }
    if (!ok)
        return err_set(err, ERR_INVALID, "\"%.*s\" is not a colour: write it like #1a73e8",
                       STR_FMT(str_sub(s, 0, 32)));
    *ret = (struct colour) { parts[0], parts[1], parts[2] };
    return ERR_OK;
}

static double linear(double c) { return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4); }

static double luminance(struct colour c) {
    return 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
}

double colour_contrast(struct colour a, struct colour b) {
    double la = luminance(a), lb = luminance(b);
    return (fmax(la, lb) + 0.05) / (fmin(la, lb) + 0.05);
}

static struct colour mix(struct colour a, struct colour b, double share) {
    return (struct colour) { a.red + (b.red - a.red) * share, a.green + (b.green - a.green) * share,
                             a.blue + (b.blue - a.blue) * share };
}

/* Moves `c` towards `to` until it can be read on `ground`. */
static struct colour readable_on(struct colour c, struct colour to, struct colour ground) {
    struct colour moved = c;
    for (int step = 1; step <= 50 && colour_contrast(moved, ground) < TEXT_CONTRAST; step++)
        moved = mix(c, to, step / 50.0);
    return moved;
}

static unsigned byte(double c) { return (unsigned)lround(fmin(fmax(c, 0), 1) * 255); }

static void property(struct strbuf *out, const char *name, struct colour c) {
    strbuf_addf(out, "  --%s: #%02x%02x%02x;\n", name, byte(c.red), byte(c.green), byte(c.blue));
}

/* The wash behind the card, and its fading. */
static void glow(struct strbuf *out, struct colour c, int percent) {
    unsigned r = byte(c.red), g = byte(c.green), b = byte(c.blue);
    strbuf_addf(out, "  --glow: rgb(%u %u %u / %d%%);\n", r, g, b, percent);
    strbuf_addf(out, "  --glow-far: rgb(%u %u %u / %d%%);\n", r, g, b, percent / 4);
}

void colour_theme_css(struct colour accent, struct strbuf *out) {
    struct colour button = readable_on(accent, black, white); /* under white text, in both schemes */
    strbuf_adds(out, ":root {\n");
    property(out, "accent", button);
    property(out, "button", button);
    property(out, "button-hover", mix(button, black, 0.12));
    property(out, "button-active", mix(button, black, 0.22));
    property(out, "accent-soft", mix(white, accent, 0.09));
    property(out, "accent-line", mix(white, accent, 0.35));
    glow(out, accent, 12);
    strbuf_adds(out, "}\n@media (prefers-color-scheme: dark) {\n:root {\n");
    struct colour soft = mix(dark_surface, accent, 0.16),
                  light = readable_on(mix(accent, white, 0.3), white, soft);
    property(out, "accent", readable_on(light, white, dark_surface));
    property(out, "button-hover", mix(button, black, 0.1));
    property(out, "accent-soft", soft);
    property(out, "accent-line", mix(dark_surface, accent, 0.55));
    glow(out, accent, 16);
    strbuf_adds(out, "}\n}\n");
}
