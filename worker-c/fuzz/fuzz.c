/* Chooses the target: FUNCTIONS_FUZZ_TARGET is `frames` or the path of a script. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fn_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *name = getenv("FUNCTIONS_FUZZ_TARGET");
    if (name == NULL) {
        fputs("fuzz: FUNCTIONS_FUZZ_TARGET names no target\n", stderr);
        exit(2);
    }
    if (strcmp(name, "frames") == 0) {
        target = fn_fuzz_frames;
        return 0;
    }
    fn_fuzz_script_load(name);
    target = fn_fuzz_script;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    target(data, len);
    return 0;
}
