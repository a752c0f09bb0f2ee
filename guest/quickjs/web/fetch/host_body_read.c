/* How JS empties a feed: piece by piece, or on to the response that it becomes. */
#include "web/fetch/host_body.h"

/* What a reader gets where no bytes are there. */
static JSValue without_bytes(JSContext *ctx, const fn_feed *f) {
    if (f->failed) {
        return JS_Throw(ctx, JS_DupValue(ctx, f->error));
    }
    return f->ended ? JS_NULL : JS_UNDEFINED;
}

JSValue fn_feed_read(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_feed *f = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], fn_web.feed);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (f->len == 0) {
        return without_bytes(ctx, f);
    }
    JSValue array = fn_uint8_array(ctx, f->bytes + f->start, f->len);
    if (!JS_IsException(array)) {
        size_t len = f->len;
        f->start = f->len = 0;
        fn_feed_consumed(ctx, f, len);
    }
    return array;
}

/* (feed, pump): hands what is there on to the response that the pump is for. Answers as feedRead.
 */
JSValue fn_feed_pump(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_feed *f = argc < 2 ? NULL : JS_GetOpaque2(ctx, argv[0], fn_web.feed);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (f->len == 0) {
        return without_bytes(ctx, f);
    }
    /* The pump may ask for more before it returns: what it gets now is the feed's no longer. */
    uint8_t *bytes = f->bytes;
    size_t start = f->start, len = f->len, size = f->size;
    f->bytes = NULL;
    f->start = f->len = f->size = 0;
    fn_pump_bytes(ctx, argv[1], bytes + start, len);
    fn_feed_consumed(ctx, f, len);
    if (f->bytes == NULL) {
        f->bytes = bytes;
        f->size = size;
    } else {
        js_free(ctx, bytes);
    }
    return JS_TRUE;
}

JSValue fn_feed_wait(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_feed *f = argc < 2 ? NULL : JS_GetOpaque2(ctx, argv[0], fn_web.feed);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    JS_FreeValue(ctx, f->waiter);
    f->waiter = JS_DupValue(ctx, argv[1]);
    if ((f->len > 0 || f->ended || f->failed) && fn_feed_changed(ctx, argv[0], f) < 0) {
        return JS_EXCEPTION;
    }
    return JS_UNDEFINED;
}

JSValue fn_feed_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_feed *f = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], fn_web.feed);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (!f->cancelled) {
        size_t len = f->len;
        bool open = !f->ended && !f->failed;
        f->cancelled = true;
        f->start = f->len = 0;
        fn_feed_consumed(ctx, f, len);
        if (open) {
            fn_web.host->body_cancelled(ctx, f->id);
        }
    }
    return JS_UNDEFINED;
}
