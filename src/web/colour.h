/* One accent colour in, every colour derived from it out, readable in light and dark whatever the operator picked. */
#pragma once
#include "tkeauth/base.h"

struct colour {
    double red, green, blue; /* sRGB, 0 to 1 */
};
/* "#rgb" or "#rrggbb". */
MUST_CHECK enum err_code colour_parse(struct str s, struct colour *ret, struct err *err);
/* WCAG 2.2 contrast ratio, 1 to 21. */
double colour_contrast(struct colour a, struct colour b);
/* /static/theme.css: CSS custom properties for both colour schemes. Text and buttons in it have a contrast of at least 4.5:1. */
void colour_theme_css(struct colour accent, struct strbuf *out);
