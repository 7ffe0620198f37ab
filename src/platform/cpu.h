/* SPDX-License-Identifier: Apache-2.0 */

/* How many CPUs this process may use. Both functions read the system anew, some files included:
 * call them when a pool starts, not for each task. And hints for those who poll and write what
 * others poll. Nothing here is a cancellation point. */
#ifndef TN_PLATFORM_CPU_H
#define TN_PLATFORM_CPU_H

/* At least 1: what the calling thread's affinity mask allows, or the control groups' quota rounded
 * up to whole CPUs if that is less. */
int tn_cpu_count(void);

/* The quota alone, in CPUs rounded up; 0: none, or not to be found out. Control groups of version
 * 1 and 2, the group of this process and all above it that can be seen; the smallest limit counts.
 * `root` is "" for the running system, or a directory that holds a copy of the files to be read:
 * proc/self/cgroup, proc/self/mountinfo and the mounts that it names. */
int tn_cpu_quota(const char *root);

/* Some nanoseconds in which this CPU leaves more to its other half, and after which a loop that
 * polls a word does not stumble over the change. Orders nothing. */
static inline void tn_cpu_relax(void)
{
#if defined __x86_64__ || defined __i386__
    __asm__ volatile("pause");
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* The calling thread is about to write where `at` points, or to the line of it: it may be fetched from
 * other CPUs meanwhile. Changes nothing, and orders nothing. */
static inline void tn_cpu_will_write(const void *at)
{
#ifdef __x86_64__
    /* GCC would fetch it for reading only, unless told to build for newer CPUs. */
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
    __builtin_prefetch(at, 1);
#endif
}

/* Lets whoever waits for this CPU have it, if there is anybody; about as much as a call of the system
 * otherwise. */
void tn_cpu_yield(void);

#endif
