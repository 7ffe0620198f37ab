/* What the sanitizers ask a program for before its main. Without them nobody calls these.
 *
 * allocator_may_return_null: that memory runs out is an answer here, and tested.
 * halt_on_error: a test with a data race fails there and then. */

#define ASKED_FOR __attribute__((visibility("default")))

ASKED_FOR const char *__asan_default_options(void);
ASKED_FOR const char *__tsan_default_options(void);
ASKED_FOR const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1:halt_on_error=1:second_deadlock_stack=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}
