"""What cannot be fetched is not counted, and the rest of the pipeline does not mind."""
from harness import equal, main, run, test

EXPECTED = """\
page 0 has 5 words
page 1 was not counted: there is no page 1
page 2 has 6 words
all together: 11
"""


@test
def the_pipeline_comes_to_its_end():
    done = run()
    equal(done.stdout.decode(), EXPECTED)
    equal((done.returncode, done.stderr), (0, b""))


main()
