"""The array comes back in its order, and a stream of any length is read to its end."""
from harness import equal, main, run, test

ARRAY = """\
not all went well: tarn_map: item 2 of "to_number" ended TARN_FAILED: "seven" is no number
12: 12
2.5: 2.5
seven: TARN_FAILED
-1e3: -1000
"""


def map_stream(text):
    done = run(input=text.encode())
    equal((done.returncode, done.stderr), (0, b""))
    output = done.stdout.decode()
    equal(output[:len(ARRAY)], ARRAY)
    return output[len(ARRAY):]


@test
def a_long_stream_is_summed():
    n = 100000
    equal(map_stream("".join(f"{i}\n" for i in range(n))),
          f"{n} lines, 0 of them no numbers; the others add up to {n * (n - 1) // 2}\n")


@test
def bad_lines_fail_by_themselves():
    equal(map_stream("0.5\n\nfour\n4"),
          'not all went well: tarn_map: item 1 of "to_number" ended TARN_FAILED: "" is no number\n'
          "4 lines, 2 of them no numbers; the others add up to 4.5\n")


@test
def an_empty_stream_is_no_error():
    equal(map_stream(""), "0 lines, 0 of them no numbers; the others add up to 0\n")


main()
