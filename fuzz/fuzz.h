/* What the fuzz targets have in common. A target is called with one input after the other and ends
 * the process where something is not as it has to be. */
#ifndef FN_FUZZ_H
#define FN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include "core/worker.h"
#include "invocation/invocation.h"
#include "zygote/zygote.h"

typedef void fn_target(const uint8_t *data, size_t len);

/* The worker's frame decoder, read from a real socket. */
fn_target fn_fuzz_frames;
/* What a ready worker does with the host's messages. */
fn_target fn_fuzz_messages;
/* Where paths and the names of programs lead, against what the kernel says. */
fn_target fn_fuzz_paths;
/* A worker's first message, from the socket to the function's details. */
fn_target fn_fuzz_start;
/* What the host says to a template. */
fn_target fn_fuzz_template;
/* The JavaScript of targets/, which reaches the native parsers as a tenant does. */
fn_target fn_fuzz_script;
/* Makes the engine and loads that file. Ends the process where it does not load. */
void fn_fuzz_script_load(const char *path);

/* engine.c: the worker, which is made at the first call. */
fn_worker *fn_fuzz_worker(void);
/* Its namespace, to be freed. Ends the process where it does not load. */
JSValue fn_fuzz_load(const char *path);
/* Tells of it and ends the process. */
_Noreturn void fn_fuzz_found(JSValue error);

/* tree.c: makes the files, gone at exit; the folder that is allowed. */
const char *fn_fuzz_tree(void);
/* Makes them anew, as they were. */
void fn_fuzz_tree_renew(void);
/* Ends the process where something was changed outside of the allowed folder. */
void fn_fuzz_tree_check(void);

/* breach.c: runs that, until the worker would end for a broken protocol: did it? */
bool fn_fuzz_until_breach(void (*run)(void *), void *opaque);
/* Where it would end otherwise, in files that the targets include. */
_Noreturn void fn_fuzz_exit(int status);
/* Those of yyjson in such files; at a breach the document that was open is freed. */
yyjson_doc *fn_fuzz_read_json(const char *line, size_t len, yyjson_read_flag flags);
void fn_fuzz_free_json(yyjson_doc *doc);

/* The entry of libFuzzer, and of replay.c: https://llvm.org/docs/LibFuzzer.html */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
