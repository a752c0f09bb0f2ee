//! The compression functions of MD5, SHA-1 and SHA-2, one block each, from Zig's std.crypto.

const std = @import("std");
const hash = std.crypto.hash;

export fn fn_md5_block(state: *[4]u32, block: *const [64]u8) void {
    run(hash.Md5, state, block);
}

export fn fn_sha1_block(state: *[5]u32, block: *const [64]u8) void {
    run(hash.Sha1, state, block);
}

export fn fn_sha512_block(state: *[8]u64, block: *const [128]u8) void {
    run(hash.sha2.Sha512, state, block);
}

export fn fn_sha256_block(state: *[8]u32, block: *const [64]u8) void {
    run(hash.sha2.Sha256, state, block);
}

/// `update` processes whole blocks without a copy, and nothing is padded before `final`.
inline fn run(comptime Hash: type, state: anytype, block: *const [Hash.block_length]u8) void {
    var hasher = Hash.init(.{});
    hasher.s = state.*;
    hasher.update(block);
    state.* = hasher.s;
}
