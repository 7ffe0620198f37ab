"""Two of five inputs are the end of a worker, and of nothing else."""
from harness import equal, main, run, test

EXPECTED = """\
3a2b: aaabb
x!: crashed by signal 6
4c: cccc
1d@0: killed after 2 seconds
1e@31z1f1g: efg
"""


@test
def the_others_are_decoded():
    done = run()
    equal(done.stdout.decode(), EXPECTED)
    equal((done.returncode, done.stderr), (0, b""))


main()
