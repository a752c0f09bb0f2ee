/* Runs input files through a target, for builds without libFuzzer. */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz.h"

int main(int argc, char **argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            perror(argv[i]);
            return 2;
        }
        size_t len = (size_t)ftell(file);
        rewind(file);
        uint8_t *data = malloc(len + 1);
        if (data == NULL || fread(data, 1, len, file) != len) {
            perror(argv[i]);
            return 2;
        }
        fclose(file);
        fprintf(stderr, "%s\n", argv[i]); /* the last name printed is the input that failed */
        LLVMFuzzerTestOneInput(data, len);
        free(data);
    }
    return 0;
}
