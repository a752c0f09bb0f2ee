/* Where code runs, for the log. */
#include "core/places.h"

#include <string.h>

void fn_places_get(JSContext *ctx, fn_places *places) {
    places->count = JS_GetPlaces(ctx, places->list, FN_MAX_PLACES);
}

void fn_places_free(JSRuntime *rt, fn_places *places) {
    for (int i = 0; i < places->count; i++) {
        JS_FreePlace(rt, &places->list[i]);
    }
    places->count = 0;
}

size_t fn_places_format(JSContext *ctx, const JSPlace *list, int count, char *text, size_t size) {
    static const char before[] = "\n    at ";
    size_t len = 0;
    for (int i = 0; i < count && size - len > sizeof(before) + FN_PLACE_BYTES; i++) {
        memcpy(text + len, before, sizeof(before) - 1);
        size_t start = len + sizeof(before) - 1;
        size_t one = JS_FormatPlace(ctx, &list[i], text + start, FN_PLACE_BYTES);
        len = one > 0 ? start + one : len;
    }
    text[len] = 0;
    return len;
}
