#include "server/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_systemd(const char *state) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    struct str path = str_of(getenv("NOTIFY_SOCKET"));
    if (path.len == 0 || path.len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path.ptr, path.len);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract socket */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
    (void)close(fd);
}
