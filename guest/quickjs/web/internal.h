/* What the files of the Web APIs know of each other. */
#ifndef FN_WEB_INTERNAL_H
#define FN_WEB_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/host.h"
#include "quickjs.h"
#include "web/web.h"

#define FN_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Objects of the engine that have no test of their own in its API. */
typedef enum {
    FN_KIND_ARRAY_BUFFER,
    FN_KIND_SHARED_BUFFER,
    FN_KIND_BOOLEAN,
    FN_KIND_NUMBER,
    FN_KIND_STRING,
    FN_KIND_SYMBOL,
    FN_KIND_BIGINT,
    FN_KIND_EXCEPTION, /* DOMException */
    FN_KIND_COUNT
} fn_kind;

/* One run context a process, so its state is the process's. The values are borrowed: the context
 * owns them (prototypes by their class, the rest by the module that holds them). */
typedef struct {
    const fn_web_host *host;
    JSRuntime *rt;
    JSClassID headers, url, params, pairs[2], request, response, feed, pump;
    JSClassID encoder, decoder, codec, crypto;
    JSValue hooks;            /* namespace of web.js: what C calls there */
    JSValue performance;      /* undefined as long as nobody has asked for it */
    JSValue iterator_proto;   /* %IteratorPrototype% */
    JSValue view_get[3];      /* DataView.prototype's getters: buffer, byteOffset, byteLength */
    JSValue array_length;     /* %TypedArray%.prototype's getter byteLength */
    JSValue exception_get[2]; /* DOMException.prototype's getters: name, message */
    JSValue error_stack;      /* Error.prototype's getter */
    JSAtom symbol_iterator;
    JSAtom prototype;
    JSAtom slot_reader, slot_disturbed; /* of a ReadableStream */
    JSClassID kinds[FN_KIND_COUNT];
    JSClassID plain; /* of `{}` */
} fn_web_state;

extern fn_web_state fn_web;

/* ---- memory.c: memory that counts as the engine's; NULL where that refuses it */

int fn_memory_init(void);
void *fn_alloc(size_t size);
void *fn_realloc(void *memory, size_t size);
void fn_free(void *memory);

/* ---- idl.c: what every interface needs */

/* Members of an interface, as WebIDL wants them: enumerable, methods writable. */
#define FN_METHOD(name, length, func) JS_CFUNC_DEF2(name, length, func, JS_PROP_C_W_E)
#define FN_METHOD_MAGIC(name_, length_, function, magic_)                                          \
    {                                                                                              \
        .name = name_, .prop_flags = JS_PROP_C_W_E, .def_type = JS_DEF_CFUNC, .magic = magic_,     \
        .u = {.func = {length_, JS_CFUNC_generic_magic, {.generic_magic = function}}}              \
    }
#define FN_GETTER(name, getter)                                                                    \
    JS_CGETSET_DEF2(name, getter, NULL, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_ATTRIBUTE(name, getter, setter)                                                         \
    JS_CGETSET_DEF2(name, getter, setter, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_GETTER_MAGIC(name, getter, magic)                                                       \
    JS_CGETSET_MAGIC_DEF2(name, getter, NULL, magic, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_ATTRIBUTE_MAGIC(name, getter, setter, magic)                                            \
    JS_CGETSET_MAGIC_DEF2(name, getter, setter, magic, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_TAG(name) JS_PROP_STRING_DEF("[Symbol.toStringTag]", name, JS_PROP_CONFIGURABLE)

typedef struct {
    JSClassID *id;
    JSClassDef class_def;
    JSCFunction *constructor;
    int length;
    const JSCFunctionListEntry *members;
    int member_count;
    const JSCFunctionListEntry *statics;
    int static_count;
} fn_interface;

/* The interface's constructor, which is still to be made a global. In a worker it may be made again
 * where it failed before. */
JSValue fn_idl_make(JSContext *ctx, const fn_interface *interface);
/* The same, and the global. */
int fn_idl_define(JSContext *ctx, const fn_interface *interface);
/* An object of new.target's prototype; the opaque is still to be set. */
JSValue fn_idl_create(JSContext *ctx, JSValueConst new_target, JSClassID id);
/* The only object of an interface without a constructor, as a global attribute. */
int fn_idl_singleton(JSContext *ctx, JSClassID id, const char *name);
/* 0, or -1 with a TypeError. */
int fn_idl_need(JSContext *ctx, const char *what, int argc, int need);
/* obj[from] under a second name: iterators. */
int fn_idl_alias(JSContext *ctx, JSValueConst obj, const char *from, JSAtom to);

/* A string argument as bytes. `bytes` lives until fn_text_free. */
typedef struct {
    const char *bytes;
    size_t len;
    const char *cstring; /* the engine's, when not NULL */
    char *owned;         /* ours, when not NULL */
} fn_text;

/* USVString: lone surrogates become U+FFFD. 0, or -1 with an exception. */
int fn_text_usv(JSContext *ctx, fn_text *text, JSValueConst value);
/* ByteString: one byte a code point; a TypeError above U+00FF. */
int fn_text_bytes(JSContext *ctx, fn_text *text, JSValueConst value);
void fn_text_free(JSContext *ctx, fn_text *text);
/* Isomorphic decode: a string with one code point for each byte. */
JSValue fn_text_isomorphic(JSContext *ctx, const uint8_t *bytes, size_t len);

/* Calls `each` for every value of an iterable whose @@iterator is `method`. 0, or -1 with an
 * exception; when `each` fails, the iterator is closed. */
typedef int fn_each(JSContext *ctx, JSValueConst value, void *opaque);
int fn_idl_iterate(JSContext *ctx, JSValueConst iterable, JSValueConst method, fn_each *each,
                   void *opaque);
/* `record<T, T>`, or that or `sequence<sequence<T>>`, T a ByteString or USVString: calls `add` for
 * each. `replace`: a key of a record that came before under another spelling is overwritten. */
typedef int fn_add_pair(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                        bool replace);
int fn_idl_record(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                  fn_add_pair *add, void *opaque);
int fn_idl_pairs(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                 fn_add_pair *add, void *opaque);

/* ---- buffers.c */

/* The bytes of an ArrayBuffer or a view; 1 where `value` is none, -1 with an exception. Valid until
 * the next JS runs. A detached or shrunk one is empty. */
int fn_buffer_source(JSContext *ctx, JSValueConst value, uint8_t **bytes, size_t *len);
/* Of a SharedArrayBuffer, or a view of one. */
bool fn_buffer_is_shared(JSContext *ctx, JSValueConst value);
JSValue fn_array_buffer(JSContext *ctx, const uint8_t *bytes, size_t len);
JSValue fn_uint8_array(JSContext *ctx, const uint8_t *bytes, size_t len);

/* ---- compression.c, for JS */

JSValue fn_codec_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_codec_step(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_codec_close(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

/* ---- promises.c, for JS */

JSValue fn_promise_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_then(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_upon(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_rejected_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv);
JSValue fn_promise_resolved_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv);
JSValue fn_promise_mark_handled(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv);
JSValue fn_promise_result(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

/* ---- kinds.c */

/* "Map", "Error" and so on; "Object" for plain ones, "Other" for those of the Web APIs and what is
 * rare, "" for what is no object. */
const char *fn_kind_of(JSContext *ctx, JSValueConst value);

/* ---- utf8.c */

/* The length of the part that is valid, whole UTF-8. */
size_t fn_utf8_valid(const uint8_t *bytes, size_t len);
/* Decodes with U+FFFD for each maximal broken part. */
JSValue fn_utf8_decode(JSContext *ctx, const uint8_t *bytes, size_t len);
/* As the standard's "UTF-8 decode": without a byte order mark in front. */
JSValue fn_utf8_decode_bom(JSContext *ctx, const uint8_t *bytes, size_t len);
/* Valid UTF-8 out of any; NULL when out of memory (thrown). NUL-terminated; js_free. */
char *fn_utf8_mend(JSContext *ctx, const uint8_t *bytes, size_t len, size_t *out_len);
/* How many bytes at the end begin a sequence that is not whole yet. */
size_t fn_utf8_unfinished(const uint8_t *bytes, size_t len);

/* ---- pairs.c: `iterable<K, V>` of Headers and URLSearchParams */

typedef enum { FN_PAIRS_HEADERS, FN_PAIRS_PARAMS } fn_pairs;
typedef enum { FN_PAIR_ENTRIES, FN_PAIR_KEYS, FN_PAIR_VALUES } fn_pair_kind;
/* The pair at `index` as it is now: 1, 0 at the end, -1 with an exception. */
typedef int fn_pair_at(JSContext *ctx, JSValueConst target, uint32_t index, JSValue pair[2]);
int fn_pairs_init(JSContext *ctx, fn_pair_at *headers, fn_pair_at *params);
JSValue fn_pairs_new(JSContext *ctx, JSValueConst target, fn_pairs which, fn_pair_kind kind);
JSValue fn_pairs_for_each(JSContext *ctx, JSValueConst target, fn_pairs which, int argc,
                          JSValueConst *argv);
fn_pair_at fn_headers_pair_at, fn_params_pair_at;

/* ---- url.c, url_params.c */

/* The serialized URL, or null where it is none. */
JSValue fn_url_normalize(JSContext *ctx, const char *input, size_t len);
bool fn_url_has_credentials(const char *href, size_t len);
/* An URLSearchParams as application/x-www-form-urlencoded. */
JSValue fn_params_text(JSContext *ctx, JSValueConst params);

/* ---- modules.c: built-in JS modules */

/* Runs a module (and what it imports) unless that was done before. NULL with an exception. */
JSModuleDef *fn_module_load(JSContext *ctx, const char *file);

/* ---- lists.c: functions of the module `fn:web` */

JSCFunction fn_list_push, fn_list_slice, fn_list_remove;

/* ---- lazy.c: what is made when it is first named; how to use it is said there */

typedef struct {
    JSLazyProperty lazy;
    const char *name;        /* of the property */
    const char *file;        /* the JS module that makes it, and what it exports it as; or */
    const char *export_name; /* (NULL: `name`) */
    JSValue (*make)(JSContext *ctx); /* the C function that makes it */
    int flags;
} fn_lazy;

JSValue fn_lazy_make(JSContext *ctx, const JSLazyProperty *lazy);

#define FN_LAZY_JS(name_, file_, export_, flags_)                                                  \
    {.lazy = {fn_lazy_make}, .name = name_, .file = file_, .export_name = export_, .flags = flags_}
#define FN_LAZY_C(name_, make_, flags_)                                                            \
    {.lazy = {fn_lazy_make}, .name = name_, .make = make_, .flags = flags_}
#define FN_LAZY_INTERFACE(name_, file_)                                                            \
    FN_LAZY_JS(name_, file_, NULL, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE)

/* Defines properties of an object, none of which it has yet. The table lives for ever. */
int fn_lazy_define(JSContext *ctx, JSValueConst obj, const fn_lazy *table, int count);
/* An export of a lazy module, loaded when it was not yet: for C that needs it. */
JSValue fn_lazy_export(JSContext *ctx, const char *file, const char *name);

/* ---- hooks: functions of the JS modules that C calls */

JSValue fn_hook(JSContext *ctx, const char *name, int argc, JSValueConst *argv);

/* ---- init functions, one a file */

int fn_getters_init(JSContext *ctx, JSValueConst kept);
int fn_kinds_init(JSContext *ctx);
int fn_headers_init(JSContext *ctx);
int fn_url_init(JSContext *ctx);
int fn_params_init(JSContext *ctx);
int fn_encoder_init(JSContext *ctx);
int fn_decoder_init(JSContext *ctx);
int fn_globals_init(JSContext *ctx);
/* [Replaceable]: an assignment makes an attribute of the global an ordinary property. */
int fn_globals_replace(JSContext *ctx, const char *name, JSValueConst value);
int fn_timers_init(JSContext *ctx);
int fn_crypto_init(JSContext *ctx);
int fn_crypto_native_init(JSContext *ctx);
int fn_feed_init(JSContext *ctx);
int fn_request_init_class(JSContext *ctx);
int fn_response_init(JSContext *ctx);
int fn_pump_init(JSContext *ctx);
int fn_compression_init(JSContext *ctx);
int fn_native_init(JSContext *ctx);
/* Its getter is not for the modules that take the globals as they are. */
int fn_performance_init(JSContext *ctx);
JSValue fn_url_pattern_make(JSContext *ctx);
int fn_performance_after_fork(void);
double fn_performance_now(void);         /* ms since the time origin */
double fn_performance_time_origin(void); /* ms since the epoch */

#endif
