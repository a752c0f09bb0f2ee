#!/usr/bin/env python3
"""Applies every *.patch of a folder, in the order of their names, to a folder of sources.

    apply-patches.py PATCHES SOURCES          changes the files of SOURCES in place
    apply-patches.py PATCHES SOURCES OUT      writes the changed files to OUT instead

The patches are what `git diff` writes. Each hunk must fit at its line number exactly: there is no
fuzz and no search, so that a source that changed is noticed. When one hunk does not fit, nothing is
written, the message names the patch, the file and the hunk, and the exit status is 1.
"""

import re
import sys
from pathlib import Path

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class DoesNotFit(Exception):
    pass


def read_patch(text):
    """Returns [(file, [(header, first line, the lines before, the lines after)])]."""
    files = []
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        if lines[i].startswith("--- a/") and i + 1 < len(lines):
            name = lines[i][len("--- a/") :]
            if lines[i + 1] != "+++ b/" + name:
                raise DoesNotFit(f"'{name}': only changes to existing files are supported")
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise DoesNotFit(f"'{name}' is outside the sources")
            files.append((name, []))
            i += 2
        elif (match := HUNK.match(lines[i])) and files:
            header, start = match[0], int(match[1])
            counts = [int(match[2] or 1), int(match[4] or 1)]
            i += 1
            before, after = [], []
            while len(before) < counts[0] or len(after) < counts[1]:
                line = lines[i] if i < len(lines) else ""
                if line[:1] not in (" ", "-", "+") or line == "":
                    raise DoesNotFit(f"{files[-1][0]}: {header} is not a complete hunk")
                if line[0] != "+":
                    before.append(line[1:])
                if line[0] != "-":
                    after.append(line[1:])
                i += 1
            if i < len(lines) and lines[i].startswith("\\"):
                raise DoesNotFit(f"{files[-1][0]}: {header} has no newline at the end of the file")
            # A hunk without old lines names the line that it follows.
            files[-1][1].append((header, start if counts[0] else start + 1, before, after))
        else:
            i += 1
    if not any(hunks for _, hunks in files):
        raise DoesNotFit("it changes nothing")
    return files


def apply_hunks(name, text, hunks):
    lines = text.split("\n")
    shift = 0
    for header, start, before, after in hunks:
        at = start - 1 + shift
        found = lines[at : at + len(before)]
        if found != before:
            raise DoesNotFit(f"{name}: {header} does not fit {difference(at, found, before)}")
        lines[at : at + len(before)] = after
        shift += len(after) - len(before)
    return "\n".join(lines)


def difference(at, found, before):
    for i, want in enumerate(before):
        have = found[i] if i < len(found) else None
        if have != want:
            shown = "the file ends before it" if have is None else f"it is '{have.strip()[:120]}'"
            return f"(line {at + i + 1} should be '{want.strip()[:120]}', {shown})"
    return ""


def apply_all(patches, sources):
    """Returns {file: its new text} after all the patches of a folder. Writes nothing."""
    paths = sorted(patches.glob("*.patch"))
    if not paths:
        raise DoesNotFit(f"{patches}: the folder has no *.patch")
    texts = {}
    for path in paths:
        try:
            for name, hunks in read_patch(path.read_text(encoding="utf-8")):
                if name not in texts:
                    if not (sources / name).is_file():
                        raise DoesNotFit(f"{name}: the file does not exist")
                    # The patches have plain line feeds, so the text that they change gets them too.
                    text = (sources / name).read_bytes().decode("utf-8")
                    texts[name] = text.replace("\r\n", "\n")
                texts[name] = apply_hunks(name, texts[name], hunks)
        except DoesNotFit as error:
            raise DoesNotFit(f"{path.name}: {error}") from None
    return texts


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print("usage: apply-patches.py PATCHES SOURCES [OUT]", file=sys.stderr)
        return 2
    patches, sources = Path(sys.argv[1]), Path(sys.argv[2])
    out = Path(sys.argv[3]) if len(sys.argv) == 4 else sources
    try:
        texts = apply_all(patches, sources)
    except DoesNotFit as error:
        print(f"apply-patches: {error}", file=sys.stderr)
        return 1
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(text.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
