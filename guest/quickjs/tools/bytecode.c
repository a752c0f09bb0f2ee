/* Compiles the Web APIs' JS modules to bytecode at build time and prints them as one C file. It
 * runs on the build machine, and is built from the same engine sources as the worker. */

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "quickjs.h"

/* Bytecode contains native words: both machines must be 64-bit little endian. */
_Static_assert(sizeof(void *) == 8, "the build machine must be 64-bit");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the build machine must be little endian");

typedef struct {
    const char *path;
    const char *name; /* its path below the Web APIs' directory: what other modules import */
    char id[64];      /* the name as a C identifier */
} module_file;

typedef struct {
    module_file *files;
    size_t count;
} module_list;

static _Noreturn void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bytecode: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* The whole file, followed by a NUL that `len` does not count: JS_Eval needs it. */
static char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail("%s: %s", path, strerror(errno));
    }
    if (fseek(file, 0, SEEK_END) != 0) {
        fail("%s: %s", path, strerror(errno));
    }
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        fail("%s: %s", path, strerror(errno));
    }
    char *text = malloc((size_t)size + 1);
    if (text == NULL) {
        fail("out of memory");
    }
    if (fread(text, 1, (size_t)size, file) != (size_t)size) {
        fail("%s: cannot read the whole file", path);
    }
    fclose(file);
    text[size] = '\0';
    *len = (size_t)size;
    return text;
}

static _Noreturn void fail_with_exception(JSContext *ctx, const char *path) {
    JSValue error = JS_GetException(ctx);
    const char *message = JS_ToCString(ctx, error);
    JSValue stack = JS_GetPropertyStr(ctx, error, "stack");
    const char *where = JS_ToCString(ctx, stack);
    fail("%s: %s\n%s", path, message ? message : "unknown error", where ? where : "");
}

static JSValue compile(JSContext *ctx, const module_file *file) {
    size_t len;
    char *source = read_file(file->path, &len);
    JSValue module =
        JS_Eval(ctx, source, len, file->name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(module)) {
        fail_with_exception(ctx, file->path);
    }
    free(source);
    return module;
}

static int init_nothing(JSContext *ctx, JSModuleDef *module) {
    (void)ctx;
    (void)module;
    return 0;
}

/* The engine loads the imports of a module as soon as it is compiled. Names that begin with `fn:`
 * are modules that the worker makes in C: here they only have to exist. */
static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque) {
    const module_list *list = opaque;
    if (strncmp(name, "fn:", 3) == 0) {
        return JS_NewCModule(ctx, name, init_nothing);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->files[i].name, name) == 0) {
            JSValue module = compile(ctx, &list->files[i]);
            JSModuleDef *def = JS_VALUE_GET_PTR(module);
            JS_FreeValue(ctx, module); /* the context's module list keeps a reference */
            return def;
        }
    }
    JS_ThrowReferenceError(ctx, "no built-in module '%s'", name);
    return NULL;
}

static void print_array(FILE *out, const module_file *file, const uint8_t *bytes, size_t len) {
    fprintf(out, "\nstatic const uint8_t bytes_%s[%zu] = {", file->id, len);
    for (size_t i = 0; i < len; i++) {
        fprintf(out, "%s%u,", i % 32 == 0 ? "\n" : "", bytes[i]);
    }
    fputs("\n};\n", out);
}

static void print_module(FILE *out, const module_list *list, const module_file *file, int flags) {
    /* A context for each module, so that none finds another's half-resolved modules. */
    JSRuntime *rt = JS_NewRuntime();
    JSContext *ctx = rt ? JS_NewContext(rt) : NULL;
    if (ctx == NULL) {
        fail("out of memory");
    }
    JS_SetModuleLoaderFunc(rt, NULL, load, (void *)list);
    JSValue module = compile(ctx, file);
    size_t len;
    uint8_t *bytes = JS_WriteObject(ctx, &len, module, JS_WRITE_OBJ_BYTECODE | flags);
    if (bytes == NULL) {
        fail_with_exception(ctx, file->path);
    }
    print_array(out, file, bytes, len);
    js_free(ctx, bytes);
    JS_FreeValue(ctx, module);
    JS_FreeContext(ctx);
    JS_FreeRuntime(rt);
}

static void print_table(FILE *out, const module_list *list) {
    fputs("\nstatic const struct {\n    const char *name;\n    const uint8_t *bytes;\n"
          "    size_t len;\n} builtins[] = {\n",
          out);
    for (size_t i = 0; i < list->count; i++) {
        const module_file *file = &list->files[i];
        fprintf(out, "    {\"%s\", bytes_%s, sizeof bytes_%s},\n", file->name, file->id, file->id);
    }
    fputs("    {NULL, NULL, 0},\n};\n\n"
          "const uint8_t *fn_builtin_find(const char *name, size_t *len) {\n"
          "    for (size_t i = 0; builtins[i].name != NULL; i++) {\n"
          "        if (strcmp(builtins[i].name, name) == 0) {\n"
          "            *len = builtins[i].len;\n"
          "            return builtins[i].bytes;\n"
          "        }\n"
          "    }\n"
          "    return NULL;\n"
          "}\n",
          out);
}

static void name_file(module_file *file, const char *name, const char *path) {
    file->path = path;
    file->name = name;
    size_t len = strlen(file->name);
    if (len < 4 || len >= sizeof file->id || strcmp(file->name + len - 3, ".js") != 0) {
        fail("%s: the name must have 4 to %zu bytes and end in .js", path, sizeof file->id - 1);
    }
    for (size_t i = 0; i <= len; i++) {
        char c = file->name[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\0';
        file->id[i] = plain ? c : '_';
    }
}

int main(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0 ||
        (strcmp(argv[1], "release") != 0 && strcmp(argv[1], "debug") != 0)) {
        fputs("usage: bytecode release|debug OUT.c [NAME.js FILE]...\n", stderr);
        return 2;
    }
    int flags = JS_WRITE_OBJ_STRIP_SOURCE;
    if (strcmp(argv[1], "release") == 0) {
        flags |= JS_WRITE_OBJ_STRIP_DEBUG;
    }
    module_list list = {calloc((size_t)argc, sizeof(module_file)), ((size_t)argc - 3) / 2};
    FILE *out = fopen(argv[2], "w");
    if (list.files == NULL || out == NULL) {
        fail("%s: %s", argv[2], strerror(errno));
    }
    for (size_t i = 0; i < list.count; i++) {
        name_file(&list.files[i], argv[2 * i + 3], argv[2 * i + 4]);
    }
    fputs("/* Made by guest/quickjs/tools/bytecode.c from guest/quickjs/web. Do not edit. */\n\n"
          "#include <string.h>\n#include \"tools/builtins.h\"\n",
          out);
    for (size_t i = 0; i < list.count; i++) {
        print_module(out, &list, &list.files[i], flags);
    }
    print_table(out, &list);
    free(list.files);
    if (fflush(out) != 0 || ferror(out) || fclose(out) != 0) {
        fail("%s: cannot write the file", argv[2]);
    }
    return 0;
}
