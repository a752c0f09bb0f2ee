/**
 * The limits of the worker protocol.
 * Generated from protocol/limits.json by scripts/generate-protocol.ts; do not edit.
 */

/**
 * The version that `start` offers and `ready` confirms. A worker ends itself when `start` has
 * another version. A `ready` with another version is a breach.
 */
export const PROTOCOL_VERSION = 2

/**
 * One line of either side, its newline not counted. Unit: bytes. A longer line is a breach. A
 * request or a response whose head does not fit fails by itself.
 */
export const MAX_LINE_BYTES = 262_144

/**
 * The payload behind one line, `start` excepted. Unit: bytes. More is a breach. A sender cuts its
 * body into chunks of at most this size.
 */
export const MAX_PAYLOAD_BYTES = 65_536

/**
 * The line of `start`, with its newline. Unit: bytes. The host fails the start with
 * WORKER_START_FAILED. A worker that receives more ends itself.
 */
export const MAX_START_LINE_BYTES = 16_384

/**
 * The payload of `start`: details and bundle. Unit: bytes. The host fails the start with
 * BUNDLE_LOAD_ERROR. A worker that receives more ends itself.
 */
export const MAX_START_BYTES = 67_108_864

/**
 * One header list of a `response` or a `fetch`. Unit: headers. More is a breach. The worker fails
 * the response with INVALID_RESPONSE, or the fetch with a TypeError.
 */
export const MAX_HEADERS = 2000

/**
 * Names and values of one header list together. Unit: bytes. As for MAX_HEADERS.
 */
export const MAX_HEADERS_BYTES = 65_536

/**
 * Room that a worker keeps in the line of a head for `bytes` and `end`. Unit: bytes. A head
 * longer than MAX_LINE_BYTES minus this is not sent.
 */
export const HEAD_RESERVE_BYTES = 64

/**
 * Payload bytes of one direction of one body that were sent and not credited. Unit: bytes. The
 * sender waits for credit. To send more, or to give credit for more than was sent, is a breach.
 */
export const CREDIT_WINDOW_BYTES = 262_144

/**
 * What a worker may have of a request body without having given credit, while its invocation
 * counts as waiting for the client. Unit: bytes. With more, or with the whole body, the time
 * until the deadline runs. A body that is collected whole is credited in parts of this size.
 */
export const AWAITING_BYTES = 65_536

/**
 * The amount that a reader collects before it gives credit. Unit: bytes. Credit is given when
 * this much is owed, or when nothing is left to read.
 */
export const CREDIT_BATCH_BYTES = 32_768

/**
 * The text of an IPv4 or IPv6 address. Unit: characters. More is a breach.
 */
export const MAX_CLIENT_ADDRESS = 45

/**
 * The message of one `log` before it is escaped. Escaped, it has at most six times as many bytes.
 * Unit: characters (quickjs: UTF-8 bytes). The worker cuts the message and marks the cut.
 */
export const MAX_LOG_MESSAGE = 32_768

/**
 * `engine` in `ready`. Unit: characters. More is a breach.
 */
export const MAX_ENGINE_NAME = 100

/**
 * The message of an `error` that reaches the caller. Unit: characters. The Bun worker cuts it
 * before it sends it, and the host cuts what it receives.
 */
export const MAX_ERROR_MESSAGE = 4096

/**
 * The stack of an `error`. Unit: characters. The Bun worker cuts it. The host does not map the
 * positions of a longer stack.
 */
export const MAX_ERROR_STACK = 16_384

/**
 * The `accepted` line on a connection that was made ahead of need. Unit: bytes. The host closes
 * the connection.
 */
export const MAX_ACCEPTED_LINE_BYTES = 128

/**
 * One line of the host on the zygote's control channel. Unit: bytes. The zygote ends with
 * EXIT_BREACH, and its workers with it.
 */
export const MAX_ZYGOTE_LINE_BYTES = 4096

/**
 * Children that the zygote forks ahead of need, and connections that the host opens to them.
 * Unit: processes. A further cold start waits for a fork.
 */
export const ZYGOTE_SPARES = 2

/**
 * The descriptor of a worker's channel, and of the zygote's control channel. Unit: descriptor.
 */
export const CHANNEL_FD = 3

/**
 * The status with which a worker or a zygote ends after the host broke the protocol. Unit: exit
 * status.
 */
export const EXIT_BREACH = 70
