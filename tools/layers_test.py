#!/usr/bin/env python3
"""Small trees that layers.py must refuse, each for one reason, and one it must not."""

import tempfile
import unittest
from pathlib import Path

import layers

GOOD = {
    "include/tarn.h": "#include <stddef.h>\n",
    "include/tarn_backend.h": '#include "tarn.h"\n',
    "src/platform/atomic.h": "#include <stdatomic.h>\n"
    "typedef struct { _Atomic(unsigned) tn_raw_; } tn_atomic_u32;\n",
    "src/core/cell.h": '#include "platform/atomic.h"\n'
    "struct tn_cell { tn_atomic_u32 state; int plain; };\n",
    "src/core/cell.c": '#include "cell.h"\n#include <string.h>\n'
    "/* malloc() and pthread_self() may be spoken of. */\n"
    "static tn_atomic_u32 word = TN_ATOMIC_INIT(0);\n"
    "static struct tn_cell first = {.state = TN_ATOMIC_INIT(0)};\n"
    "void f(struct tn_cell *cell, tn_atomic_u32 *at) { cell->plain = 1; g(at, \"free(\"); }\n"
    "void n(struct other *other) { other->state = NULL; int state = other->state_count; }\n"
    "void h(struct list *list) { list->free(list); tn_free(list); if (a.state == 1) f(); }\n",
    "src/core/cell_test.c": '#include "cell.h"\n#include "runner.h"\n#include <pthread.h>\n',
    "src/threads/pool.c": '#include "tarn_backend.h"\n#include "core/cell.h"\n',
    "examples/01_squares.c": "#include <tarn.h>\n#include <unistd.h>\n",
    "tests/contract/x.c": '#include "tarn.h"\n#include "runner.h"\n#include <pthread.h>\n',
}

# What is added to the good tree, and the word that the one complaint about it must contain.
REFUSED = {
    "platform_sees_core": ("src/platform/a.c", '#include "core/cell.h"\n', "core"),
    "platform_sees_the_public_header": ("src/platform/a.c", "#include <tarn.h>\n", "platform"),
    "core_sees_a_back_end": ("src/core/a.c", '#include "threads/pool.h"\n', "threads"),
    "back_end_sees_another": ("src/process/a.c", '#include "threads/pool.h"\n', "threads"),
    "example_sees_core": ("examples/a.c", '#include "core/cell.h"\n', "src"),
    "example_sees_the_back_end_header": ("examples/a.c", "#include <tarn_backend.h>\n", "tarn.h"),
    "bench_reaches_into_src": ("bench/a.c", '#include "../src/core/cell.h"\n', "src"),
    "core_includes_pthread": ("src/core/a.c", "#include <pthread.h>\n", "pthread.h"),
    "core_includes_stdatomic": ("src/core/a.h", "#  include <stdatomic.h>\n", "stdatomic.h"),
    "core_includes_unistd": ("src/core/a.c", "#include <unistd.h>\n", "unistd.h"),
    "malloc": ("src/core/a.c", "void *p = malloc(1);\n", "malloc"),
    "free": ("src/threads/a.c", "void f(void *p) { free (p); }\n", "free"),
    "atomic_builtin": ("src/core/a.c", "int i = __atomic_load_n(&x, 0);\n", "__atomic_load_n"),
    "sync_builtin": ("src/core/a.c", "__sync_synchronize();\n", "__sync_synchronize"),
    "raw_atomic_type": ("src/core/a.c", "static _Atomic int x;\n", "_Atomic"),
    "thread_local": ("src/threads/a.c", "static _Thread_local int x;\n", "_Thread_local"),
    "gnu_thread_local": ("src/core/a.c", "static __thread int x;\n", "__thread"),
    "clock": ("src/core/a.c", "clock_gettime(1, &now);\n", "clock_gettime"),
    "the_atomics_member": ("src/core/a.c", "x = cell->state.tn_raw_;\n", "tn_raw_"),
    "atomic_assigned": ("src/core/a.c", '#include "cell.h"\n\n\na->state = b->state;\n', "copied"),
    "atomic_assigned_in_a_test": (
        "src/core/a_test.c",
        '#include "cell.h"\ntn_atomic_u32 w;\na.state = w;\n',
        "copied",
    ),
    "atomic_made_anew": (
        "src/core/a.c",
        '#include "cell.h"\na->state = (tn_atomic_u32){0};\n',
        "copied",
    ),
    "atomic_copied_at_birth": ("src/core/a.c", "tn_atomic_u32 x = cell->state;\n", "copied"),
    "atomic_passed_by_value": ("src/core/a.c", "void f(int a, tn_atomic_u32 b);\n", "copied"),
    "atomic_returned": ("src/core/a.c", "tn_atomic_u32 f(void);\n", "copied"),
    "atomic_set_through_a_pointer": (
        "src/core/a.c",
        "void f(tn_atomic_u32 *p, tn_atomic_u32 *q)\n{\n    *p = *q;\n}\n",
        "copied",
    ),
    "long_file": ("src/core/a.c", "\n" * 501, "500"),
    "left_over": ("examples/a.c", "/* TO" "DO: later */\n", "left over"),
}


class LayersTest(unittest.TestCase):
    def breaches(self, extra):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (GOOD | extra).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return list(layers.breaches(Path(folder)))

    def test_accepts_the_good_tree(self):
        self.assertEqual(self.breaches({}), [])

    def test_refuses(self):
        for name, (path, text, word) in REFUSED.items():
            with self.subTest(name):
                found = self.breaches({path: text})
                self.assertEqual([str(f[0]) for f in found], [path])
                self.assertIn(word, found[0][2])

    def test_names_the_line(self):
        found = self.breaches({"src/core/a.c": "/* one\n * two */\nvoid *p = malloc(1);\n"})
        self.assertEqual(found[0][1], 3)


if __name__ == "__main__":
    unittest.main()
