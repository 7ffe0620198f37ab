# Short names for the presets of CMakePresets.json. Everything is built under build/.

MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: demo test chaos bench nightly format install clean

demo:
	tools/dependencies.sh build
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	build/release/examples/01_squares
	build/release/examples/01_squares_processes
	build/release/examples/wordcount bench cmake examples include src tests tools
	build/release/examples/wordcount --quiet /usr/include >build/release/threads.txt
	build/release/examples/wordcount --quiet --processes /usr/include >build/release/processes.txt
	cat build/release/processes.txt
	cmp build/release/threads.txt build/release/processes.txt

test:
	tools/dependencies.sh build test
	cmake --preset dev
	cmake --build --preset dev --parallel $(JOBS)
	ctest --preset dev --parallel $(JOBS)

# Kills workers and servers under a million tasks, and hosts; each of them at each step.
chaos:
	tools/dependencies.sh build test
	cmake --preset dev
	cmake --build --preset dev --parallel $(JOBS)
	TARN_TEST_NIGHT=1 TARN_TEST_LIMIT=3000 ctest --preset dev --timeout 3600 -R '^process_(steps|survival)'

bench:
	tools/dependencies.sh build bench
	cmake --preset bench
	cmake --build --preset bench --parallel $(JOBS)
	cmake --build --preset bench --target run_bench

nightly:
	.ci/run nightly

format:
	tools/dependencies.sh tree
	tools/format.sh

install:
	tools/dependencies.sh build
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build
