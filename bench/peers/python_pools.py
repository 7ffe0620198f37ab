#!/usr/bin/env python3
"""The same questions to Python's pools of processes: python_pools.py executor|pool QUESTION [N]"""
import collections
import concurrent.futures
import multiprocessing
import os
import signal
import statistics
import sys
import time

WARM_UP = 20
WINDOW = 4096
BATCH = 100  # as each_step() in bench.h
PAUSE = 200e-6  # as settle() in bench.h


def empty(n):
    return n


def spin():
    while True:
        pass


class Executor:
    """concurrent.futures.ProcessPoolExecutor"""

    def __init__(self, workers):
        self.pool = concurrent.futures.ProcessPoolExecutor(workers)

    def submit(self, fn, *args):
        return self.pool.submit(fn, *args).result

    def map(self, items):
        return self.pool.map(empty, items, chunksize=1)

    def close(self):
        self.pool.shutdown()


class Pool:
    """multiprocessing.Pool"""

    def __init__(self, workers):
        self.pool = multiprocessing.Pool(workers)

    def submit(self, fn, *args):
        return self.pool.apply_async(fn, args).get

    def map(self, items):
        return self.pool.map(empty, items, chunksize=1)

    def close(self):
        self.pool.close()
        self.pool.join()


def wrong(what):
    sys.exit(f"wrong result: {what}")


def call(pool, i):
    if pool.submit(empty, i)() != i:
        wrong(f"task {i}")


def timed(act, n, settle=0.0):
    """The median of n times, in seconds."""
    times = []
    for i in range(n):
        time.sleep(settle)
        start = time.perf_counter()
        act(i)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def warm(kind, workers):
    pool = kind(workers)
    for i in range(WARM_UP):
        call(pool, i)
    return pool


def hot(kind, n, _):
    def batch(i):
        for k in range(BATCH):
            call(pool, BATCH * i + k)

    pool = warm(kind, 1)
    took = timed(batch, n // BATCH)
    pool.close()
    return "ns", took / BATCH * 1e9


def parked(kind, n, _):
    pool = warm(kind, 1)
    took = timed(lambda i: call(pool, i), n, PAUSE)
    pool.close()
    return "ns", took * 1e9


def pipelined(kind, n, workers):
    pool = warm(kind, workers)
    under_way = collections.deque()
    total = 0
    start = time.perf_counter()
    for i in range(n):
        if len(under_way) == WINDOW:
            total += under_way.popleft()()
        under_way.append(pool.submit(empty, i))
    total += sum(result() for result in under_way)
    took = time.perf_counter() - start
    if total != n * (n - 1) // 2:
        wrong(f"the results add up to {total}")
    pool.close()
    return "ns", took / n * 1e9


def mapped(kind, n, workers):
    pool = warm(kind, workers)
    start = time.perf_counter()
    total = sum(pool.map(range(n)))
    took = time.perf_counter() - start
    if total != n * (n - 1) // 2:
        wrong(f"the results add up to {total}")
    pool.close()
    return "ns", took / n * 1e9


def opened(kind, n, _):
    times = []
    for i in range(n):
        start = time.perf_counter()
        pool = kind(1)
        call(pool, i)
        times.append(time.perf_counter() - start)
        pool.close()
    return "us", statistics.median(times) * 1e6


def lost(kind, n, _):
    """The executor only: a multiprocessing.Pool never tells who waits."""
    times = []
    for _ in range(n):
        pool = kind(1)
        worker = pool.submit(os.getpid)()
        result = pool.submit(spin)
        time.sleep(0.002)
        start = time.perf_counter()
        os.kill(worker, signal.SIGKILL)
        try:
            result()
            wrong("a task that spins has ended")
        except concurrent.futures.process.BrokenProcessPool:
            times.append(time.perf_counter() - start)
        pool.close()
    return "us", statistics.median(times) * 1e6


QUESTIONS = {"hot": hot, "parked": parked, "pipelined": pipelined, "map": mapped, "pool": opened,
             "lost": lost}

if __name__ == "__main__":
    KIND = {"executor": Executor, "pool": Pool}[sys.argv[1]]
    NAME, VALUE = QUESTIONS[sys.argv[2]](KIND, int(sys.argv[3]), int((sys.argv + ["1"])[4]))
    print(f"{NAME} {VALUE:.1f}")
