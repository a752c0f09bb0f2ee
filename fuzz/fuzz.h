/* Declarations that the fuzz targets share. A target is called with one input after another, and
 * aborts if a check fails. */
#ifndef FN_FUZZ_H
#define FN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include "core/worker.h"
#include "invocation/invocation.h"
#include "zygote/zygote.h"

typedef void fn_target(const uint8_t *data, size_t len);

/* frames.c: the worker's frame decoder, reading from a socket. */
fn_target fn_fuzz_frames;
/* messages.c: the host's messages to a ready worker. */
fn_target fn_fuzz_messages;
/* paths.c: how paths and program names resolve, compared with the kernel. */
fn_target fn_fuzz_paths;
/* start.c: a worker's first message, up to the function's details. */
fn_target fn_fuzz_start;
/* zygote.c: the host's messages to the zygote. */
fn_target fn_fuzz_zygote;
/* script.c: the JavaScript of targets/, which reaches the native parsers as a tenant does. */
fn_target fn_fuzz_script;
/* Creates the engine and loads that file; aborts if it does not load. */
void fn_fuzz_script_load(const char *path);

/* engine.c: the worker, created at the first call. */
fn_worker *fn_fuzz_worker(void);
/* Loads a module and returns its namespace, which the caller frees. Aborts if it does not load. */
JSValue fn_fuzz_load(const char *path);
/* Reports the exception and aborts. */
_Noreturn void fn_fuzz_found(JSValue error);

/* tree.c: creates the files, which are removed at exit; returns the allowed directory. */
const char *fn_fuzz_tree(void);
/* Restores them. */
void fn_fuzz_tree_renew(void);
/* Aborts if something outside of the allowed directory was changed. */
void fn_fuzz_tree_check(void);

/* breach.c: runs a function until the worker would end for a breach; returns whether it did. */
bool fn_fuzz_until_breach(void (*run)(void *), void *opaque);
/* The other exits, in C files that the targets include. */
_Noreturn void fn_fuzz_exit(int status);
/* yyjson's functions in such files: a breach frees the open document. */
yyjson_doc *fn_fuzz_read_json(const char *line, size_t len, yyjson_read_flag flags);
void fn_fuzz_free_json(yyjson_doc *doc);

/* The entry point for libFuzzer and replay.c: https://llvm.org/docs/LibFuzzer.html */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
