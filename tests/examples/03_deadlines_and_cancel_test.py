"""Nothing endless keeps the program, and everything ends as the header says."""
from harness import equal, main, run, test

EXPECTED = """\
a wait of 50 ms for an endless task      TARN_TIMEOUT
which goes on                            RUNNING
cancel what is queued                    true
cancel what is running                   false
what was cancelled ended                 TARN_CANCELLED
what should start within 50 ms ended     TARN_EXPIRED
stop what is running, within 10 s        TARN_OK
what was stopped ended                   TARN_STOPPED
what should run for 50 ms at most ended  TARN_EXPIRED
one of three waits with one deadline     TARN_OK
one of three waits with one deadline     TARN_OK
one of three waits with one deadline     TARN_OK
shut down within 10 s                    TARN_OK
"""


@test
def whatever_is_endless_ends():
    done = run()
    equal(done.stdout.decode(), EXPECTED)
    equal((done.returncode, done.stderr), (0, b""))


main()
