/* What URL and URLSearchParams know of each other. */
#ifndef FN_WEB_URL_PARAMS_H
#define FN_WEB_URL_PARAMS_H

#include "ada_c.h"
#include "quickjs.h"

#define FN_URL_MAX (32u * 1024 * 1024) /* bytes of a URL, and of a query that is parsed */

typedef struct fn_params fn_params;

typedef struct {
    ada_url url;
    JSValue params_object; /* made when first asked for */
    fn_params *params;     /* that object's own; NULL when there is none any more */
} fn_url;

/* Either of the two may go first: it takes itself out of the other. */
struct fn_params {
    ada_url_search_params list;
    ada_url_search_params_entries_iter at; /* where the last iteration stood; NULL: nowhere */
    uint32_t index;
    fn_url *url;
};

/* The searchParams object of a URL. */
JSValue fn_params_of_url(JSContext *ctx, fn_url *url);
/* The URL's query changed. */
void fn_params_reset(JSContext *ctx, fn_params *params);

#endif
