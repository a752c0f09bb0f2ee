/* Renders a thrown value for a log. The built-in JavaScript of the console describes it; where that
 * fails, for lack of stack, memory or time, C does. Neither runs a script: they read data
 * properties only. */
#include "web/idl/error_text.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/class_of.h"
#include "web/idl/intrinsics.h"
#include "web/idl/text.h"

#include <string.h>

#define MAX_MESSAGE (8 * 1024)
#define MAX_STACK (16 * 1024)
#define MAX_PROTOTYPES 32

typedef struct {
    char *text;
    size_t len, size;
} builder;

/* Adds as much as fits, cut between characters. */
static void add(builder *b, const char *text, size_t len) {
    if (len > b->size - b->len) {
        len = b->size - b->len;
        while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(b->text + b->len, text, len);
    b->len += len;
}

static void add_value(JSContext *ctx, builder *b, JSValueConst value) {
    fn_text text;
    if (fn_text_usv(ctx, &text, value) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        return;
    }
    add(b, text.bytes, text.len);
    fn_text_free(ctx, &text);
}

/* A string data property of an object or its prototypes, or undefined. Stops at a proxy. */
static JSValue data_string(JSContext *ctx, JSValueConst object, const char *name) {
    JSAtom atom = JS_NewAtom(ctx, name);
    JSValue found = JS_UNDEFINED;
    JSValue at = JS_DupValue(ctx, object);
    for (int i = 0; i < MAX_PROTOTYPES && JS_IsObject(at) && !JS_IsProxy(at); i++) {
        JSPropertyDescriptor property;
        int is = atom == JS_ATOM_NULL ? -1 : JS_GetOwnProperty(ctx, &property, at, atom);
        if (is != 0) {
            if (is > 0) {
                found = property.value;
                JS_FreeValue(ctx, property.getter);
                JS_FreeValue(ctx, property.setter);
            }
            break;
        }
        JSValue next = JS_GetPrototype(ctx, at);
        JS_FreeValue(ctx, at);
        at = next;
    }
    JS_FreeValue(ctx, at);
    JS_FreeAtom(ctx, atom);
    if (!JS_IsString(found)) {
        JS_FreeValue(ctx, found);
        return JS_UNDEFINED;
    }
    return found;
}

static bool is_exception(JSValueConst value) {
    return fn_is_class(value, FN_CLASS_EXCEPTION);
}

/* `name` or `message` of an error. */
static JSValue error_part(JSContext *ctx, JSValueConst error, int part) {
    if (is_exception(error)) {
        return JS_Call(ctx, fn_intrinsics.exception_get[part], error, 0, NULL);
    }
    return data_string(ctx, error, part == 0 ? "name" : "message");
}

static void add_error(JSContext *ctx, builder *b, JSValueConst error) {
    JSValue name = error_part(ctx, error, 0);
    JSValue message = error_part(ctx, error, 1);
    if (JS_IsString(name)) {
        add_value(ctx, b, name);
    } else {
        add(b, "Error", 5);
    }
    size_t before = b->len;
    add(b, ": ", 2);
    size_t after = b->len;
    if (JS_IsString(message)) {
        add_value(ctx, b, message);
    }
    if (b->len == after) {
        b->len = before;
    }
    JS_FreeValue(ctx, name);
    JS_FreeValue(ctx, message);
}

static void add_symbol(JSContext *ctx, builder *b, JSValueConst symbol) {
    JSAtom atom = JS_ValueToAtom(ctx, symbol);
    size_t len = 0;
    const char *text = atom == JS_ATOM_NULL ? NULL : JS_AtomToCStringLen(ctx, &len, atom);
    add(b, "Symbol(", 7);
    if (text != NULL) {
        add(b, text, len);
        JS_FreeCString(ctx, text);
    }
    add(b, ")", 1);
    JS_FreeAtom(ctx, atom);
}

static void add_any(JSContext *ctx, builder *b, JSValueConst value) {
    if (JS_IsError(value) || is_exception(value)) {
        add_error(ctx, b, value);
    } else if (JS_IsSymbol(value)) {
        add_symbol(ctx, b, value);
    } else if (JS_IsObject(value)) {
        JSValue message = JS_IsProxy(value) ? JS_UNDEFINED : data_string(ctx, value, "message");
        add(b, "[object]", 8);
        if (JS_IsString(message)) {
            add(b, " ", 1);
            add_value(ctx, b, message);
        }
        JS_FreeValue(ctx, message);
    } else {
        add_value(ctx, b, value);
    }
}

/* A string as a text of its own, or NULL. Takes ownership of `value`. */
static char *text_of(JSContext *ctx, JSValue value, size_t size) {
    char *text = JS_IsString(value) ? js_malloc(ctx, size + 1) : NULL;
    if (text != NULL) {
        builder b = {text, 0, size};
        add_value(ctx, &b, value);
        text[b.len] = '\0';
    }
    JS_FreeValue(ctx, value);
    return text;
}

/* The frames of a stack, which begins with the name and the message of the error. */
static char *describe_stack(JSContext *ctx, JSValueConst error) {
    static const char frame[] = "\n    at ";
    JSValue stack = JS_IsError(error)     ? JS_Call(ctx, fn_intrinsics.error_stack, error, 0, NULL)
                    : is_exception(error) ? data_string(ctx, error, "stack")
                                          : JS_UNDEFINED;
    if (JS_IsException(stack)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    char *text = text_of(ctx, stack, MAX_MESSAGE + MAX_STACK);
    char *first = text == NULL ? NULL : strstr(text, frame);
    if (first == NULL) {
        js_free(ctx, text);
        return NULL;
    }
    size_t len = strnlen(first + 1, MAX_STACK);
    while (len > 0 && ((uint8_t)first[1 + len] & 0xc0) == 0x80) {
        len--; /* cut between characters */
    }
    memmove(text, first + 1, len);
    text[len] = '\0';
    return text;
}

/* What describeThrown of console/thrown.js says: the first line, unless C knows it, and the rest.
 * Whether it said anything. */
static bool ask_console(JSContext *ctx, JSValueConst error, char **line, char **rest) {
    JSValue parts = fn_hook(ctx, "describeThrown", 1, &error);
    JSValue first = JS_UNDEFINED, more = JS_UNDEFINED;
    bool told = JS_IsArray(parts);
    if (told) {
        first = JS_GetPropertyUint32(ctx, parts, 0);
        more = JS_GetPropertyUint32(ctx, parts, 1);
    }
    if (!told || JS_IsException(first) || JS_IsException(more)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        told = false;
    }
    JS_FreeValue(ctx, parts);
    *line = text_of(ctx, first, MAX_MESSAGE);
    *rest = text_of(ctx, more, MAX_STACK);
    return told;
}

int fn_web_error_text(JSContext *ctx, JSValueConst error, fn_error_text *out) {
    *out = (fn_error_text){NULL, NULL};
    char *line = NULL;
    bool told = !JS_IsString(error) && ask_console(ctx, error, &line, &out->stack);
    builder b = {js_malloc(ctx, MAX_MESSAGE + 1), 0, MAX_MESSAGE};
    if (b.text == NULL) {
        js_free(ctx, line);
        js_free(ctx, out->stack);
        out->stack = NULL;
        return -1;
    }
    if (line != NULL) {
        add(&b, line, strlen(line));
    } else {
        add_any(ctx, &b, error);
    }
    js_free(ctx, line);
    b.text[b.len] = '\0';
    for (size_t i = 0; i < b.len; i++) {
        if ((uint8_t)b.text[i] < 0x20 || b.text[i] == 0x7f) {
            b.text[i] = ' ';
        }
    }
    char *shorter = js_realloc(ctx, b.text, b.len + 1);
    out->message = shorter != NULL ? shorter : b.text;
    if (!told) {
        out->stack = describe_stack(ctx, error);
    }
    return 0;
}
