//! SHA-256 with the CPU's own instructions. It is built for a CPU that has them (libraries.zig) and
//! called only when this CPU does (crypto_platform.c).

const std = @import("std");
const Sha256 = std.crypto.hash.sha2.Sha256;

pub const panic = std.debug.no_panic;

export fn fn_sha256_block_cpu(state: *[8]u32, block: *const [64]u8) void {
    var hasher = Sha256.init(.{});
    hasher.s = state.*;
    hasher.update(block);
    state.* = hasher.s;
}
