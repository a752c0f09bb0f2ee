/* What the fuzz targets have in common. A target is called with one input after the other and ends
 * the process where something is not as it has to be. */
#ifndef FN_FUZZ_H
#define FN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

typedef void fn_target(const uint8_t *data, size_t len);

/* The worker's frame decoder, read from a real socket. */
fn_target fn_fuzz_frames;
/* The JavaScript of targets/, which reaches the native parsers as a tenant does. */
fn_target fn_fuzz_script;
/* Makes the engine and loads that file. Ends the process where it does not load. */
void fn_fuzz_script_load(const char *path);

/* The entry of libFuzzer, and of replay.c: https://llvm.org/docs/LibFuzzer.html */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
