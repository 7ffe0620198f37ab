#!/usr/bin/env python3
"""exports.py LIBTARN.SO TREE

What the library exports, what the map lists and what the headers declare with TARN_API must be the
same names. Prints each that is not in all three.
"""

import re
import subprocess
import sys
from pathlib import Path

NAME = r"\b(tarn_\w+)"


def exported(library):
    symbols = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--format=posix", library],
        check=True, capture_output=True, text=True,
    ).stdout
    names = {line.split()[0] for line in symbols.splitlines()}
    unversioned = {name for name in names if "@@" not in name and not name.startswith("TARN_")}
    if unversioned:
        sys.exit(f"exported without a version: {', '.join(sorted(unversioned))}")
    return {name.split("@@")[0] for name in names if "@@" in name}


def listed(map_file):
    return set(re.findall(rf"^\s*{NAME};", map_file.read_text(), re.M))


def declared(headers):
    names = set()
    for header in headers:
        code = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for declaration in re.findall(r"^\s*TARN_API\b([^;{]*)", code, re.M):
            names.add(re.search(rf"{NAME}\)?\s*(?:\(|\[|$)", declaration)[1])
    return names


def main():
    library, tree = sys.argv[1], Path(sys.argv[2])
    views = {
        "exported": exported(library),
        "listed in the map": listed(tree / "src/tarn.map"),
        "declared": declared(sorted((tree / "include").glob("*.h"))),
    }
    wrong = False
    for name in sorted(set().union(*views.values())):
        lacking = [view for view, names in views.items() if name not in names]
        if lacking:
            wrong = True
            print(f"{name}: not {', not '.join(lacking)}")
    if not views["declared"]:
        sys.exit("found no declaration at all")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
