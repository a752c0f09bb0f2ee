/* The launcher's command line. Only the control plane writes it, but a misread limit would be a
 * missing limit: anything that is not understood stops the launch. */

#include <stdlib.h>
#include <string.h>
#include "launcher/launcher.h"

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

static bool read_mode(const char *text, fn_mode *out) {
    static const char *const names[] = {"required", "preferred", "off"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (fn_mode)i;
            return true;
        }
    }
    return false;
}

/* A name in the listen directory, never a path that leads out of it. */
static bool is_plain_name(const char *name) {
    return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strchr(name, '/') == NULL;
}

static bool is_variable(const char *text) {
    const char *equals = strchr(text, '=');
    return equals != NULL && equals != text;
}

static bool read_root(const char *text, bool *host) {
    *host = strcmp(text, "host") == 0;
    return *host || strcmp(text, "empty") == 0;
}

/* Only a plain absolute path, so that the path that is mounted is the path that is meant. */
static bool is_absolute(const char *path) {
    return path[0] == '/' && path[1] != '\0' && strstr(path, "/../") == NULL;
}

static bool read_mount(fn_options *options, const char *name, const char *path) {
    static const char *const names[] = {
        [FN_MOUNT_READ] = "--mount-read",       [FN_MOUNT_WRITE] = "--mount-write",
        [FN_MOUNT_PROGRAM] = "--mount-program", [FN_MOUNT_DEVICE] = "--mount-device",
        [FN_MOUNT_COVER] = "--cover",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            options->mounts[options->mount_count++] =
                (fn_mount){.kind = (fn_mount_kind)i, .path = path, .tree = -1};
            return is_absolute(path);
        }
    }
    return false;
}

static bool read_value(fn_options *options, const char *name, char *value, size_t *env_count) {
    const struct {
        const char *name;
        fn_optional *to;
        uint64_t max;
    } numbers[] = {
        /* The highest id means "unchanged" to the kernel. */
        {"--uid", &options->uid, UINT32_MAX - 1},
        {"--gid", &options->gid, UINT32_MAX - 1},
        {"--nofile", &options->nofile, INT64_MAX},
        {"--as", &options->as, INT64_MAX},
        {"--cpu", &options->cpu, INT64_MAX},
        {"--nproc", &options->nproc, INT64_MAX},
        {"--fsize", &options->fsize, INT64_MAX},
        {"--tmp", &options->tmp, INT64_MAX},
        {"--processes", &options->processes, INT64_MAX},
    };
    const struct {
        const char *name;
        fn_mode *to;
    } modes[] = {
        {"--pid-namespace", &options->pid_namespace},
        {"--mount-namespace", &options->mount_namespace},
        {"--network-namespace", &options->network_namespace},
        {"--ipc-namespace", &options->ipc_namespace},
        {"--uts-namespace", &options->uts_namespace},
        {"--proc", &options->proc},
        {"--landlock", &options->landlock},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(name, modes[i].name) == 0) {
            return read_mode(value, modes[i].to);
        }
    }
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
    if (strcmp(name, "--seccomp") == 0) {
        options->filter = fn_filter_named(value);
        return options->filter != NULL;
    }
    if (strcmp(name, "--root") == 0) {
        return read_root(value, &options->host_root);
    }
    return read_mount(options, name, value);
}

/* Flags that exclude each other, or NULL.. */
static const char *contradiction(const fn_options *options) {
    if (options->uid.set != options->gid.set) {
        return "--uid and --gid must be given together";
    }
    if (options->uid.set && (options->uid.value == 0 || options->gid.value == 0)) {
        return "--uid and --gid must not be 0";
    }
    for (size_t i = 0; i < options->mount_count; i++) {
        if (options->host_root && options->mounts[i].kind != FN_MOUNT_COVER) {
            return "mounts need --root empty";
        }
    }
    if ((options->listen_dir == NULL) != (options->listen_name == NULL)) {
        return "--listen-dir and --listen-name must be given together";
    }
    return NULL;
}

bool fn_options_read(fn_options *options, int argc, char **argv, const char **why) {
    options->envp = calloc((size_t)argc + 1, sizeof *options->envp);
    options->mounts = calloc((size_t)argc + 1, sizeof *options->mounts);
    options->mount_namespace = options->network_namespace = FN_OFF;
    options->ipc_namespace = options->uts_namespace = options->proc = FN_OFF;
    options->landlock = FN_OFF;
    if (options->envp == NULL || options->mounts == NULL) {
        *why = "out of memory";
        return false;
    }
    size_t env_count = 0;
    int at = 1;
    while (at + 1 < argc && strcmp(argv[at], "--") != 0) {
        if (!read_value(options, argv[at], argv[at + 1], &env_count)) {
            *why = "unknown flag or invalid value";
            return false;
        }
        at += 2;
    }
    if (at + 1 >= argc || strcmp(argv[at], "--") != 0) {
        *why = "no program is given after --";
        return false;
    }
    options->argv = argv + at + 1;
    *why = contradiction(options);
    return *why == NULL;
}
