"""Our change to QuickJS-NG's template literals, which it compiles to a call of the string's own `concat`:
a script that replaces String.prototype.concat would be told of every template, those of the built-in JS
included, and could answer what it likes. They call a function that no script can reach, and each
substitution becomes a string before the next one is evaluated (ECMA-262, 13.2.8.6)."""

CHANGES = [
    (
        "template function",
        "quickjs.c",
        "    JSValue throw_type_error;\n",
        "    JSValue throw_type_error;\n    JSValue template_concat;\n",
    ),
    (
        "template function, before it is made",
        "quickjs.c",
        "    ctx->iterator_ctor_getset = JS_NULL;\n",
        "    ctx->iterator_ctor_getset = JS_NULL;\n    ctx->template_concat = JS_NULL;\n",
    ),
    (
        "template function, marked",
        "quickjs.c",
        "    JS_MarkValue(rt, ctx->throw_type_error, mark_func);\n",
        "    JS_MarkValue(rt, ctx->throw_type_error, mark_func);\n"
        "    JS_MarkValue(rt, ctx->template_concat, mark_func);\n",
    ),
    (
        "template function, freed",
        "quickjs.c",
        "    JS_FreeValue(ctx, ctx->throw_type_error);\n",
        "    JS_FreeValue(ctx, ctx->throw_type_error);\n    JS_FreeValue(ctx, ctx->template_concat);\n",
    ),
    (
        "template function, made",
        "quickjs.c",
        "    ctx->throw_type_error = JS_NewCFunction(ctx, js_throw_type_error, NULL, 0);\n",
        """    ctx->template_concat = JS_NewCFunction(ctx, js_string_concat, NULL, 1);
    if (JS_IsException(ctx->template_concat))
        return -1;
    ctx->throw_type_error = JS_NewCFunction(ctx, js_throw_type_error, NULL, 0);
""",
    ),
    (
        "template function, declared",
        "quickjs.c",
        "static JSValue js_throw_type_error(JSContext *ctx, JSValueConst this_val,",
        "static JSValue js_string_concat(JSContext *ctx, JSValueConst this_val,\n"
        "                                int argc, JSValueConst *argv);\n"
        "static JSValue js_throw_type_error(JSContext *ctx, JSValueConst this_val,",
    ),
    (
        "template function, named",
        "quickjs.c",
        "    OP_SPECIAL_OBJECT_NULL_PROTO,\n",
        "    OP_SPECIAL_OBJECT_NULL_PROTO,\n    OP_SPECIAL_OBJECT_TEMPLATE_CONCAT,\n",
    ),
    (
        "template function, pushed",
        "quickjs.c",
        "                case OP_SPECIAL_OBJECT_NULL_PROTO:\n",
        """                case OP_SPECIAL_OBJECT_TEMPLATE_CONCAT:
                    *sp++ = js_dup(ctx->template_concat);
                    break;
                case OP_SPECIAL_OBJECT_NULL_PROTO:
""",
    ),
    (
        "template, its function",
        "quickjs.c",
        "                    emit_op(s, OP_get_field2);\n                    emit_atom(s, JS_ATOM_concat);\n",
        "                    emit_op(s, OP_special_object);\n"
        "                    emit_u8(s, OP_SPECIAL_OBJECT_TEMPLATE_CONCAT);\n",
    ),
    (
        "template, a substitution",
        "quickjs.c",
        """            str = JS_VALUE_GET_STRING(cooked.u.str.str);
            if (str->len != 0 || depth == 0) {
""",
        """            str = JS_VALUE_GET_STRING(cooked.u.str.str);
            /* The last one becomes a string where all are joined. A symbol stays one until then. */
            if (depth > 0 && s->token.u.str.sep != '`')
                emit_op(s, OP_to_propkey);
            if (str->len != 0 || depth == 0) {
""",
    ),
]
