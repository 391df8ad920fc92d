#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 1026 };

static enum err_code read_line(char *line, size_t size, size_t *ret_len, struct err *err) {
    size_t len = 0;
    for (;;) {
        char c = 0;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == '\n')
            break;
        if (len == size)
            return err_set(err, ERR_LIMIT, "the line is over %zu bytes", size);
        line[len++] = c;
    }
    if (len == 0)
        return err_set(err, ERR_INVALID, "nothing was given on standard input");
    *ret_len = len;
    return ERR_OK;
}

enum err_code terminal_read_secret(const char *prompt, struct secret *ret, struct err *err) {
    struct termios before, silent;
    char line[LINE_SIZE_MAX];
    size_t len = 0;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        (void)fprintf(stderr, "%s: ", prompt);
    }
    enum err_code rc = read_line(line, sizeof line, &len, err);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    if (rc == ERR_OK)
        rc = secret_copy((struct str) { line, len }, ret, err);
    secret_wipe(line, sizeof line);
    return rc;
}
