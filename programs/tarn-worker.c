/* SPDX-License-Identifier: Apache-2.0 */

/* A program for .worker_program of a tarn_process_pool(): what its workers and their server run where
 * main() does not begin with tarn_boot(). The tasks lie in shared libraries, which it loads. */
#include <stdio.h>
#include <tarn.h>

int main(int argc, char **argv)
{
    tarn_boot(argc, argv);
    fputs(
        "tarn-worker runs tasks for a program that uses libtarn, and is started by that program:\n"
        "give its path as .worker_program to tarn_process_pool(). By itself it does nothing.\n",
        stderr);
    return 1;
}
