"""Named tests of a program, for ctest: SCRIPT PROGRAM runs all, SCRIPT PROGRAM NAME runs one.

TARN_TEST_LAUNCHER, if set, is the command that runs the program: Valgrind and its options.
TARN_TEST_EMULATOR, if set, is the command that runs programs of another machine on this one.
TARN_TEST_OPTION, if set, is an option that the program is given each time.
"""
import os
import shlex
import subprocess
import sys

SKIPPED = 77  # ctest is told that this exit status means "skipped"
LIMIT = 110   # seconds, for whatever the program does

tests = {}
program = []


def test(function):
    """Registers a test under the name of its function."""
    tests[function.__name__] = function
    return function


class Skip(Exception):
    """This system lacks what the test needs."""


def run(*args, **kwargs):
    """Runs the program to its end: .returncode, .stdout, .stderr, as bytes."""
    return subprocess.run([*program, *args], capture_output=True, timeout=LIMIT, check=False,
                          **kwargs)


def start(*args):
    """Starts the program, for a test that acts while it runs."""
    return subprocess.Popen([*program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check(condition, *what):
    """Unlike assert, it is there under python -O, too."""
    if not condition:
        raise AssertionError(*what)


def equal(got, wanted):
    check(got == wanted, f"got {got!r}, wanted {wanted!r}")


def main():
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(tests):
        sys.exit(f"usage: {sys.argv[0]} PROGRAM [{' | '.join(tests)}]...")
    for command in ("TARN_TEST_LAUNCHER", "TARN_TEST_EMULATOR"):
        program.extend(shlex.split(os.environ.get(command, "")))
    program.append(sys.argv[1])
    program.extend(shlex.split(os.environ.get("TARN_TEST_OPTION", "")))
    status = SKIPPED
    for name in sys.argv[2:] or tests:
        try:
            tests[name]()
            status = 0
            print(f"{name}: passed")
        except Skip as reason:
            print(f"{name}: skipped: {reason}")
    sys.exit(status)
