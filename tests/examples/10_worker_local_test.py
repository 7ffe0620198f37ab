"""Each worker has its connection, and none is left open."""
import re

from harness import check, equal, main, run, test

EXPECTED = r"""customer 0 spent 20416\.50
customer 1 spent 20833\.25
customer 2 spent 20425\.00
customer 3 spent 20841\.75
customer 4 spent 20408\.50
customer 5 spent 20825\.00
([123]) connections opened, \1 closed
"""


@test
def workers_ask_the_database():
    done = run()
    check(re.fullmatch(EXPECTED, done.stdout.decode()), done.stdout.decode())
    equal((done.returncode, done.stderr), (0, b""))


@test
def a_database_that_is_not_there_breaks_the_pool():
    done = run("/nonexistent/database")
    equal((done.returncode, done.stdout), (1, b"0 connections opened, 0 closed\n"))
    check(b"TARN_BROKEN" in done.stderr and b"/nonexistent/database: unable to open" in done.stderr,
          done.stderr)


@test
def a_file_that_is_no_database_fails_each_query():
    done = run("/dev/null")
    equal(done.returncode, 1)
    check(b"TARN_FAILED: no such table: orders" in done.stderr, done.stderr)


main()
