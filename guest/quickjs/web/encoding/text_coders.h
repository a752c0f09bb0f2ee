/* The TextEncoder and TextDecoder interfaces. */
#ifndef FN_WEB_TEXT_CODERS_H
#define FN_WEB_TEXT_CODERS_H

#include "quickjs.h"

int fn_encoder_init(JSContext *ctx);
int fn_decoder_init(JSContext *ctx);

#endif
