#!/usr/bin/env python3
"""steps.py TREE

Checks that the steps of src/process/step.h have their numbers in the README beside it, and that each
is passed somewhere in the sources.
"""

import re
import sys
from pathlib import Path

folder = Path(sys.argv[1]) / "src" / "process"
steps = re.findall(r"X\((\d+), (\w+)\)", (folder / "step.h").read_text(encoding="utf-8"))
rows = re.findall(r"^\| (\d+) (\w+) \|", (folder / "README.md").read_text(encoding="utf-8"), re.M)
sources = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.c")))
passed = set(re.findall(r"tn_step\(TN_STEP_(\w+)\);", sources))

wrong = [f"{' '.join(step)}: not in the table" for step in steps if step not in rows]
wrong += [f"{' '.join(row)}: in the table alone" for row in rows if row not in steps]
wrong += [f"{name}: nobody passes it" for _, name in steps if name not in passed]
if not steps:
    wrong.append("there are no steps")
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
