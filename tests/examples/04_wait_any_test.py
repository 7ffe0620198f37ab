"""The first answer, the first failure, and what comes in time."""
from harness import equal, main, run, test

EXPECTED = """\
the first answer is 20
the first failure: server 2 is out of order
server 1 answered 10
server 3 answered 30
time is up: tarn_next: 3 of 5 futures unfinished
1 cancelled
server 5 was not asked
"""

TRIES = 5  # what comes in time is a matter of time: a busy machine may miss a third of a second


@test
def some_of_many_are_taken():
    for _ in range(TRIES):
        done = run()
        equal((done.returncode, done.stderr), (0, b""))
        if done.stdout.decode() == EXPECTED:
            return
    equal(done.stdout.decode(), EXPECTED)


main()
