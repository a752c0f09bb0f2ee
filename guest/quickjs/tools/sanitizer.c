/* The options of the sanitized build. A worker starts with an empty environment, so they cannot be
 * variables. */

const char *__asan_default_options(void);

/* Leak detection traces the process, which a worker does not allow. */
const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:detect_stack_use_after_return=0";
}

const char *__ubsan_default_options(void);

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:exitcode=99";
}
