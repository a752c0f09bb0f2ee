/* Types that URL and URLSearchParams share. */
#ifndef FN_WEB_URL_PARAMS_H
#define FN_WEB_URL_PARAMS_H

#include "ada_c.h"
#include "quickjs.h"

#define FN_URL_MAX                                                                                 \
    (32u * 1024 * 1024) /* bytes of a URL, or of a query to parse; longer input is refused */

typedef struct fn_params fn_params;

typedef struct {
    ada_url url;
    JSValue params_object; /* created on first use */
    fn_params *params;     /* the data of that object; NULL when it was collected */
} fn_url;

/* Either of the two may be collected first: it clears the other's pointer. */
struct fn_params {
    ada_url_search_params list;
    ada_url_search_params_entries_iter at; /* position of the last iteration, or NULL */
    uint32_t index;
    fn_url *url;
};

/* The searchParams object of a URL. */
JSValue fn_params_of_url(JSContext *ctx, fn_url *url);
/* Reads the list again after the URL's query changed. */
void fn_params_reset(JSContext *ctx, fn_params *params);

#endif
