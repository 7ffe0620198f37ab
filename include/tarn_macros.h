/* SPDX-License-Identifier: Apache-2.0 */

/* tarn_macros.h - what TARN_TASK() and the keyword calls are made of. tarn.h includes it at its
 * end; nothing here need be read to use the library.
 *
 * From the top: tools of the preprocessor; what C and C++ say differently; the keyword calls; the
 * task macros; the shape of a task; its declaration; its definition.
 *
 * Conventions. A macro that ends in _ is private. What ends up in the user's file carries the
 * task's name or ends in _ as well, so that it shadows nothing of the user's. "name" is the task's
 * name, "f" its function, "X" and "Y" what releases its arguments and its result (void: nothing),
 * "R" its result, "N" the number of its arguments and "..." their types.
 */
#ifndef TARN_MACROS_H
#define TARN_MACROS_H

/* clang-format off */

/* ---- Tools ----------------------------------------------------------------------------------- */

/* A macro that may be given no argument takes only "...": -pedantic has no complaint then. */

#define TARN_JOIN_(a, b)           TARN_JOIN_1_(a, b)
#define TARN_JOIN_1_(a, b)         a##b
#define TARN_FIRST_(...)           TARN_FIRST_1_(__VA_ARGS__, ~)
#define TARN_FIRST_1_(a, ...)      a
#define TARN_SECOND_(...)          TARN_SECOND_1_(__VA_ARGS__, 0, ~)
#define TARN_SECOND_1_(a, b, ...)  b

/* 1 for one argument, 0 for 2 to 18. */
#define TARN_IS_ONE_(...) \
    TARN_IS_ONE_1_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, ~)
#define TARN_IS_ONE_1_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, is, ...) is

/* 1 if T is the word void alone, else 0: only after that word alone does "(~, 1)" become the
 * arguments of the macro below, and so give a second item. */
#define TARN_IS_VOID_(T)           TARN_SECOND_(TARN_VOID_##T(~, 1))
#define TARN_VOID_void(...)        __VA_ARGS__

/* M(name, 1, A1) M(name, 2, A2) ... */
#define TARN_EACH_1_(M, name, A)   M(name, 1, A)
#define TARN_EACH_2_(M, name, A, B) \
    TARN_EACH_1_(M, name, A) M(name, 2, B)
#define TARN_EACH_3_(M, name, A, B, C) \
    TARN_EACH_2_(M, name, A, B) M(name, 3, C)
#define TARN_EACH_4_(M, name, A, B, C, D) \
    TARN_EACH_3_(M, name, A, B, C) M(name, 4, D)
#define TARN_EACH_5_(M, name, A, B, C, D, E) \
    TARN_EACH_4_(M, name, A, B, C, D) M(name, 5, E)
#define TARN_EACH_6_(M, name, A, B, C, D, E, F) \
    TARN_EACH_5_(M, name, A, B, C, D, E) M(name, 6, F)
#define TARN_EACH_7_(M, name, A, B, C, D, E, F, G) \
    TARN_EACH_6_(M, name, A, B, C, D, E, F) M(name, 7, G)
#define TARN_EACH_8_(M, name, A, B, C, D, E, F, G, H) \
    TARN_EACH_7_(M, name, A, B, C, D, E, F, G) M(name, 8, H)

/* p->a1, p->a2, ... */
#define TARN_PASS_1_(p)            p->a1
#define TARN_PASS_2_(p)            TARN_PASS_1_(p), p->a2
#define TARN_PASS_3_(p)            TARN_PASS_2_(p), p->a3
#define TARN_PASS_4_(p)            TARN_PASS_3_(p), p->a4
#define TARN_PASS_5_(p)            TARN_PASS_4_(p), p->a5
#define TARN_PASS_6_(p)            TARN_PASS_5_(p), p->a6
#define TARN_PASS_7_(p)            TARN_PASS_6_(p), p->a7
#define TARN_PASS_8_(p)            TARN_PASS_7_(p), p->a8

/* T, in a form that a name can follow even if it is written "int (*)(int)" or "int[4]". */
#define TARN_TYPE_(T)              __typeof__(T)

#define TARN_INLINE_               __attribute__((unused)) static inline

/* A plugin's task and the program's task of the same name are two tasks: visible ones would be
 * merged by the dynamic linker, silently. A library that exports its tasks says "default". */
#ifndef TARN_TASK_VISIBILITY
#define TARN_TASK_VISIBILITY       "hidden"
#endif

#define TARN_MAX_ALIGN_            16

#define TARN_ARRAY_TEXT_ " is an array or a function: pass a pointer, or a struct that holds it"
#define TARN_ALIGN_TEXT_ " needs an alignment of more than 16: pass a pointer to it"
#define TARN_SIGNATURE_TEXT_(R, f, ...) \
    #R ", " #f ", " #__VA_ARGS__ ": " #f " has another result or other arguments"

/* ---- The two languages ----------------------------------------------------------------------- */

/*  TARN_PLAIN_(T)                 T without const and volatile, which an object that is filled in
 *                                 later cannot have
 *  TARN_KIND_(T)                  its tarn_kind
 *  TARN_CHECK_TYPE_(what, T)      refuses what cannot be copied as bytes
 *  TARN_CAST_(T, x)               x, a const void *, as a T
 *  TARN_RAW_(p)                   p as a void *
 *  TARN_FUNCTION_(R, f, ...)      f, to be called
 *  TARN_CHECK_FUNCTION_(R, f, ...)    refuses an f of another signature
 *  TARN_IS_FUNCTION_(f, type)     true if f, one of the generated functions, is of this type
 *  TARN_OFFSETS_BEGIN_, _END_     stand around offsetof()
 *  TARN_OPTIONS_(T, ...)          a pointer to a T with the options that are given, else zero
 *  TARN_ZERO_(T, name)            a variable whose padding is zero, too */

#ifdef __cplusplus

extern "C++" { /* whoever includes this between the braces of an extern "C" */

#include <type_traits>

template <class T> struct tarn_type_ {
    typedef typename std::remove_cv<T>::type plain;
    static constexpr bool is_array = std::is_array<T>::value;
    static constexpr bool is_bytes = std::is_trivially_copyable<plain>::value;
    static constexpr uint32_t kind = std::is_same<plain, tarn_bytes>::value ? TARN_KIND_BYTES
                                     : std::is_same<plain, tarn_buffer *>::value ||
                                             std::is_same<plain, const tarn_buffer *>::value
                                         ? TARN_KIND_BUFFER
                                     : std::is_pointer<T>::value ? TARN_KIND_POINTER
                                                                 : TARN_KIND_VALUE;
};

/* An overloaded f is resolved as in any other call: the test that takes it wins. */
template <class F> struct tarn_function_ {
    static std::true_type fits(F *);
    static std::false_type fits(...);
};

/* A union leaves the constructors of its members alone. */
template <class T> union tarn_zero_ {
    unsigned char zero[sizeof(T)];
    T value;
    tarn_zero_() : zero() {}
};

template <class T> struct tarn_options_ {
    T value;
    template <class F> explicit tarn_options_(F set) : value()
    {
        value.size = sizeof(T);
        set(value);
    }
    operator const T *() const { return &value; }
};

} /* extern "C++" */

#define TARN_DEADLINE_(n)          (tarn_deadline{n})
#define TARN_NULL_                 nullptr
#define TARN_CAST_(T, x)           static_cast<T>(x)
#define TARN_RAW_(p)               const_cast<void *>(static_cast<const void *>(p))
#define TARN_ASSERT_               static_assert
#define TARN_PLAIN_(T)             tarn_type_<T>::plain
#define TARN_KIND_(T)              tarn_type_<T>::kind
#define TARN_ZERO_(T, name)        tarn_zero_<T> name##zero_; T &name = name##zero_.value;

#define TARN_CHECK_TYPE_(what, T) \
    static_assert(!tarn_type_<T>::is_array, what TARN_ARRAY_TEXT_); \
    static_assert(tarn_type_<T>::is_bytes, \
                  what " cannot be copied as bytes: pass a pointer to it"); \
    static_assert(alignof(T) <= TARN_MAX_ALIGN_, what TARN_ALIGN_TEXT_)

#define TARN_CHECK_FUNCTION_(R, f, ...) \
    static_assert(decltype(tarn_function_<TARN_TYPE_(R)(__VA_ARGS__)>::fits(f))::value, \
                  TARN_SIGNATURE_TEXT_(R, f, __VA_ARGS__))
#define TARN_FUNCTION_(R, f, ...)  static_cast<TARN_TYPE_(R) (*)(__VA_ARGS__)>(f)
#define TARN_IS_FUNCTION_(f, type) ::std::is_same<decltype(f), type>::value

/* Standard C++ has offsetof() for fewer types than may be copied as bytes; both compilers have it
 * for all of them. */
#define TARN_OFFSETS_BEGIN_ \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Winvalid-offsetof\"")
#define TARN_OFFSETS_END_          _Pragma("GCC diagnostic pop")

/* Each option is assigned by itself: in any order, and from C++11 on. It takes a lambda, which
 * cannot stand outside functions: write (tarn_thread_pool)(&options) there. */
#define TARN_OPTIONS_(T, ...) \
    tarn_options_<T>([&](T &tarn_o_) { \
        TARN_SET_(__VA_ARGS__, , , , , , , , , , , , , , , , , , , , , , , , , ) \
    })
#define TARN_SET_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, more, \
                  ...) \
    TARN_SET_6_(a, b, c, d, e, f) TARN_SET_6_(g, h, i, j, k, l) \
    TARN_SET_6_(m, n, o, p, q, r) TARN_SET_6_(s, t, u, v, w, x) \
    static_assert(sizeof #more == 1, "a call takes at most 24 options");
#define TARN_SET_6_(a, b, c, d, e, f) \
    static_cast<void>(tarn_o_ a); static_cast<void>(tarn_o_ b); static_cast<void>(tarn_o_ c); \
    static_cast<void>(tarn_o_ d); static_cast<void>(tarn_o_ e); static_cast<void>(tarn_o_ f);

#define TARN_NOEXCEPT_             noexcept /* what called it is not made for exceptions */

#else /* C */

#define TARN_NOEXCEPT_

#define TARN_DEADLINE_(n)          ((tarn_deadline){n})
#define TARN_NULL_                 NULL
#define TARN_CAST_(T, x)           ((T)(x))
#define TARN_RAW_(p)               ((void *)(p))
#define TARN_ASSERT_               _Static_assert
#define TARN_LVALUE_(T)            (*(TARN_TYPE_(T) *)0) /* only its type is looked at */
#define TARN_PLAIN_(T)             __typeof__(((void)0, TARN_LVALUE_(T))) /* a comma drops const */
#define TARN_ZERO_(T, name)        T name; memset(&name, 0, sizeof name);

#define TARN_POINTER_CLASS_        5 /* what GCC and Clang answer for any pointer */
#define TARN_KIND_(T) \
    (__builtin_types_compatible_p(TARN_TYPE_(T), tarn_bytes)  ? TARN_KIND_BYTES \
     : __builtin_types_compatible_p(TARN_TYPE_(T), tarn_buffer *) || \
       __builtin_types_compatible_p(TARN_TYPE_(T), const tarn_buffer *) ? TARN_KIND_BUFFER \
     : TARN_CLASS_(TARN_LVALUE_(T)) == TARN_POINTER_CLASS_   ? TARN_KIND_POINTER \
                                                             : TARN_KIND_VALUE)
/* A float would be promoted, with a warning. */
#define TARN_CLASS_(x)             __builtin_classify_type(_Generic(x, float: 0, default: x))

/* A comma's value is a pointer where T is an array or a function. */
#define TARN_CHECK_TYPE_(what, T) \
    _Static_assert(__builtin_types_compatible_p(TARN_TYPE_(T), TARN_PLAIN_(T)), \
                   what TARN_ARRAY_TEXT_); \
    _Static_assert(_Alignof(T) <= TARN_MAX_ALIGN_, what TARN_ALIGN_TEXT_)

/* Only a function without a prototype takes a pointer to a struct that nobody knows. */
#define TARN_CHECK_FUNCTION_(R, f, ...) \
    _Static_assert(!__builtin_types_compatible_p(__typeof__(f), \
                                                 TARN_TYPE_(R)(struct tarn_nobody_ *)), \
                   #f " has no prototype: write its types between the parentheses, or void"); \
    _Static_assert(__builtin_types_compatible_p(__typeof__(f), TARN_TYPE_(R)(__VA_ARGS__)), \
                   TARN_SIGNATURE_TEXT_(R, f, __VA_ARGS__))
struct tarn_nobody_;
#define TARN_FUNCTION_(R, f, ...)  (f)
#define TARN_IS_FUNCTION_(f, type) __builtin_types_compatible_p(__typeof__(f), type)

#define TARN_OFFSETS_BEGIN_
#define TARN_OFFSETS_END_
/* A value without its name comes to the last member, and is no pointer. */
#define TARN_OPTIONS_(T, ...)      &(T){.size = sizeof(T), .tarn_last_ = 0, __VA_ARGS__}

#endif

/* ---- Keyword calls: tarn_shutdown(pool, .time_limit = 5.0) ----------------------------------- */

/* A name in parentheses is the function itself: (tarn_thread_pool)(&options). */

#define tarn_thread_pool(...) \
    (tarn_thread_pool)(TARN_OPTIONS_(tarn_thread_options, __VA_ARGS__))
#define tarn_process_pool(...) \
    (tarn_process_pool)(TARN_OPTIONS_(tarn_process_options, __VA_ARGS__))

#define tarn_with(...)             TARN_WITH_(__VA_ARGS__, )
#define TARN_WITH_(executor, ...) \
    (tarn_with)(executor, TARN_OPTIONS_(tarn_task_options, __VA_ARGS__))

#define tarn_shutdown(...)         TARN_SHUTDOWN_(__VA_ARGS__, )
#define TARN_SHUTDOWN_(executor, ...) \
    (tarn_shutdown)(executor, TARN_OPTIONS_(tarn_shutdown_options, __VA_ARGS__))

/* ---- Tasks ----------------------------------------------------------------------------------- */

#define TARN_TASK(R, ...)          TARN_TASK_AS(TARN_FIRST_(__VA_ARGS__), R, __VA_ARGS__)
#define TARN_TASK_AS(...)          TARN_SHAPE_(TARN_WHOLE_, void, void, __VA_ARGS__)
#define TARN_TASK_DECLARE(R, ...) \
    TARN_SHAPE_(TARN_DECLARE_, void, void, TARN_FIRST_(__VA_ARGS__), R, __VA_ARGS__)
#define TARN_TASK_DEFINE(R, ...) \
    TARN_SHAPE_(TARN_DEFINE_, void, void, TARN_FIRST_(__VA_ARGS__), R, __VA_ARGS__)
#define TARN_TASK_OWNING(R, f, X, ...) \
    TARN_JOIN_(TARN_OWNING_, TARN_IS_ONE_(__VA_ARGS__))(TARN_WHOLE_, R, f, X, __VA_ARGS__)
#define TARN_TASK_DEFINE_OWNING(R, f, X, ...) \
    TARN_JOIN_(TARN_OWNING_, TARN_IS_ONE_(__VA_ARGS__))(TARN_DEFINE_, R, f, X, __VA_ARGS__)
/* Y alone, or with types. */
#define TARN_OWNING_1(M, R, f, X, Y)            TARN_SHAPE_(M, X, Y, f, R, f)
#define TARN_OWNING_0(M, R, f, X, Y, ...)       TARN_SHAPE_(M, X, Y, f, R, f, __VA_ARGS__)

#define TARN_WHOLE_NONE_(X, Y, name, R, f) \
    TARN_DECLARE_NONE_(X, Y, name, R, f); TARN_DEFINE_NONE_(X, Y, name, R, f)
#define TARN_WHOLE_SOME_(N, X, Y, name, R, f, ...) \
    TARN_DECLARE_SOME_(N, X, Y, name, R, f, __VA_ARGS__); \
    TARN_DEFINE_SOME_(N, X, Y, name, R, f, __VA_ARGS__)

/* All of them end in this, so that a semicolon has to follow. */
#define TARN_END_                  TARN_ASSERT_(1, "a semicolon ends a task")

/* M##NONE_(X, Y, name, R, f) for no argument or void, M##SOME_(N, X, Y, name, R, f, A1, ...) for N
 * of them. */
#define TARN_SHAPE_(M, ...)        TARN_JOIN_(TARN_SHAPE_, TARN_COUNT_(__VA_ARGS__))(M, __VA_ARGS__)
#define TARN_SHAPE_0(M, X, Y, name, R, f)       M##NONE_(X, Y, name, R, f)
#define TARN_SHAPE_1(M, X, Y, name, R, f, A) \
    TARN_JOIN_(TARN_SHAPE_1_, TARN_IS_VOID_(A))(M, X, Y, name, R, f, A)
#define TARN_SHAPE_1_1(M, X, Y, name, R, f, A)  M##NONE_(X, Y, name, R, f)
#define TARN_SHAPE_1_0(M, X, Y, name, R, f, A)  M##SOME_(1, X, Y, name, R, f, A)
#define TARN_SHAPE_2(M, X, Y, name, R, f, ...)  M##SOME_(2, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_3(M, X, Y, name, R, f, ...)  M##SOME_(3, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_4(M, X, Y, name, R, f, ...)  M##SOME_(4, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_5(M, X, Y, name, R, f, ...)  M##SOME_(5, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_6(M, X, Y, name, R, f, ...)  M##SOME_(6, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_7(M, X, Y, name, R, f, ...)  M##SOME_(7, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_8(M, X, Y, name, R, f, ...)  M##SOME_(8, X, Y, name, R, f, __VA_ARGS__)
#define TARN_SHAPE_9(M, X, Y, name, R, f, ...) \
    TARN_ASSERT_(0, #name " has more than 8 arguments: put them into a struct")

/* How many types follow X, Y, name, R and f: 0 to 8, and 9 for 9 to 16. */
#define TARN_COUNT_(...) \
    TARN_COUNT_1_(__VA_ARGS__, 9, 9, 9, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, ~)
#define TARN_COUNT_1_(X, Y, name, R, f, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, count, \
                      ...) count

/* ---- The declaration of a task: what its callers need ---------------------------------------- */

#define TARN_DECLARE_NONE_(X, Y, name, R, f) \
    TARN_DECLARE_ANY_(name, R) \
    TARN_INLINE_ tarn_future *name##_submit(tarn_executor *executor_) \
    { \
        return tarn_submit(executor_, &name##_task, TARN_NULL_, 0); \
    } \
    TARN_INLINE_ tarn_status name##_submit_many(tarn_executor *executor_, size_t n_, \
                                                tarn_future **futures_) \
    { \
        return tarn_submit_many(executor_, &name##_task, TARN_NULL_, n_, futures_); \
    } \
    TARN_DECLARE_AFTER_(name) \
    TARN_END_

#define TARN_DECLARE_SOME_(N, X, Y, name, R, f, ...) \
    TARN_DECLARE_ANY_(name, R) \
    struct name##_arguments { \
        TARN_EACH_##N##_(TARN_MEMBER_, name, __VA_ARGS__) \
    }; \
    TARN_INLINE_ tarn_future *name##_submit( \
        tarn_executor *executor_ TARN_EACH_##N##_(TARN_PARAMETER_, name, __VA_ARGS__)) \
    { \
        TARN_ZERO_(struct name##_arguments, args_) \
        TARN_EACH_##N##_(TARN_STORE_, name, __VA_ARGS__) \
        return tarn_submit(executor_, &name##_task, &args_, sizeof args_); \
    } \
    typedef TARN_ITEM_##N##_(name, __VA_ARGS__) name##_item_; \
    TARN_INLINE_ tarn_status name##_submit_many(tarn_executor *executor_, \
                                                const name##_item_ *args_, size_t n_, \
                                                tarn_future **futures_) \
    { \
        return tarn_submit_many(executor_, &name##_task, args_, n_, futures_); \
    } \
    TARN_DECLARE_AFTER_##N##_(name) \
    TARN_JOIN_(TARN_DECLARE_MAP_, TARN_IS_VOID_(R))(name, R) \
    TARN_END_

#define TARN_MEMBER_(name, i, A) \
    TARN_CHECK_TYPE_("argument " #i " of " #name, A); \
    TARN_PLAIN_(A) a##i;
#define TARN_PARAMETER_(name, i, A) , TARN_TYPE_(A) a##i##_
/* An assignment would refuse a struct with a const member. */
#define TARN_STORE_(name, i, A)    memcpy(TARN_RAW_(&args_.a##i), &a##i##_, sizeof a##i##_);

/* One argument lies in memory as the struct around it does. */
#define TARN_ITEM_1_(name, A)      TARN_PLAIN_(A)
#define TARN_ITEM_2_(name, ...)    struct name##_arguments
#define TARN_ITEM_3_(name, ...)    struct name##_arguments
#define TARN_ITEM_4_(name, ...)    struct name##_arguments
#define TARN_ITEM_5_(name, ...)    struct name##_arguments
#define TARN_ITEM_6_(name, ...)    struct name##_arguments
#define TARN_ITEM_7_(name, ...)    struct name##_arguments
#define TARN_ITEM_8_(name, ...)    struct name##_arguments

#define TARN_DECLARE_AFTER_(name) \
    TARN_INLINE_ tarn_future *name##_after(tarn_executor *executor_, tarn_future *before_) \
    { \
        return tarn_after(executor_, &name##_task, before_); \
    }
#define TARN_DECLARE_AFTER_1_(name) TARN_DECLARE_AFTER_(name)
#define TARN_DECLARE_AFTER_2_(name)
#define TARN_DECLARE_AFTER_3_(name)
#define TARN_DECLARE_AFTER_4_(name)
#define TARN_DECLARE_AFTER_5_(name)
#define TARN_DECLARE_AFTER_6_(name)
#define TARN_DECLARE_AFTER_7_(name)
#define TARN_DECLARE_AFTER_8_(name)

#define TARN_DECLARE_ANY_(name, R) \
    extern const tarn_task name##_task __attribute__((visibility(TARN_TASK_VISIBILITY))); \
    struct name##_arguments; \
    TARN_INLINE_ const struct name##_arguments *name##_args(const tarn_future *future_) \
    { \
        return TARN_CAST_(const struct name##_arguments *, tarn_args(future_, &name##_task)); \
    } \
    TARN_JOIN_(TARN_DECLARE_RESULT_, TARN_IS_VOID_(R))(name, R)

#define TARN_DECLARE_RESULT_0(name, R) \
    TARN_CHECK_TYPE_("the result of " #name, R); \
    TARN_INLINE_ tarn_status name##_result(tarn_future *future_, TARN_TYPE_(R) *result_) \
    { \
        return tarn_result(future_, &name##_task, TARN_RAW_(result_), sizeof *result_); \
    }
#define TARN_DECLARE_RESULT_1(name, R) \
    TARN_INLINE_ tarn_status name##_result(tarn_future *future_) \
    { \
        return tarn_result(future_, &name##_task, TARN_NULL_, 0); \
    }

/* The callbacks of tarn_map_from() are typed here; a function called through a pointer of another
 * type would be undefined. */
#define TARN_DECLARE_MAP_0(name, R) \
    TARN_INLINE_ tarn_status name##_map(tarn_executor *executor_, const name##_item_ *in_, \
                                        size_t n_, TARN_TYPE_(R) *out_, tarn_status *statuses_, \
                                        tarn_deadline deadline_) \
    { \
        return tarn_map(executor_, &name##_task, in_, n_, TARN_RAW_(out_), statuses_, deadline_); \
    } \
    typedef bool (*name##_takes_)(size_t, tarn_status, const TARN_PLAIN_(R) *, void *); \
    TARN_DECLARE_MAP_FROM_(name, \
                           taker_(i_, status_, TARN_CAST_(const TARN_PLAIN_(R) *, result_), data_))
#define TARN_DECLARE_MAP_1(name, R) \
    TARN_INLINE_ tarn_status name##_map(tarn_executor *executor_, const name##_item_ *in_, \
                                        size_t n_, tarn_status *statuses_, \
                                        tarn_deadline deadline_) \
    { \
        return tarn_map(executor_, &name##_task, in_, n_, TARN_NULL_, statuses_, deadline_); \
    } \
    typedef bool (*name##_takes_)(size_t, tarn_status, void *); \
    TARN_DECLARE_MAP_FROM_(name, taker_(i_, status_, data_))

#define TARN_DECLARE_MAP_FROM_(name, taken) \
    struct name##_from_ { \
        bool (*next)(name##_item_ *, void *); \
        name##_takes_ take; \
        void *data; \
    }; \
    TARN_INLINE_ bool name##_next_(void *item_, void *from_) \
    { \
        const struct name##_from_ *own_ = TARN_CAST_(const struct name##_from_ *, from_); \
        return own_->next(TARN_CAST_(name##_item_ *, item_), own_->data); \
    } \
    TARN_INLINE_ bool name##_take_(size_t i_, tarn_status status_, const void *result_, \
                                   void *from_) \
    { \
        name##_takes_ taker_ = TARN_CAST_(const struct name##_from_ *, from_)->take; \
        void *data_ = TARN_CAST_(const struct name##_from_ *, from_)->data; \
        (void)result_; \
        return taken; \
    } \
    TARN_INLINE_ tarn_status name##_map_from( \
        tarn_executor *executor_, bool (*next_)(name##_item_ *, void *), name##_takes_ take_, \
        void *data_, tarn_deadline deadline_) \
    { \
        struct name##_from_ from_ = {next_, take_, data_}; \
        return tarn_map_from(executor_, &name##_task, next_ ? name##_next_ : TARN_NULL_, \
                             take_ ? name##_take_ : TARN_NULL_, &from_, deadline_); \
    }

/* ---- The definition of a task: what its workers need ----------------------------------------- */

#define TARN_DEFINE_NONE_(X, Y, name, R, f) \
    TARN_CHECK_FUNCTION_(R, f, void); \
    TARN_CHECK_DECLARED_(name, R, tarn_future *(tarn_executor *)); \
    TARN_ASSERT_(TARN_IS_VOID_(X), #name " has no arguments to be released: write void"); \
    TARN_CHECK_RELEASED_(name, R, Y); \
    static void name##_call_(const void *args_, void *result_) TARN_NOEXCEPT_ \
    { \
        TARN_JOIN_(TARN_CALL_, TARN_IS_VOID_(R))(R, TARN_FUNCTION_(R, f, void)()) \
        (void)args_; \
    } \
    TARN_JOIN_(TARN_RELEASE_RESULT_, TARN_IS_VOID_(Y))(name, R, Y) \
    TARN_DESCRIPTOR_(name, R, TARN_NULL_, 0, 0, TARN_NULL_, TARN_NULL_, \
                     TARN_JOIN_(TARN_RESULT_RELEASER_, TARN_IS_VOID_(Y))(name))

#define TARN_DEFINE_SOME_(N, X, Y, name, R, f, ...) \
    TARN_CHECK_FUNCTION_(R, f, __VA_ARGS__); \
    TARN_CHECK_DECLARED_(name, R, tarn_future *(tarn_executor *, __VA_ARGS__)); \
    TARN_CHECK_RELEASED_(name, R, Y); \
    static void name##_call_(const void *args_, void *result_) TARN_NOEXCEPT_ \
    { \
        const struct name##_arguments *a_ = \
            TARN_CAST_(const struct name##_arguments *, args_); \
        TARN_JOIN_(TARN_CALL_, TARN_IS_VOID_(R))( \
            R, TARN_FUNCTION_(R, f, __VA_ARGS__)(TARN_PASS_##N##_(a_))) \
    } \
    static void name##_loop_(const void *args_, void *results_, size_t n_, size_t *done_, \
                             const int *halt_) TARN_NOEXCEPT_ \
    { \
        size_t i_ = *done_; \
        const struct name##_arguments *a_ = \
            TARN_CAST_(const struct name##_arguments *, args_) + i_; \
        for (; i_ < n_ && !__atomic_load_n(halt_, __ATOMIC_RELAXED); a_++) { \
            TARN_JOIN_(TARN_ITEM_CALL_, TARN_IS_VOID_(R))( \
                R, TARN_FUNCTION_(R, f, __VA_ARGS__)(TARN_PASS_##N##_(a_))) \
            __atomic_store_n(done_, ++i_, __ATOMIC_RELEASE); \
        } \
    } \
    TARN_JOIN_(TARN_RELEASE_ARGS_, TARN_IS_VOID_(X))(N, name, X, __VA_ARGS__) \
    TARN_JOIN_(TARN_RELEASE_RESULT_, TARN_IS_VOID_(Y))(name, R, Y) \
    TARN_OFFSETS_BEGIN_ \
    static const tarn_field name##_fields_[] = {TARN_EACH_##N##_(TARN_FIELD_, name, __VA_ARGS__)}; \
    TARN_OFFSETS_END_ \
    TARN_DESCRIPTOR_(name, R, name##_fields_, N, sizeof(struct name##_arguments), name##_loop_, \
                     TARN_JOIN_(TARN_ARGS_RELEASER_, TARN_IS_VOID_(X))(name), \
                     TARN_JOIN_(TARN_RESULT_RELEASER_, TARN_IS_VOID_(Y))(name))

#define TARN_FIELD_(name, i, A) \
    {#A, TARN_KIND_(A), offsetof(struct name##_arguments, a##i), sizeof(A)},

#define TARN_CALL_0(R, call)       TARN_PLAIN_(R) r_ = call; memcpy(result_, &r_, sizeof r_);
#define TARN_CALL_1(R, call)       call; (void)result_;
#define TARN_ITEM_CALL_0(R, call) \
    TARN_PLAIN_(R) r_ = call; \
    memcpy(TARN_RAW_(TARN_CAST_(TARN_PLAIN_(R) *, results_) + i_), &r_, sizeof r_);
#define TARN_ITEM_CALL_1(R, call)  call; (void)results_;

#define TARN_RELEASE_ARGS_0(N, name, X, ...) \
    TARN_CHECK_FUNCTION_(void, X, __VA_ARGS__); \
    static void name##_release_args_(const void *args_) TARN_NOEXCEPT_ \
    { \
        const struct name##_arguments *a_ = \
            TARN_CAST_(const struct name##_arguments *, args_); \
        TARN_FUNCTION_(void, X, __VA_ARGS__)(TARN_PASS_##N##_(a_)); \
    }
#define TARN_RELEASE_ARGS_1(N, name, X, ...)
#define TARN_ARGS_RELEASER_0(name) name##_release_args_
#define TARN_ARGS_RELEASER_1(name) TARN_NULL_

#define TARN_CHECK_RELEASED_(name, R, Y) \
    TARN_ASSERT_(TARN_IS_VOID_(Y) || !TARN_IS_VOID_(R), \
                 #name " has no result to be released: write void")
#define TARN_RELEASE_RESULT_0(name, R, Y) \
    TARN_CHECK_FUNCTION_(void, Y, R); \
    static void name##_release_result_(const void *result_) TARN_NOEXCEPT_ \
    { \
        TARN_FUNCTION_(void, Y, R)(*TARN_CAST_(const TARN_PLAIN_(R) *, result_)); \
    }
#define TARN_RELEASE_RESULT_1(name, R, Y)
#define TARN_RESULT_RELEASER_0(name) name##_release_result_
#define TARN_RESULT_RELEASER_1(name) TARN_NULL_

/* The mark is written by the library, so it cannot be part of the constant descriptor. */
#define TARN_DESCRIPTOR_(name, R, fields, N, size, loop, args_releaser, result_releaser) \
    static tarn_mark name##_mark_; \
    const tarn_task name##_task = { \
        sizeof(tarn_task), #name, name##_call_, \
        TARN_JOIN_(TARN_RESULT_FIELD_, TARN_IS_VOID_(R))(R), fields, N, 0, size, loop, \
        args_releaser, result_releaser, &name##_mark_}; \
    TARN_END_
#define TARN_RESULT_FIELD_0(R)     {#R, TARN_KIND_(R), 0, sizeof(R)}
#define TARN_RESULT_FIELD_1(R)     {"void", 0, 0, 0}

/* A TARN_TASK_DECLARE() in a header may have been forgotten when the function changed. */
#define TARN_CHECK_DECLARED_(name, R, submit) \
    TARN_ASSERT_(TARN_IS_FUNCTION_(name##_submit, submit) && \
                 TARN_IS_FUNCTION_(name##_result, \
                                   TARN_JOIN_(TARN_RESULT_TYPE_, TARN_IS_VOID_(R))(R)), \
                 #name " was declared with another result or other arguments")
#define TARN_RESULT_TYPE_0(R)      tarn_status(tarn_future *, TARN_TYPE_(R) *)
#define TARN_RESULT_TYPE_1(R)      tarn_status(tarn_future *)

/* clang-format on */

#endif
