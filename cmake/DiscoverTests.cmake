# Read by ctest, once for each test program: makes an entry `name.test` of each of its tests.
#
# TARN_TEST_LAUNCHER, if set, is a command that runs test programs (Valgrind and its options). It is
# slow to start, as an emulator is, so then a program that is not isolated is one entry, and runs all
# its tests.

separate_arguments(launcher UNIX_COMMAND "$ENV{TARN_TEST_LAUNCHER}")

if(NOT EXISTS "${program}")
    set(tests not_built)
elseif((launcher OR emulator) AND NOT isolated)
    add_test("${name}" ${launcher} ${emulator} "${program}")
    set(tests)
else()
    execute_process(
        COMMAND ${emulator} ${program} --list
        OUTPUT_VARIABLE tests OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
    string(REPLACE "\n" ";" tests "${tests}")
endif()

foreach(test IN LISTS tests)
    add_test("${name}.${test}" ${launcher} ${emulator} "${program}" "${test}")
endforeach()
