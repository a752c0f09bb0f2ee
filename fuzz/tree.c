/* The files that the targets can reach: a directory `root`, which is all that a function is
 * allowed, with links inside it, out of it and to nothing; and beside it `outside`, with the same
 * names. */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[256];
static char root[sizeof(top) + 8];

static const char *const directories[] = {"root", "root/a", "root/a/b", "outside", "outside/a"};
static const char *const files[] = {"root/file", "root/a/file", "outside/file", "outside/a/file"};
static const struct {
    const char *to;
    const char *at;
} links[] = {
    {"a/b", "root/link"},           {"loop", "root/loop"},           {"../outside", "root/out"},
    {"../..", "root/a/b/up"},       {"missing/x", "root/nowhere"},   {"a/./b//../file", "root/way"},
    {"../link/up/a/", "root/a/on"}, {"../outside/file", "root/far"},
};

static void must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(2);
    }
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info;
    (void)kind;
    return walk->level == 0 ? 0 : remove(path);
}

static void clear(void) {
    nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void clear_all(void) {
    clear();
    rmdir(top);
}

static void fill(void) {
    int dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(dir, top);
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        must(mkdirat(dir, directories[i], 0700), directories[i]);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = openat(dir, files[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);
        must(fd, files[i]);
        must((int)write(fd, files[i], strlen(files[i])), files[i]);
        close(fd);
    }
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        must(symlinkat(links[i].to, dir, links[i].at), links[i].at);
    }
    close(dir);
}

const char *fn_fuzz_tree(void) {
    const char *place = getenv("TMPDIR");
    snprintf(top, sizeof(top), "%s/functions-fuzz-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(top) == NULL) {
        perror(top);
        exit(2);
    }
    atexit(clear_all);
    fill();
    snprintf(root, sizeof(root), "%s/root", top);
    return root;
}

void fn_fuzz_tree_renew(void) {
    clear();
    fill();
}

static unsigned entries;
static int count_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)path;
    (void)walk;
    /* Two directories, and two files of their original size. */
    entries += kind == FTW_F && (info->st_size != 12 && info->st_size != 14) ? 100 : 1;
    return 0;
}

void fn_fuzz_tree_check(void) {
    char outside[sizeof(top) + 8];
    snprintf(outside, sizeof(outside), "%s/outside", top);
    entries = 0;
    nftw(outside, count_entry, 16, FTW_PHYS);
    if (entries != 4) {
        fprintf(stderr, "fuzz: something outside of the allowed paths was changed\n");
        abort();
    }
}
