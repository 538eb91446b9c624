/*
 * random_programs: runs programs of random tasks, and checks what must hold for
 * any: no result and no cancellation lost or delivered twice, no wake-up lost,
 * orders and times kept, a deadlock reported exactly where there is one.
 *
 *     random_programs COUNT SEED      runs each twice, which must be the same, and once shuffled
 *     random_programs --replay SEED   prints a program, and its traces
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/random_world.h"

#define SHOWN 5 /* programs that are printed in full */

/* What is wrong with a program; NULL if nothing is. */
static const char *examine(const struct random_program *program, FILE *trace, aio_runner **kept,
                           uint64_t *out_hash)
{
    uint64_t again = 0, shuffled = 0;
    if (random_program_draws_lots(program))
        kept = NULL;
    const char *violation = world_run(program, 0, trace, kept, out_hash);
    if (violation == NULL)
        violation = world_run(program, 0, NULL, kept, &again);
    if (violation == NULL && again != *out_hash)
        violation = "two runs differ";
    if (trace != NULL)
        fputs("shuffled\n", trace);
    if (violation == NULL)
        violation = world_run(program, program->seed | 1, trace, NULL, &shuffled);
    *out_hash += shuffled;
    return violation;
}

static int replay(uint64_t seed)
{
    struct random_program program;
    random_program_draw(&program, seed);
    random_program_print(&program, stdout);
    uint64_t hash = 0;
    const char *violation = examine(&program, stdout, NULL, &hash);
    printf("hash %016" PRIx64 ": %s\n", hash, violation != NULL ? violation : "no violation");
    return violation != NULL;
}

static int run_all(uint64_t count, uint64_t seed)
{
    uint64_t total = 0, violations = 0;
    aio_runner *kept = NULL;
    for (uint64_t i = 0; i < count; i++) {
        struct random_program program;
        uint64_t hash = 0;
        random_program_draw(&program, seed + i);
        const char *violation = examine(&program, NULL, &kept, &hash);
        total = total * UINT64_C(0x100000001b3) + hash;
        if (violation == NULL)
            continue;
        (void)aio_runner_close(kept); /* something may be left on it */
        kept = NULL;
        if (violations++ < SHOWN) {
            printf("%s: --replay %" PRIu64 "\n", violation, seed + i);
            random_program_print(&program, stdout);
        }
    }
    (void)aio_runner_close(kept);
    printf("random programs: %" PRIu64 " programs, %016" PRIx64 " hash, %" PRIu64 " violations\n",
           count, total, violations);
    return violations > 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: random_programs COUNT SEED\n"
              "       random_programs --replay SEED\n",
              stderr);
        return 2;
    }
    uint64_t seed = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[1], "--replay") == 0)
        return replay(seed);
    return run_all(strtoull(argv[1], NULL, 10), seed);
}
