"""The first program of the manual, by one other word."""
from harness import equal, main, run, test


@test
def prints_each_square_once():
    done = run()
    equal(done.stderr, b"")
    equal(sorted(done.stdout.splitlines()),
          [f"Square of {n} is {n * n}".encode() for n in range(1, 6)])
    equal(done.returncode, 0)


main()
