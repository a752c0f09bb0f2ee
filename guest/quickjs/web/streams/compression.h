/* zlib for the JS of CompressionStream and DecompressionStream. */
#ifndef FN_WEB_COMPRESSION_H
#define FN_WEB_COMPRESSION_H

#include "quickjs.h"

int fn_compression_init(JSContext *ctx);
JSValue fn_codec_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_codec_step(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_codec_close(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

#endif
