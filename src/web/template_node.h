/* The compiled form, shared by the compiler (template.c) and the renderer (render.c). */
#pragma once
#include "web/template.h"

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_URL, NODE_MESSAGE, NODE_IF, NODE_EACH };
struct node {
    enum node_kind kind;
    struct str text;                      /* the literal, or the value's name */
    size_t message;                       /* NODE_MESSAGE: key index */
    const struct template_names *columns; /* NODE_EACH */
    struct node *body, *otherwise;
    struct node *next;
};
struct template {
    const char *origin;
    const struct template_names *declared, *globals;
    struct node *nodes;
};
