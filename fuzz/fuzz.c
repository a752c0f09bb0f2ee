/* Chooses the target: FUNCTIONS_FUZZ_TARGET is the name of one in C, or the path of a script. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    fn_target *target;
} natives[] = {
    {"frames", fn_fuzz_frames}, {"messages", fn_fuzz_messages}, {"paths", fn_fuzz_paths},
    {"start", fn_fuzz_start},   {"template", fn_fuzz_template},
};

static fn_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *name = getenv("FUNCTIONS_FUZZ_TARGET");
    if (name == NULL) {
        fputs("fuzz: FUNCTIONS_FUZZ_TARGET names no target\n", stderr);
        exit(2);
    }
    for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
        if (strcmp(natives[i].name, name) == 0) {
            target = natives[i].target;
            return 0;
        }
    }
    fn_fuzz_script_load(name);
    target = fn_fuzz_script;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    target(data, len);
    return 0;
}
