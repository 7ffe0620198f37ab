"""Two workers measure trees of any depth and width, although every directory is waited for."""
import os
import pathlib
import tempfile

from harness import Skip, equal, main, run, test


def measure(root, *wanted, status=0):
    done = run(str(root))
    equal(done.stdout.decode(),
          "%d bytes in %d files; %d could not be read\n" % wanted)
    equal((done.returncode, done.stderr), (status, b""))


@test
def a_bushy_tree_is_measured():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for i in range(5):
            for j in range(5):
                leaf = root / str(i) / str(j) / "leaf"
                leaf.mkdir(parents=True)
                (leaf / "file").write_bytes(bytes(100 * i + j))
                (leaf.parent / "empty").write_bytes(b"")
        os.symlink("/", root / "link")  # counted as what it is: one byte
        measure(root, sum(100 * i + j for i in range(5) for j in range(5)) + 1, 51, 0)


@test
def a_deep_tree_is_measured():
    depth = 300
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        for _ in range(depth):
            place = place / "d"
            place.mkdir()
            (place / "file").write_bytes(b"7 bytes")
        measure(name, 7 * depth, depth, 0)


@test
def a_missing_root_is_counted():
    measure("/nonexistent", 0, 0, 1, status=1)


@test
def a_forbidden_directory_costs_only_itself():
    if os.geteuid() == 0:
        raise Skip("root can read everything")
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "file").write_bytes(b"four")
        (root / "closed").mkdir(mode=0)
        measure(root, 4, 1, 1, status=1)


main()
