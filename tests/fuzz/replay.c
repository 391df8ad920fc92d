/* Stands in for libFuzzer: runs the target once on every file named, or in every folder named, on the command line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    static uint8_t bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    /* A heap copy of the exact size, so that ASan sees a read past the end. */
    uint8_t *copy = malloc(n ? n : 1);
    if (copy == NULL)
        return 1;
    for (size_t i = 0; i < n; i++)
        copy[i] = bytes[i];
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    return 0;
}

static int replay_folder(const char *path, int *files) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char name[4096];
        struct stat st;
        if (snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name ||
            stat(name, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        failed |= replay_file(name);
        ++*files;
    }
    (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv) {
    int failed = 0, files = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            failed |= replay_folder(argv[i], &files);
        else {
            failed |= replay_file(argv[i]);
            files++;
        }
    }
    (void)printf("%d inputs replayed\n", files);
    return failed || files == 0; /* an empty corpus tests nothing */
}
