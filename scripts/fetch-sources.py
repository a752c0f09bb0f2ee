#!/usr/bin/env python3
"""Fetches the C and C++ sources that the worker is built from and unpacks them into .build/sources.

pip downloads the source archives that third-party/requirements.txt pins, and checks their hashes.
The engine gets the patches of guest/quickjs/patches/quickjs. What is there already is left alone, so an
unchanged build needs no network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "third-party" / "requirements.txt"
# Takes the place of the packages' build tools, so that none is downloaded and none runs.
METADATA_ONLY = ROOT / "third-party" / "metadata-only"
ARCHIVES = ROOT / ".build" / "archives"
SOURCES = ROOT / ".build" / "sources"
ENGINE_PATCHES = ROOT / "guest" / "quickjs" / "patches" / "quickjs"
APPLY_PATCHES = ROOT / "scripts" / "apply-patches.py"

# Name in the lock -> (folder in .build/sources, folder inside the archive).
PARTS = {
    "quickjs-ng": ("quickjs", "upstream-quickjs"),
    "uvloop": ("libuv", "vendor/libuv"),
    "ada-url": ("ada", "ada_url"),
    "yyjson": ("yyjson", "yyjson"),
}


def read_lock():
    """The lock's rows as {name: sha256}; it may name nothing that is not in PARTS."""
    rows = {}
    for line in LOCK.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        row = re.fullmatch(r"([a-z0-9-]+)==[0-9.]+ --hash=sha256:([0-9a-f]{64})", line)
        if row is None or row[1] not in PARTS:
            sys.exit(f"third-party/requirements.txt: cannot read the line: {line}")
        rows[row[1]] = row[2]
    missing = PARTS.keys() - rows.keys()
    if missing:
        sys.exit(f"third-party/requirements.txt does not name {', '.join(sorted(missing))}")
    return rows


def file_sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_archives(hashes):
    """{name: path} of the archives that are on disk, named by content and not by what they claim."""
    by_hash = {file_sha256(path): path for path in ARCHIVES.glob("*.tar.gz")}
    return {name: by_hash[sha] for name, sha in hashes.items() if sha in by_hash}


def fetch_archives(hashes):
    found = find_archives(hashes)
    if len(found) == len(hashes):
        return found
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
    command += ["--no-deps", "--disable-pip-version-check"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    command += ["--requirement", str(LOCK), "--dest", str(ARCHIVES)]
    environment = dict(os.environ, PYTHONPATH=str(METADATA_ONLY), PYTHONDONTWRITEBYTECODE="1")
    print("fetching the C and C++ sources", file=sys.stderr)
    status = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    if status != 0:
        sys.exit(f"pip could not download what third-party/requirements.txt pins (exit {status})")
    return find_archives(hashes)


def folder_sha256(folder):
    """One hash over names and contents, '' when there is no such folder."""
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def unpack(archive, inside, target):
    """Only regular files and folders below `inside`, and none whose name leads elsewhere."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if not member.isfile() or not path.startswith(inside + "/"):
                continue
            relative = Path(path[len(inside) + 1 :])
            if relative.is_absolute() or ".." in relative.parts:
                sys.exit(f"{archive.name}: refused the path {member.name}")
            to = target / relative
            to.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(member) as source, open(to, "wb") as out:
                shutil.copyfileobj(source, out)


def patch_engine(folder):
    command = [sys.executable, "-B", str(APPLY_PATCHES), str(ENGINE_PATCHES), str(folder)]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        sys.exit("a patch of guest/quickjs/patches/quickjs does not fit this version of the engine")


def prepare(name, archive, stamp):
    folder, inside = PARTS[name]
    target = SOURCES / folder
    fresh = SOURCES / f".{folder}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        unpack(archive, inside, fresh)
        if name == "quickjs-ng":
            patch_engine(fresh)
        (fresh / ".stamp").write_text(stamp)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def main():
    hashes = read_lock()
    stale = {}
    for name, sha in hashes.items():
        stamp = sha + folder_sha256(ENGINE_PATCHES) if name == "quickjs-ng" else sha
        have = SOURCES / PARTS[name][0] / ".stamp"
        if not have.is_file() or have.read_text() != stamp:
            stale[name] = stamp
    if not stale:
        return
    archives = fetch_archives({name: hashes[name] for name in stale})
    for name, stamp in stale.items():
        if name not in archives:
            sys.exit(f"pip did not leave the archive of {name} that the lock names")
        prepare(name, archives[name], stamp)


main()
