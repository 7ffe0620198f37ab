"""wordcount agrees with wc, loses one file at most to one failure, and minds where it prints."""
import errno
import fcntl
import os
import pathlib
import pty
import random
import signal
import struct
import subprocess
import tempfile
import termios

import harness
from harness import LIMIT, Skip, check, equal, main, run, start, test


def numbers(line):
    return tuple(int(word) for word in line.split()[:3])


def by_path(output):
    """{path: (lines, words, bytes)} of all lines but the total."""
    result = {}
    for line in output.splitlines()[:-1]:
        path = line.split(maxsplit=3)[3]
        check(path not in result, "counted twice:", path)
        result[path] = numbers(line)
    return result


def wc(*paths):
    """The total of the system's wc over the regular files below the paths."""
    found = subprocess.run(["find", *paths, "-type", "f", "-print0"], stdout=subprocess.PIPE,
                           check=True)
    counted = subprocess.run(["wc", "--files0-from=-"], input=found.stdout, stdout=subprocess.PIPE,
                             env={**os.environ, "LC_ALL": "C"}, check=True)
    return numbers(counted.stdout.splitlines()[-1])


def wc_of(path):
    with open(path, "rb") as file:
        return numbers(subprocess.run(["wc"], stdin=file, stdout=subprocess.PIPE, check=True,
                                      env={**os.environ, "LC_ALL": "C"}).stdout)


def fill(folder):
    """Files that a counter of words may get wrong."""
    dice = random.Random(20)
    folder = pathlib.Path(folder)
    files = {
        "empty": b"",
        "no newline at the end": b"two words",
        "newline only": b"\n",
        "spaces only": b" \t\v\f\r\n \n",
        "nul": b"a\0b \0 c\0\n\0",
        "high": b"caf\xc3\xa9 \xff\xfe \x80 a\xa0b\n",
        "control": b"\x01\x02 \x1b[0m \x7f a\x7fb \x08\n",
        "carriage returns": b"one\r\ntwo\rthree\r\n",
        "a word across pieces": b"x" * 65535 + b"yz" + b" " * 65535 + b"end",
        "a word of odd bytes across pieces": b" " * 65530 + b"\x80" * 20 + b"q" + b"\n" * 65530,
        "pieces exactly": b"ab\n " * 32768,
        "random": dice.randbytes(300000),
        "random text": bytes(dice.choices(b" \n\tabc\0\x80", k=300000)),
        "-q": b"a name like an option\n",
        "\x01name": b"of odd characters\n",
        "deep/er/and/deeper/file": b"far down\n",
        ".hidden/.file": b"not seen by a shell\n",
    }
    for byte in range(256):
        files[f"bytes/alone {byte}"] = bytes([byte])
        files[f"bytes/between {byte}"] = b"a" + bytes([byte]) + b"b"
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "link to a file").symlink_to("empty")
    (folder / "link to nothing").symlink_to("nowhere")
    (folder / "link to itself").symlink_to(".")
    os.mkfifo(folder / "pipe")
    return [str(folder / name) for name in files]


class Tree(tempfile.TemporaryDirectory):
    """A folder of a test's own. Its name is what `with` gives."""

    def __init__(self, where=None):
        super().__init__(prefix="tarn-wordcount-", dir=where)


@test
def counts_a_nasty_tree_as_wc_does():
    with Tree() as tree:
        paths = fill(tree)
        done = run(tree)
        equal(done.stderr, b"")
        equal(done.returncode, 0)
        counted = by_path(done.stdout)
        equal(set(counted), {path.encode() for path in paths})
        for path in paths:
            if "/bytes/" not in path:
                check(counted[path.encode()] == wc_of(path), path, counted[path.encode()])
        equal(numbers(done.stdout.splitlines()[-1]), wc(tree))


@test
def counts_the_system_headers_as_wc_does():
    # An instrumented program is content with a part of them.
    tree = "/usr/include" if os.environ.get("TARN_TEST_SCALE", "1") == "1" else "/usr/include/linux"
    if not os.path.isdir(tree):
        raise Skip(f"no {tree}")
    done = run("--quiet", tree)
    equal(done.stderr, b"")
    equal(numbers(done.stdout), wc(tree))
    equal(done.stdout.split()[3:], [b"total"])


@test
def counts_each_of_many_files_once():
    with Tree() as tree:
        for number in range(3000):
            pathlib.Path(tree, str(number)).write_text("word\n" * (number % 7), encoding="ascii")
        for workers in ("1", "4"):
            done = run("--workers", workers, tree)
            equal(done.returncode, 0)
            equal(by_path(done.stdout), {f"{tree}/{number}".encode(): (number % 7,) * 2 +
                                         (number % 7 * 5,) for number in range(3000)})


@test
def takes_several_roots_and_single_files():
    with Tree() as tree:
        fill(tree)
        done = run(f"{tree}/bytes/", f"{tree}/deep", f"{tree}/nul", f"{tree}/link to a file")
        equal(done.returncode, 0)
        equal(numbers(done.stdout.splitlines()[-1]),
              wc(f"{tree}/bytes", f"{tree}/deep", f"{tree}/nul"))
        check(f"{tree}/bytes/alone 7".encode() in by_path(done.stdout), "a slash at the end counts")


@test
def unreadable_file_costs_only_itself():
    with Tree() as tree:
        pathlib.Path(tree, "fine").write_text("three short words\n", encoding="ascii")
        done = run("/proc/self/mem", tree)  # it opens, but nothing is mapped at its start
        equal(done.returncode, 1)
        check(done.stderr in (b"wordcount: /proc/self/mem: Input/output error\n",
                              b"wordcount: /proc/self/mem: I/O error\n"),  # musl's words
              done.stderr)
        equal(by_path(done.stdout), {f"{tree}/fine".encode(): (1, 3, 18)})


@test
def forbidden_file_and_folder_cost_only_themselves():
    nobody = 65534
    who = {}
    if os.geteuid() == 0:  # root may read everything
        who = {"user": nobody, "group": nobody, "extra_groups": []}
    with Tree() as tree:
        pathlib.Path(tree).chmod(0o755)
        pathlib.Path(tree, "fine").write_text("three short words\n", encoding="ascii")
        pathlib.Path(tree, "fine").chmod(0o644)
        pathlib.Path(tree, "file").touch(0o000)
        pathlib.Path(tree, "folder").mkdir(0o000)
        try:
            if run("--help", **who).returncode != 0:
                raise PermissionError("what launches it may not read it")
            done = run(tree, **who)
        except PermissionError as error:
            raise Skip(f"another user may not run the program: {error}") from error
        finally:
            pathlib.Path(tree, "folder").chmod(0o700)
        equal(done.returncode, 1)
        equal(sorted(done.stderr.splitlines()),
              [f"wordcount: {tree}/{name}: Permission denied".encode()
               for name in ("file", "folder")])
        equal(numbers(done.stdout.splitlines()[-1]), (1, 3, 18))


@test
def missing_root_costs_only_itself():
    with Tree() as tree:
        pathlib.Path(tree, "fine").write_text("three short words\n", encoding="ascii")
        done = run(f"{tree}/missing", tree, "/dev/null")
        equal(done.returncode, 1)
        equal(sorted(done.stderr.splitlines()),
              sorted([f"wordcount: {tree}/missing: No such file or directory".encode(),
                      b"wordcount: /dev/null: Not a directory"]))
        equal(numbers(done.stdout.splitlines()[-1]), (1, 3, 18))


class Lease:
    """While it is held, whoever opens the file blocks, and wait() returns when somebody does."""

    def __init__(self, path):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        self.file = open(path, "wb+")  # pylint: disable=consider-using-with
        self.file.write(b"held up\n")
        self.file.flush()
        try:
            fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            raise Skip(f"no lease on {path}: {error}") from error

    @staticmethod
    def wait():
        check(signal.sigtimedwait({signal.SIGIO}, LIMIT) is not None, "nobody opened the file")

    def release(self):
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        self.file.close()


def shared_memory():
    """Leases work on tmpfs, not everywhere else."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


@test
def vanished_file_costs_only_itself():
    with Tree(shared_memory()) as tree:
        first, second, third = (os.path.join(tree, name) for name in ("first", "second", "third"))
        for path in (second, third):
            pathlib.Path(path).write_text("three short words\n", encoding="ascii")
        lease = Lease(first)
        running = start("--workers", "1", first, second, third)
        lease.wait()  # the only worker stands at the first file; it has not opened the second
        os.unlink(second)
        lease.release()
        output, errors = running.communicate(timeout=LIMIT)
        equal(errors, f"wordcount: {second}: No such file or directory\n".encode())
        equal(running.returncode, 1)
        equal(by_path(output), {first.encode(): (1, 2, 8), third.encode(): (1, 3, 18)})


def children_of(parent):
    """Its processes that have not ended."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state, its_parent = file.read().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        if int(its_parent) == parent and state not in "ZX":
            found.append(int(entry))
    return found


@test
def killed_worker_costs_only_its_file():
    if "--processes" not in harness.program:
        raise Skip("a thread cannot be killed")
    with Tree(shared_memory()) as tree:
        first, second = (os.path.join(tree, name) for name in ("first", "second"))
        pathlib.Path(second).write_text("three short words\n", encoding="ascii")
        lease = Lease(first)
        running = start("--workers", "1", first, second)
        lease.wait()  # the only worker stands at the first file
        [server] = children_of(running.pid)
        [worker] = children_of(server)
        os.kill(worker, signal.SIGKILL)
        output, errors = running.communicate(timeout=LIMIT)
        lease.release()
        equal(errors, f'wordcount: {first}: SIGKILL in task "count_file", worker 0, '
                      f"pid {worker}\n".encode())
        equal(running.returncode, 1)
        equal(by_path(output), {second.encode(): (1, 3, 18)})


@test
def paths_are_those_of_the_working_directory():
    with Tree() as tree:
        pathlib.Path(tree, "folder").mkdir()
        pathlib.Path(tree, "folder", "file").write_text("three short words\n", encoding="ascii")
        done = run("folder", cwd=tree)
        equal((done.returncode, done.stderr), (0, b""))
        equal(by_path(done.stdout), {b"folder/file": (1, 3, 18)})


@test
def interrupt_prints_what_was_counted_so_far():
    with Tree(shared_memory()) as tree:
        first, second = (os.path.join(tree, name) for name in ("first", "second"))
        pathlib.Path(first).write_text("three short words\n", encoding="ascii")
        lease = Lease(second)
        running = start("--workers", "1", first, second)
        lease.wait()
        running.send_signal(signal.SIGINT)
        output = running.stdout.readline() + running.stdout.readline()  # printed before it ends
        lease.release()
        rest, errors = running.communicate(timeout=LIMIT)
        equal(errors, b"")
        equal(output.split(), f"1 3 18 {first} 1 3 18 so far".encode().split())
        equal(rest, b"")
        equal(running.returncode, 128 + signal.SIGINT)


def on_terminal(*args, columns=80):
    """Runs the program on a terminal: its exit status, and all that it wrote there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([*harness.program, *args], stdin=follower, stdout=follower,
                          stderr=follower) as running:
        os.close(follower)
        output = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError as error:  # how Linux says that nobody has the terminal open
                equal(error.errno, errno.EIO)
                break
            if not piece:
                break
            output += piece
        os.close(leader)
        return running.wait(LIMIT), output


@test
def terminal_shows_a_bar():
    with Tree(shared_memory()) as tree:
        for number in range(20):
            pathlib.Path(tree, str(number)).write_text("word\n", encoding="ascii")
        status, output = on_terminal(tree, columns=60)
        equal(status, 0)
        total, bar, end = output.split(b"\r\n")[-3:]
        check(total.endswith(b" total"), output)
        check(b"###] 100%  20 of 20 files\x1b[K in " in bar, output)
        equal(end, b"")
        for part in output.replace(b"\r\n", b"\r").split(b"\r"):
            if part.startswith(b"["):
                check(len(part.partition(b"\x1b[K")[0]) < 60, part)


@test
def bar_tells_how_far_it_is():
    with Tree(shared_memory()) as tree:
        pathlib.Path(tree, "first").write_text("three short words\n", encoding="ascii")
        lease = Lease(os.path.join(tree, "second"))
        leader, follower = pty.openpty()
        with subprocess.Popen([*harness.program, "--workers", "1", f"{tree}/first",
                               f"{tree}/second"], stdin=follower, stdout=follower,
                              stderr=follower) as running:
            os.close(follower)
            output = b""
            while b".]  50%  1 of 2 files" not in output:
                output += os.read(leader, 65536)
            lease.release()
            try:
                while os.read(leader, 65536):
                    pass
            except OSError:
                pass
            equal(running.wait(LIMIT), 0)
            os.close(leader)


@test
def no_terminal_no_bar():
    with Tree() as tree:
        paths = fill(tree)
        done = run(tree)
        equal(done.stderr, b"")
        check(b"\x1b" not in done.stdout and b"\r" not in done.stdout, "control characters")
        equal(len(done.stdout.splitlines()), len(paths) + 1)


@test
def terminal_is_spared_control_characters():
    with Tree() as tree:
        pathlib.Path(tree, "\x1b[2Jname").write_text("word\n", encoding="ascii")
        status, output = on_terminal(tree)
        equal(status, 0)
        check(b"?[2Jname" in output and b"\x1b[2J" not in output, output)


@test
def wrong_command_lines_are_refused():
    for args in ([], ["--workers", "0", "."], ["--workers", "many", "."], ["--workers"],
                 ["--workers", "99999", "."], ["--nonsense", "."]):
        done = run(*args)
        equal((args, done.returncode, done.stdout), (args, 2, b""))
        check(done.stderr != b"", args)


@test
def help_goes_to_stdout():
    done = run("--help")
    equal((done.returncode, done.stderr), (0, b""))
    check(done.stdout.startswith(b"usage: wordcount"), done.stdout)


main()
