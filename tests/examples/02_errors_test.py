"""A task's failure reaches whoever reads its result: status, text, code and place."""
import re

from harness import check, equal, main, run, test

EXPECTED = r"""7 / 2: 3\.5
7 / 0: TARN_FAILED: cannot divide 7 by zero
    code 33, said by divide\(\) in .*02_errors\.c:\d+, attempt 1
asked twice: TARN_FAILED: busy; this was call 2
    code 16, said by ask_service\(\) in .*02_errors\.c:\d+, attempt 2
and again: 42
no pool: .*max_workers.*
1 / 2: TARN_INVALID: .*executor is NULL
"""


@test
def every_error_is_told_where_the_result_is_read():
    done = run()
    check(re.fullmatch(EXPECTED, done.stdout.decode()), done.stdout.decode())
    equal((done.returncode, done.stderr), (0, b""))


main()
