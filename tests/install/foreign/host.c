/* SPDX-License-Identifier: Apache-2.0 */

/* A program that loads plugin.c: host PLUGIN TARN-WORKER */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int (*run)(const char *worker_program);
    void *plugin = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    void *symbol = plugin ? dlsym(plugin, "run") : NULL;
    if (!symbol) {
        fprintf(stderr, "%s\n", argc == 3 ? dlerror() : "host PLUGIN TARN-WORKER");
        return 1;
    }
    memcpy(&run, &symbol, sizeof run);
    if (!run(argv[2]))
        return 1;
    puts("the plugin's tasks ran in processes");
    return 0;
}
