/* Asserts a condition that only a bug of the worker itself can break. */
#ifndef FN_CHECK_H
#define FN_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define FN_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
