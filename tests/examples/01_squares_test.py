"""The first program of the manual does what the manual says."""
import time

from harness import check, equal, main, run, test


@test
def prints_each_square_once_in_two_seconds():
    began = time.monotonic()
    done = run()
    took = time.monotonic() - began
    equal(done.stderr, b"")
    equal(sorted(done.stdout.splitlines()),
          [f"Square of {n} is {n * n}".encode() for n in range(1, 6)])
    equal(done.returncode, 0)
    # Five tasks of a second each on three workers. The upper bound only tells a hang from a result.
    check(2.0 <= took < 60, f"it took {took:.2f} s")


main()
