/* Selects the target: FUNCTIONS_FUZZ_TARGET is the name of a target in C, or the path of a script.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    fn_target *target;
} imports[] = {
    {"frames", fn_fuzz_frames}, {"messages", fn_fuzz_messages}, {"paths", fn_fuzz_paths},
    {"start", fn_fuzz_start},   {"zygote", fn_fuzz_zygote},
};

static fn_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *name = getenv("FUNCTIONS_FUZZ_TARGET");
    if (name == NULL) {
        fputs("fuzz: FUNCTIONS_FUZZ_TARGET does not name a target\n", stderr);
        exit(2);
    }
    for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
        if (strcmp(imports[i].name, name) == 0) {
            target = imports[i].target;
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
