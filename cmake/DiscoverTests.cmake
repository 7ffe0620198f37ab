# Read by ctest, once for each test program: makes an entry `name.test` of each of its tests.
#
# TARN_TEST_LAUNCHER, if set, is a command that runs test programs (Valgrind and its options). It is
# slow to start, as an emulator is, so then a program that is not isolated is one entry, and runs all
# its tests, and one that is has entries of several, each of them in a child of its own. At night, when
# tests take long, each has its own entry again.

# All of them if `workers` is set, or those of that executor.
function(add_entry entry)
    add_test("${name}.${entry}" ${launcher} ${emulator} "${program}" ${ARGN})
    if(workers OR entry MATCHES "^processes/")
        set_tests_properties("${name}.${entry}" PROPERTIES LABELS workers)
    endif()
endfunction()

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

# Twenty of one executor, by which the filters of the presets go.
if(launcher AND isolated AND NOT "$ENV{TARN_TEST_NIGHT}")
    list(SORT tests)
    set(some)
    foreach(test IN LISTS tests)
        string(REGEX MATCH "^[^/]*/" executor "${test}")
        list(LENGTH some length)
        if(NOT length EQUAL 0 AND (length EQUAL 20 OR NOT executor STREQUAL last))
            list(GET some 0 first)
            add_entry("${first}_and_more" ${some})
            set(some)
        endif()
        set(last "${executor}")
        list(APPEND some "${test}")
    endforeach()
    set(tests ${some})
endif()

foreach(test IN LISTS tests)
    add_entry("${test}" "${test}")
endforeach()
