"""Our change to QuickJS-NG's call sites (Error.prepareStackTrace): they name the functions of a stack,
but do not hand them out, for among them are those of the built-in JS, which no script may call."""

CHANGES = [
    (
        "call site function",
        "quickjs.c",
        "static JSValue js_callsite_isnative(",
        """static JSValue js_callsite_getfunction(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    JSCallSiteData *csd = JS_GetOpaque2(ctx, this_val, JS_CLASS_CALL_SITE);
    return csd ? JS_UNDEFINED : JS_EXCEPTION;
}

static JSValue js_callsite_isnative(""",
    ),
    (
        "call site member",
        "quickjs.c",
        '    JS_CFUNC_MAGIC_DEF("getFunction", 0, js_callsite_getfield, offsetof(JSCallSiteData, func)),\n',
        '    JS_CFUNC_DEF("getFunction", 0, js_callsite_getfunction),\n',
    ),
]
