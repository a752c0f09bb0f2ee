/* The Web APIs' JS modules as bytecode, compiled at build time from guest/quickjs/web/NAME.js and
 * .build/web-js/NAME.js (bundled ones). tools/bytecode.c generates the table. */
#ifndef FN_BUILTINS_H
#define FN_BUILTINS_H

#include <stddef.h>
#include <stdint.h>

/* The bytecode of a module by its path ("streams/streams.js"), for JS_ReadObject with
 * JS_READ_OBJ_BYTECODE. The path is the module's name too: `import '../x/y.js'` in a built-in
 * reaches the module loader as "x/y.js", and `import 'fn:x'` as "fn:x" (a module made in C). NULL
 * if there is no such module. The bytes are static. */
const uint8_t *fn_builtin_find(const char *name, size_t *len);

#endif
