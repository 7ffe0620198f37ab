"""Every block is stored or refused, and never are more in memory than the limit allows."""
import os
import re

from harness import Skip, check, equal, main, program, run, start, test

LINE = (r"(\w+): (\d+) stored, (\d+) of them by the producer, (\d+) refused; "
        r"at most (\d+) in memory\n")
MOST = 8 + 2 + 1  # in the queue, at the workers, and in the producer's hands


def numbers(output):
    """{policy: (stored, by the producer, refused)}"""
    result = {}
    for policy, *values in re.findall(LINE, output.decode()):
        *counts, most = map(int, values)
        check(most <= MOST, output)
        result[policy] = tuple(counts)
    equal(list(result), ["block", "refuse", "caller"])
    return result


@test
def each_policy_keeps_the_limit_in_its_own_way():
    n = 200
    done = run(str(n))
    equal((done.returncode, done.stderr), (0, b""))
    by_policy = numbers(done.stdout)

    equal(by_policy["block"], (n, 0, 0))
    stored, by_producer, refused = by_policy["refuse"]
    equal((stored + refused, by_producer), (n, 0))
    check(stored >= 8, stored)
    stored, by_producer, refused = by_policy["caller"]
    equal((stored, refused), (n, 0))
    check(0 < by_producer < n, by_producer)


@test
def memory_stays_flat():
    if len(program) > 1:
        raise Skip("the memory is the launcher's")
    with open(program[0], "rb") as file:
        if re.search(rb"__[at]san_", file.read()):
            raise Skip("sanitizers keep memory back")
    process = start("1000")  # blocks, of 64 KiB each
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    equal(process.returncode, 0)
    numbers(output)
    check(usage.ru_maxrss < 24 * 1024, f"it took {usage.ru_maxrss} KiB")


main()
