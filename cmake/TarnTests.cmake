# tarn_add_test(NAME program [ISOLATED] [SHARED] [WORKERS] SOURCES file... [LIBS library...])
#
# Builds a test program with the runner (tests/support) and the static library, or with SHARED the
# shared one, and makes one ctest entry `program.test` of each test that `program --list` names. A
# source that defines __wrap_f has the calls of f in the program and the library led to it (ld's
# --wrap). ISOLATED: its tests need a process each, under Valgrind as well. WORKERS: they start worker
# processes, which neither Valgrind nor an emulator can; the label `workers` says so.

find_path(CMOCKA_INCLUDE_DIR cmocka.h REQUIRED)
find_library(CMOCKA_LIBRARY cmocka REQUIRED)

add_library(tarn_runner STATIC ${PROJECT_SOURCE_DIR}/tests/support/runner.c)
target_include_directories(tarn_runner PUBLIC ${PROJECT_SOURCE_DIR}/tests/support)
target_include_directories(tarn_runner SYSTEM PUBLIC ${CMOCKA_INCLUDE_DIR})
target_compile_definitions(tarn_runner PUBLIC _GNU_SOURCE)
target_link_libraries(tarn_runner PUBLIC ${CMOCKA_LIBRARY} Threads::Threads)

function(tarn_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "ISOLATED;SHARED;WORKERS" "NAME" "SOURCES;LIBS")
    list(TRANSFORM arg_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" REGEX "^[^/]")

    add_executable(${arg_NAME} ${arg_SOURCES})
    target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    if(arg_SHARED)
        set(library tarn)
    else()
        set(library tarn_static)
    endif()
    target_link_libraries(${arg_NAME} PRIVATE tarn_runner ${library} ${arg_LIBS})

    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_SOURCES})
    foreach(source IN LISTS arg_SOURCES)
        file(READ ${source} text)
        string(REGEX MATCHALL "__wrap_[a-zA-Z0-9_]+" wraps "${text}")
        list(REMOVE_DUPLICATES wraps)
        list(TRANSFORM wraps REPLACE "^__wrap_" "-Wl,--wrap=")
        target_link_options(${arg_NAME} PRIVATE ${wraps})
    endforeach()

    # ctest itself asks the program for its tests, so the entries are never older than the program.
    set(listing ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.ctest.cmake)
    file(GENERATE OUTPUT ${listing} CONTENT "
set(name [[${arg_NAME}]])
set(program [[$<TARGET_FILE:${arg_NAME}>]])
set(isolated ${arg_ISOLATED})
set(workers ${arg_WORKERS})
set(emulator [[${CMAKE_CROSSCOMPILING_EMULATOR}]])
include([[${PROJECT_SOURCE_DIR}/cmake/DiscoverTests.cmake]])
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${listing})
endfunction()
