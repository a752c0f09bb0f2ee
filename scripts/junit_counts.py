"""Reads a JUnit report: first line 'PASSED FAILED', then 'failed<TAB>name' and 'skipped<TAB>name' rows."""

import sys
import xml.etree.ElementTree as ElementTree


def main():
    cases = list(ElementTree.parse(sys.argv[1]).iter("testcase"))
    if not cases:
        sys.exit(f"{sys.argv[1]}: the report has no test.")
    rows = []
    passed = 0
    for case in cases:
        name = " > ".join(filter(None, [case.get("classname"), case.get("name")]))
        name = " ".join(name.split())
        if case.find("failure") is not None or case.find("error") is not None:
            rows.append(f"failed\t{name}")
        elif case.find("skipped") is not None:
            # Bun lists the hooks of a skipped group as tests without a name.
            if case.get("name") != "(unnamed)":
                rows.append(f"skipped\t{name}")
        else:
            passed += 1
    print(passed, sum(row.startswith("failed") for row in rows))
    print("\n".join(rows))


main()
