# Read by ctest, once for each test program: makes an entry `name.test` of each of its tests.
# TARN_TEST_LAUNCHER, if set, is the command that runs them (Valgrind and its options).

separate_arguments(launcher UNIX_COMMAND "$ENV{TARN_TEST_LAUNCHER}")

if(EXISTS "${program}")
    execute_process(
        COMMAND ${emulator} ${program} --list
        OUTPUT_VARIABLE tests OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
    string(REPLACE "\n" ";" tests "${tests}")
else()
    set(tests not_built)
endif()

foreach(test IN LISTS tests)
    add_test("${name}.${test}" ${launcher} ${emulator} "${program}" "${test}")
endforeach()
