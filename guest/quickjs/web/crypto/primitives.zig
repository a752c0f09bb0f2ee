//! The parts of Zig's std.crypto that the worker uses, for the baseline CPU.

const std = @import("std");

/// Nothing here can panic in a release build; a debug build traps.
pub const panic = std.debug.no_panic;

comptime {
    _ = @import("curve25519.zig");
    _ = @import("sha.zig");
}
