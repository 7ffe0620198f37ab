#!/usr/bin/env python3
"""layers.py [TREE]

Checks the rules of the source tree that no compiler checks, and prints each breach as file:line:

  - an include only goes down: programs, examples, bench and tests see the public headers; a back end (any
    folder of src besides core and platform) sees core, platform and itself; core sees platform;
    platform sees the C library alone;
  - outside src/platform nothing allocates, orders memory, blocks, or keeps thread-locals by itself;
  - an atomic is a word in one place: it is not copied, assigned, or passed by value;
  - a source file has at most 500 lines, and nothing is marked as left over.
"""

import re
import sys
from pathlib import Path

MAX_LINES = 500
SUFFIXES = {".c", ".h", ".cc", ".hpp"}
TREES = ("src", "include", "programs", "examples", "bench", "tests")

PUBLIC = {"tarn.h"}
AUTHORS = PUBLIC | {"tarn_macros.h", "tarn_backend.h"}

# What src may use of the C library outside src/platform: nothing of it reaches the system.
PLAIN_C = {
    f"{name}.h"
    for name in (
        "assert errno float inttypes limits math stdalign stdarg stdbool stddef stdint stdio"
        " stdlib stdnoreturn string"
    ).split()
}

# What the plain headers, or the compiler without any, still offer.
PLATFORM_ONLY = re.compile(
    r"\b(?:__atomic_\w+|__sync_\w+|_Atomic|atomic_\w+|memory_order_\w+|pthread_\w+"
    r"|_Thread_local|__thread|thread_local|clock_gettime|nanosleep|eventfd|syscall|tn_raw_)\b"
    r"|\w+_tn_raw_\b"
    r"|(?<![.>])\b(?:malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strn?dup)(?=\s*\()"
)
LEFT_OVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
ATOMIC = r"\btn_atomic_\w+"
ATOMIC_COPY = re.compile(
    rf"{ATOMIC}\s+\w+\s*=(?!\s*(?:TN_ATOMIC_INIT\b|\{{))"  # an initialiser that copies
    rf"|{ATOMIC}\s+\w+\s*\("  # a result
    rf"|[(,]\s*(?:const\s+)?{ATOMIC}(?:\s+\w+)?\s*(?=[,)])"  # an argument
)
ATOMIC_WORD = re.compile(rf"{ATOMIC}\s+(\w+)\s*[;=\[]")
ATOMIC_POINTER = re.compile(rf"{ATOMIC}\s*\*\s*(?:const\s+)?(\w+)")

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text):
    """The text without comments and literals, its lines where they were; includes are kept."""

    def blank(match):
        line_start = text.rfind("\n", 0, match.start()) + 1
        if INCLUDE.match(text[line_start : match.end()]):
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return COMMENT_OR_TEXT.sub(blank, text)


class File:
    def __init__(self, tree, path):
        self.path = path.relative_to(tree)
        self.text = path.read_text(encoding="utf-8")
        self.code = code_of(self.text)
        self.is_test = path.stem.endswith("_test") or self.path.parts[0] == "tests"
        self.top = self.path.parts[0]
        # The room: the folder right below src, or None.
        self.room = self.path.parts[1] if self.top == "src" and len(self.path.parts) > 2 else None

    def lines(self):
        return enumerate(self.code.split("\n"), 1)


def include_refused(file, system, name):
    """Why the file may not include the name, or None."""
    target = Path(name)
    if file.room is None:
        public = AUTHORS if file.top in ("tests", "include") else PUBLIC
        if target.name.startswith("tarn") and target.name not in public:
            return f"{file.top} may include {', '.join(sorted(public))} only"
        if file.top != "tests" and {"src", "core", "platform"} & set(target.parts):
            return f"{file.top} may not reach into src"
        return None

    if target.name in AUTHORS:
        return "platform knows the C library only" if file.room == "platform" else None
    if file.is_test and target.name == "runner.h":
        return None
    if system:
        if file.room == "platform" or file.is_test or name in PLAIN_C:
            return None
        return f"<{name}> is for src/platform only"
    room = target.parts[0] if len(target.parts) > 1 else file.room
    below = {"platform": {"platform"}, "core": {"core", "platform"}}
    if room not in below.get(file.room, {file.room, "core", "platform"}):
        return f"{file.room} may not include {room}"
    return None


def atomic_assignment(file, files):
    """A pattern of assignments to the atomics that the file, or a header it includes, declares."""
    words, pointers, seen, to_read = set(), set(), set(), [file]
    while to_read:
        current = to_read.pop()
        if current.path in seen:
            continue
        seen.add(current.path)
        words.update(ATOMIC_WORD.findall(current.code))
        pointers.update(ATOMIC_POINTER.findall(current.code))
        for _, line in current.lines():
            include = INCLUDE.match(line)
            if include:
                for base in (current.path.parent, Path("src"), Path("include")):
                    if base / include[2] in files:
                        to_read.append(files[base / include[2]])
    # A member may share its name with one that is no atomic, so the value has to look like one too.
    words_of = "|".join(sorted(words)) or r"(?!)"
    pointers_of = "|".join(sorted(pointers)) or r"(?!)"
    place = rf"(?:\b(?:{words_of})\b(?:\[[^\]]*\])?|\*\s*(?:{pointers_of})\b)"
    value = rf"(?:(?:[\w.\[\]]|->)*{place}\s*[;,)]|\(\s*{ATOMIC}\s*\))"
    return re.compile(rf"{place}\s*=\s*{value}")


def breaches(tree):
    """Yields (path, line, sentence) for each rule broken in the tree."""
    paths = [p for top in TREES for p in sorted((tree / top).rglob("*")) if p.suffix in SUFFIXES]
    files = {file.path: file for file in (File(tree, path) for path in paths)}

    for file in files.values():
        inner = file.room not in (None, "platform")
        for number, line in file.lines():
            include = INCLUDE.match(line)
            if include:
                why = include_refused(file, include[1] == "<", include[2])
                if why:
                    yield file.path, number, why
            elif inner and not file.is_test:
                for word in PLATFORM_ONLY.findall(line):
                    yield file.path, number, f"{word} is for src/platform only"
        if inner:
            assignment = atomic_assignment(file, files)
            for number, line in file.lines():
                if ATOMIC_COPY.search(line) or assignment.search(line):
                    yield file.path, number, "an atomic is not copied, assigned or passed by value"
        count = file.text.count("\n")
        if file.top == "src" and not file.is_test and count > MAX_LINES:
            yield file.path, count, f"more than {MAX_LINES} lines"
        for number, line in enumerate(file.text.split("\n"), 1):
            if LEFT_OVER.search(line):
                yield file.path, number, "something is left over"


def main():
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    found = list(breaches(tree))
    for path, number, sentence in found:
        print(f"{path}:{number}: {sentence}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
