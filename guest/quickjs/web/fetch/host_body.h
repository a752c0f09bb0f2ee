/* A body as it comes from the host, for the files that fill it and that empty it. */
#ifndef FN_WEB_FEED_H
#define FN_WEB_FEED_H

#include "web/fetch/body.h"

typedef struct {
    fn_body_id id;
    bool ended, failed, cancelled;
    bool collecting; /* `resolve` and `reject` wait for the end */
    fn_body_as as;
    uint8_t *bytes;
    size_t start, len, size; /* bytes[start .. start + len) are there */
    size_t unreported;       /* collected, and not yet told to the host */
    JSValue error;
    JSValue resolve, reject, type;
    JSValue waiter; /* undefined, or called when anything changes */
} fn_feed;

/* Tells the host that bytes left the queue. */
void fn_feed_consumed(JSContext *ctx, const fn_feed *f, size_t len);
/* Tells the reader of the feed `value`, which is `f`, that something changed. 0, or -1 with an
 * exception. */
int fn_feed_changed(JSContext *ctx, JSValueConst value, fn_feed *f);

#endif
