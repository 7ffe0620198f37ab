"""Requests and answers alternate as they like, but each answer follows its request."""
from harness import check, equal, main, run, test


@test
def each_request_is_answered_once():
    done = run()
    equal((done.returncode, done.stderr), (0, b""))
    lines = done.stdout.decode().splitlines()
    requests = [f"request {n}" for n in range(5)]
    answers = [f"answer {n} is {n * n}" for n in range(5)]
    equal([line for line in lines if line.startswith("request")], requests)
    equal(sorted(lines), sorted(requests + answers))
    for request, answer in zip(requests, answers):
        check(lines.index(request) < lines.index(answer), lines)


main()
