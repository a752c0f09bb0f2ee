#!/usr/bin/env python3
"""Fetches the C and C++ sources that the worker is built from and unpacks them into .build/sources.

third-party/libraries.json is the lock: pip downloads the source archives that it names, and checks their
hashes. For a library that an npm package carries, its version is compared with package-lock.json.
The engine gets the patches of guest/quickjs/patches/quickjs. Sources that are already there are left alone,
so an unchanged build needs no network.

    fetch-sources.py                      fetches, unpacks and patches
    fetch-sources.py --requirement TOOL   prints the line for pip of a tool of the lock, such as clang-format
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "third-party" / "libraries.json"
NPM_LOCK = ROOT / "package-lock.json"
# Written for pip from the lock.
REQUIREMENTS = ROOT / ".build" / "requirements.txt"
# Takes the place of the packages' build tools, so that none is downloaded and none runs.
METADATA_ONLY = ROOT / "third-party" / "metadata-only"
ARCHIVES = ROOT / ".build" / "archives"
SOURCES = ROOT / ".build" / "sources"
ENGINE_PATCHES = ROOT / "guest" / "quickjs" / "patches" / "quickjs"
APPLY_PATCHES = ROOT / "scripts" / "apply-patches.py"

# Library in the lock -> (folder in .build/sources, folder inside the archive).
PARTS = {
    "quickjs-ng": ("quickjs", "upstream-quickjs"),
    "libuv": ("libuv", "vendor/libuv"),
    "ada": ("ada", "ada_url"),
    "yyjson": ("yyjson", "yyjson"),
}

# What a field of the lock looks like.
FIELDS = {
    "version": r"[0-9.]+",
    "package": r"(@[a-z0-9-]+/)?[a-z0-9-]+",
    "packageVersion": r"[0-9.]+",
    "sha256": r"[0-9a-f]{64}",
}


def refuse(name, why):
    sys.exit(f"third-party/libraries.json: {name}: {why}")


def check_fields(name, row, fields):
    for field in fields:
        if not re.fullmatch(FIELDS[field], str(row.get(field, ""))):
            refuse(name, f"the field {field} is missing or not valid.")


def read_lock():
    """The libraries that come from the Python package index, as {name: row}."""
    rows = {}
    for name, row in json.loads(LOCK.read_text())["libraries"].items():
        if row.get("registry") == "npm":
            check_fields(name, row, ["version", "package", "packageVersion"])
            check_npm(name, row)
        elif row.get("registry") == "pypi" and name in PARTS:
            check_fields(name, row, ["version", "package", "packageVersion", "sha256"])
            rows[name] = row
        else:
            refuse(name, "scripts/fetch-sources.py does not know where to unpack it.")
    for name in sorted(PARTS.keys() - rows.keys()):
        refuse(name, "the library is missing.")
    return rows


def check_npm(name, row):
    """npm checks the package's hash; its version must be the one that the lock names."""
    packages = json.loads(NPM_LOCK.read_text())["packages"]
    locked = packages.get(f"node_modules/{row['package']}", {}).get("version")
    if locked != row["packageVersion"]:
        refuse(name, f"it names {row['package']} {row['packageVersion']}, but package-lock.json has {locked}.")


def requirement(row, hashes):
    """A line for pip, which checks the hash before it opens the archive."""
    return " ".join([f"{row['package']}=={row['packageVersion']}", *(f"--hash=sha256:{h}" for h in hashes)])


def tool_requirement(name):
    row = json.loads(LOCK.read_text())["tools"].get(name)
    if row is None:
        refuse(name, "the tool is missing.")
    check_fields(name, row, ["package", "packageVersion"])
    return requirement(row, row["sha256"])


def file_sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_archives(rows):
    """{name: path} of the archives on disk, identified by their contents and not by their file names."""
    by_hash = {file_sha256(path): path for path in ARCHIVES.glob("*.tar.gz")}
    return {name: by_hash[row["sha256"]] for name, row in rows.items() if row["sha256"] in by_hash}


def fetch_archives(rows):
    found = find_archives(rows)
    if len(found) == len(rows):
        return found
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    missing = [requirement(row, [row["sha256"]]) for name, row in rows.items() if name not in found]
    REQUIREMENTS.write_text("\n".join(missing) + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
    command += ["--no-deps", "--disable-pip-version-check"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    command += ["--requirement", str(REQUIREMENTS), "--dest", str(ARCHIVES)]
    environment = dict(os.environ, PYTHONPATH=str(METADATA_ONLY), PYTHONDONTWRITEBYTECODE="1")
    print("build: fetching the C and C++ sources", file=sys.stderr)
    status = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    if status != 0:
        sys.exit(f"pip could not download the archives that third-party/libraries.json names (exit {status}).")
    return find_archives(rows)


def folder_sha256(folder):
    """One hash over names and contents; '' if the folder does not exist."""
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def unpack(archive, inside, target):
    """Unpacks the regular files below the folder `inside`. A path that leaves it is an error."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if not member.isfile() or not path.startswith(inside + "/"):
                continue
            relative = Path(path[len(inside) + 1 :])
            if relative.is_absolute() or ".." in relative.parts:
                sys.exit(f"{archive.name}: the path {member.name} leads out of the folder.")
            to = target / relative
            to.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(member) as source, open(to, "wb") as out:
                shutil.copyfileobj(source, out)


def patch_engine(folder):
    command = [sys.executable, "-B", str(APPLY_PATCHES), str(ENGINE_PATCHES), str(folder)]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        sys.exit("A patch of guest/quickjs/patches/quickjs does not fit this version of the engine.")


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
    if sys.argv[1:2] == ["--requirement"]:
        print(tool_requirement(sys.argv[2]))
        return
    rows = read_lock()
    stale = {}
    for name, row in rows.items():
        stamp = row["sha256"] + folder_sha256(ENGINE_PATCHES) if name == "quickjs-ng" else row["sha256"]
        have = SOURCES / PARTS[name][0] / ".stamp"
        if not have.is_file() or have.read_text() != stamp:
            stale[name] = stamp
    if not stale:
        return
    archives = fetch_archives({name: rows[name] for name in stale})
    for name, stamp in stale.items():
        if name not in archives:
            sys.exit(f"pip did not leave the archive of {name} that third-party/libraries.json names.")
        prepare(name, archives[name], stamp)


main()
