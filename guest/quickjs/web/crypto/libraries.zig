//! The libraries that Web Cryptography uses; build.zig links them.

const std = @import("std");
const Build = std.Build;
const root = @import("../../../../build.zig");
const Settings = root.Settings;

const mbedtls_dir = "node_modules/@scriptc/runtime/vendor/mbedtls";
pub const include_dirs = [_][]const u8{ mbedtls_dir ++ "/include", mbedtls_dir ++ "/library" };
pub const config_flag = "-DMBEDTLS_CONFIG_FILE=\"web/crypto/crypto_config.h\"";

/// Only the files that crypto_config.h enables.
const mbedtls_files = [_][]const u8{
    "library/aes.c",         "library/aesce.c",           "library/aesni.c",
    "library/asn1parse.c",   "library/asn1write.c",       "library/bignum.c",
    "library/bignum_core.c", "library/block_cipher.c",    "library/cipher.c",
    "library/cipher_wrap.c", "library/constant_time.c",   "library/ecdh.c",
    "library/ecdsa.c",       "library/ecp.c",             "library/ecp_curves.c",
    "library/gcm.c",         "library/hkdf.c",            "library/md.c",
    "library/md5.c",         "library/nist_kw.c",         "library/oid.c",
    "library/pkcs5.c",       "library/platform.c",        "library/platform_util.c",
    "library/rsa.c",         "library/rsa_alt_helpers.c", "library/sha1.c",
    "library/sha256.c",      "library/sha512.c",
};

pub fn addMbedtls(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.addIncludePath(s.b.path("guest/quickjs"));
    for (include_dirs) |dir| {
        m.addIncludePath(s.b.path(dir));
    }
    m.addCSourceFiles(.{
        .root = s.b.path(mbedtls_dir),
        .files = &mbedtls_files,
        .flags = s.optimized(&([_][]const u8{ "-std=c11", config_flag } ++ root.third_party_flags)),
    });
    return s.b.addLibrary(.{ .name = "mbedcrypto", .root_module = m, .linkage = .static });
}

/// Zig's std.crypto behind C functions: for the baseline CPU, and SHA-256 again for CPUs that have
/// instructions for it. They need no C library, so a sanitized build links the same two.
pub fn addPrimitives(s: Settings) [2]*Build.Step.Compile {
    var query = s.target.query;
    switch (s.target.result.cpu.arch) {
        .x86_64 => query.cpu_features_add = std.Target.x86.featureSet(&.{ .sha, .avx2 }),
        .aarch64 => query.cpu_features_add = std.Target.aarch64.featureSet(&.{.sha2}),
        else => {},
    }
    return .{
        addZig(s, "fnprimitives", "primitives.zig", s.target),
        addZig(s, "fnsha256", "sha256_cpu.zig", s.b.resolveTargetQuery(query)),
    };
}

fn addZig(s: Settings, name: []const u8, file: []const u8, target: Build.ResolvedTarget) *Build.Step.Compile {
    const m = s.b.createModule(.{
        .root_source_file = s.b.path("guest/quickjs/web/crypto").path(s.b, file),
        .target = target,
        .optimize = s.optimize,
        .strip = s.release(),
        .pic = true,
    });
    return s.b.addLibrary(.{ .name = name, .root_module = m, .linkage = .static });
}
