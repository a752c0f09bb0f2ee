/* The launcher's command line. The control plane alone writes it, but a limit that is misread is a
 * limit that is not there: whatever is not understood stops the launch. */

#include <stdlib.h>
#include <string.h>
#include "launcher.h"

static bool read_number(const char *text, uint64_t max, fn_optional *out) {
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    out->set = true;
    out->value = value;
    return true;
}

static bool read_pidns(const char *text, fn_pidns_mode *out) {
    static const char *const names[] = {"required", "preferred", "off"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (fn_pidns_mode)i;
            return true;
        }
    }
    return false;
}

/* A name in the listen directory, never a path out of it. */
static bool is_plain_name(const char *name) {
    return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL;
}

static bool is_variable(const char *text) {
    const char *equals = strchr(text, '=');
    return equals != NULL && equals != text;
}

static bool read_value(fn_options *options, const char *name, char *value, size_t *env_count) {
    const struct {
        const char *name;
        fn_optional *to;
        uint64_t max;
    } numbers[] = {
        /* The highest id means "unchanged" to the kernel. */
        {"--uid", &options->uid, UINT32_MAX - 1},  {"--gid", &options->gid, UINT32_MAX - 1},
        {"--nofile", &options->nofile, INT64_MAX}, {"--as", &options->as, INT64_MAX},
        {"--cpu", &options->cpu, INT64_MAX},       {"--nproc", &options->nproc, INT64_MAX},
        {"--fsize", &options->fsize, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            return read_number(value, numbers[i].max, numbers[i].to);
        }
    }
    if (strcmp(name, "--env") == 0) {
        options->envp[(*env_count)++] = value;
        return is_variable(value);
    }
    if (strcmp(name, "--listen-dir") == 0) {
        options->listen_dir = value;
        return *value != '\0';
    }
    if (strcmp(name, "--listen-name") == 0) {
        options->listen_name = value;
        return is_plain_name(value);
    }
    if (strcmp(name, "--pid-namespace") == 0) {
        return read_pidns(value, &options->pidns);
    }
    fn_optional kept;
    return strcmp(name, "--keep-fd") == 0 && read_number(value, FN_CHANNEL_FD, &kept) &&
           kept.value == FN_CHANNEL_FD;
}

/* What the flags say together. */
static const char *contradiction(const fn_options *options) {
    if (options->uid.set != options->gid.set) {
        return "--uid and --gid go together";
    }
    if (options->uid.set && (options->uid.value == 0 || options->gid.value == 0)) {
        return "--uid and --gid must not be 0";
    }
    if ((options->listen_dir == NULL) != (options->listen_name == NULL)) {
        return "--listen-dir and --listen-name go together";
    }
    return NULL;
}

bool fn_options_read(fn_options *options, int argc, char **argv, const char **why) {
    options->envp = calloc((size_t)argc + 1, sizeof *options->envp);
    if (options->envp == NULL) {
        *why = "out of memory";
        return false;
    }
    size_t env_count = 0;
    int at = 1;
    while (at + 1 < argc && strcmp(argv[at], "--") != 0) {
        if (!read_value(options, argv[at], argv[at + 1], &env_count)) {
            *why = "unknown flag or wrong value";
            return false;
        }
        at += 2;
    }
    if (at + 1 >= argc || strcmp(argv[at], "--") != 0) {
        *why = "no program after --";
        return false;
    }
    options->argv = argv + at + 1;
    *why = contradiction(options);
    return *why == NULL;
}
