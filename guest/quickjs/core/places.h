/* Where code runs: the innermost functions. The first ones may lie in a module of the platform,
 * which is part of the bundle; the host, which has the source map, shows the first that does not.
 */
#ifndef FN_PLACES_H
#define FN_PLACES_H

#include <stddef.h>
#include "quickjs.h"

#define FN_MAX_PLACES 6
#define FN_PLACE_BYTES 200 /* of one place as text; the rest is cut */
#define FN_PLACES_BYTES (FN_MAX_PLACES * (FN_PLACE_BYTES + 16))

typedef struct {
    int count;
    JSPlace list[FN_MAX_PLACES];
} fn_places;

void fn_places_get(JSContext *ctx, fn_places *places);
void fn_places_free(JSRuntime *rt, fn_places *places);
/* Writes a line `    at name (file:line:column)` for each, each behind a line break, and a zero.
 * `size` is at least FN_PLACES_BYTES. Returns the length. */
size_t fn_places_format(JSContext *ctx, const JSPlace *list, int count, char *text, size_t size);

#endif
