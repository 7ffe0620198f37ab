/* SPDX-License-Identifier: Apache-2.0 */
#include "module.h"

#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char here[] = "here";

TEST(static_data_is_found_again_by_its_place)
{
    tn_module module;
    uint64_t offset;
    assert_true(tn_module_find(here, &module, &offset));
    assert_string_equal(module.path, "");
    assert_ptr_equal(tn_module_at(&module, offset, sizeof(here)), here);
    assert_true(tn_module_has(here, sizeof(here)));
}

TEST(what_lies_nowhere_is_not_found)
{
    tn_module module;
    uint64_t offset;
    void *block = calloc(1, 100);
    assert_false(tn_module_find(block, &module, &offset));
    assert_false(tn_module_has(block, 1));
    assert_false(tn_module_has(NULL, 1));
    free(block);
}

TEST(a_place_beyond_the_module_is_none)
{
    tn_module module;
    uint64_t offset;
    assert_true(tn_module_find(here, &module, &offset));
    assert_null(tn_module_at(&module, UINT64_MAX, 1));
    assert_null(tn_module_at(&module, UINT64_MAX / 2, 1));
    assert_null(tn_module_at(&module, offset, SIZE_MAX));
}

TEST(another_file_is_not_the_same)
{
    tn_module module, other;
    uint64_t offset;
    assert_true(tn_module_find(here, &module, &offset));
    other = module;
    assert_true(tn_module_same(&module, &other));
    if (other.id_size > 0)
        other.id[0] ^= 1;
    else
        other.file[0] ^= 1;
    assert_false(tn_module_same(&module, &other));
    assert_null(tn_module_at(&other, offset, 1));
}

/* Where neither is known, all that is left is the path. */
TEST(what_has_no_build_id_is_known_by_its_file_or_its_path)
{
    tn_module module = {.file = {7, 8}, .path = "/a.so"}, other = module;
    strcpy(other.path, "/b.so");
    assert_true(tn_module_same(&module, &other));
    other.file[1] = 9;
    assert_false(tn_module_same(&module, &other));
    other.file[0] = 0;
    assert_false(tn_module_same(&module, &other));
    strcpy(other.path, "/a.so");
    assert_true(tn_module_same(&module, &other));
}

TEST(the_file_of_what_has_no_build_id_is_found_where_it_was_loaded)
{
    char path[4096];
    struct stat program;
    tn_module module;
    uint64_t offset;
    /* Not by stat() alone: that would be an emulator, if there is one. */
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    assert_true(length > 0);
    path[length] = '\0';
    assert_int_equal(stat(path, &program), 0);
    assert_true(tn_module_find(here, &module, &offset));
    if (module.id_size == 0)
        assert_int_equal(module.file[0], program.st_ino);
    module = (tn_module){
        .file = {program.st_ino, ((uint64_t)major(program.st_dev) << 32) | minor(program.st_dev)}};
    assert_ptr_equal(tn_module_at(&module, offset, sizeof(here)), here);
    module.file[0]++;
    assert_null(tn_module_at(&module, offset, sizeof(here)));
}

TEST(what_cannot_be_loaded_says_why)
{
    assert_non_null(tn_module_load("/nowhere/at/all.so"));
}
