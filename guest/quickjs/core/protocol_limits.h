/* The limits of the worker protocol.
 * Generated from protocol/limits.json by scripts/generate-protocol.ts; do not edit. */
/* clang-format off */
#ifndef FN_PROTOCOL_LIMITS_H
#define FN_PROTOCOL_LIMITS_H

/*
 * The version that `start` offers and `ready` confirms. A worker ends itself when `start` has
 * another version. A `ready` with another version is a breach.
 */
#define FN_PROTOCOL_VERSION 2

/*
 * One line of either side, its newline not counted. Unit: bytes. A longer line is a breach. A
 * request or a response whose head does not fit fails by itself.
 */
#define FN_MAX_LINE_BYTES 262144

/*
 * The payload behind one line, `start` excepted. Unit: bytes. More is a breach. A sender cuts its
 * body into chunks of at most this size.
 */
#define FN_MAX_PAYLOAD_BYTES 65536

/*
 * The line of `start`, with its newline. Unit: bytes. The host fails the start with
 * WORKER_START_FAILED. A worker that receives more ends itself.
 */
#define FN_MAX_START_LINE_BYTES 16384

/*
 * The payload of `start`: details and bundle. Unit: bytes. The host fails the start with
 * BUNDLE_LOAD_ERROR. A worker that receives more ends itself.
 */
#define FN_MAX_START_BYTES 67108864

/*
 * One header list of a `response` or a `fetch`. Unit: headers. More is a breach. The worker fails
 * the response with INVALID_RESPONSE, or the fetch with a TypeError.
 */
#define FN_MAX_HEADERS 2000

/*
 * Names and values of one header list together. Unit: bytes. As for MAX_HEADERS.
 */
#define FN_MAX_HEADERS_BYTES 65536

/*
 * Room that a worker keeps in the line of a head for `bytes` and `end`. Unit: bytes. A head
 * longer than MAX_LINE_BYTES minus this is not sent.
 */
#define FN_HEAD_RESERVE_BYTES 64

/*
 * Payload bytes of one direction of one body that were sent and not credited. Unit: bytes. The
 * sender waits for credit. To send more, or to give credit for more than was sent, is a breach.
 */
#define FN_CREDIT_WINDOW_BYTES 262144

/*
 * What a worker may have of a request body without having given credit, while its invocation
 * counts as waiting for the client. Unit: bytes. With more, or with the whole body, the time
 * until the deadline runs. A body that is collected whole is credited in parts of this size.
 */
#define FN_AWAITING_BYTES 65536

/*
 * The amount that a reader collects before it gives credit. Unit: bytes. Credit is given when
 * this much is owed, or when nothing is left to read.
 */
#define FN_CREDIT_BATCH_BYTES 32768

/*
 * The text of an IPv4 or IPv6 address. Unit: characters. More is a breach.
 */
#define FN_MAX_CLIENT_ADDRESS 45

/*
 * The message of one `log` before it is escaped. Escaped, it has at most six times as many bytes.
 * Unit: characters (quickjs: UTF-8 bytes). The worker cuts the message and marks the cut.
 */
#define FN_MAX_LOG_MESSAGE 32768

/*
 * `engine` in `ready`. Unit: characters. More is a breach.
 */
#define FN_MAX_ENGINE_NAME 100

/*
 * The message of an `error` that reaches the caller. Unit: characters. The Bun worker cuts it
 * before it sends it, and the host cuts what it receives.
 */
#define FN_MAX_ERROR_MESSAGE 4096

/*
 * The stack of an `error`. Unit: characters. The Bun worker cuts it. The host does not map the
 * positions of a longer stack.
 */
#define FN_MAX_ERROR_STACK 16384

/*
 * The `accepted` line on a connection that was made ahead of need. Unit: bytes. The host closes
 * the connection.
 */
#define FN_MAX_ACCEPTED_LINE_BYTES 128

/*
 * One line of the host on the zygote's control channel. Unit: bytes. The zygote ends with
 * EXIT_BREACH, and its workers with it.
 */
#define FN_MAX_ZYGOTE_LINE_BYTES 4096

/*
 * Children that the zygote forks ahead of need, and connections that the host opens to them.
 * Unit: processes. A further cold start waits for a fork.
 */
#define FN_ZYGOTE_SPARES 2

/*
 * The descriptor of a worker's channel, and of the zygote's control channel. Unit: descriptor.
 */
#define FN_CHANNEL_FD 3

/*
 * The status with which a worker or a zygote ends after the host broke the protocol. Unit: exit
 * status.
 */
#define FN_EXIT_BREACH 70

#endif
