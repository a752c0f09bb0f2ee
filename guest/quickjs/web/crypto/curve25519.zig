//! Ed25519 and X25519 of Zig's std.crypto for C. Every function returns 0, or -1 when the standard
//! refuses the key or the signature.

const std = @import("std");
const Ed25519 = std.crypto.sign.Ed25519;
const X25519 = std.crypto.dh.X25519;

export fn fn_ed25519_public(seed: *const [32]u8, public: *[32]u8) c_int {
    const pair = Ed25519.KeyPair.generateDeterministic(seed.*) catch return -1;
    public.* = pair.public_key.toBytes();
    return 0;
}

/// `public` is the seed's, as fn_ed25519_public returned it, so that it is not computed for each
/// signature.
export fn fn_ed25519_sign(
    seed: *const [32]u8,
    public: *const [32]u8,
    data: [*]const u8,
    len: usize,
    signature: *[64]u8,
) c_int {
    var secret: Ed25519.SecretKey = .{ .bytes = seed.* ++ public.* };
    defer std.crypto.secureZero(u8, &secret.bytes);
    const pair = Ed25519.KeyPair.fromSecretKey(secret) catch return -1;
    const made = pair.sign(data[0..len], null) catch return -1;
    signature.* = made.toBytes();
    return 0;
}

export fn fn_ed25519_verify(public: *const [32]u8, data: [*]const u8, len: usize, signature: *const [64]u8) c_int {
    verify(public.*, data[0..len], signature.*) catch return -1;
    return 0;
}

/// Without the cofactor, and with points of small order refused, as the Web Cryptography API
/// requires.
fn verify(public: [32]u8, data: []const u8, signature: [64]u8) !void {
    const key = try Ed25519.PublicKey.fromBytes(public);
    var verifier = try Ed25519.Signature.fromBytes(signature).verifier(key);
    try verifier.a.clearCofactor().rejectIdentity();
    try verifier.expected_r.clearCofactor().rejectIdentity();
    verifier.update(data);
    try verifier.verifyStrict();
}

export fn fn_x25519_public(secret: *const [32]u8, public: *[32]u8) c_int {
    public.* = X25519.recoverPublicKey(secret.*) catch return -1;
    return 0;
}

/// Returns -1 also for an all-zero result: the other side's point is of small order.
export fn fn_x25519(secret: *const [32]u8, public: *const [32]u8, shared: *[32]u8) c_int {
    shared.* = X25519.scalarmult(secret.*, public.*) catch return -1;
    return 0;
}
