/* The fewest calls with which libxenctrl can make, boot and end a 4 MiB PVH guest.
 *
 * Work that does not depend on the guest (reading the image, laying out the boot
 * page and the registers) is done once and not measured. Rounds with a clock reading
 * after every step alternate with rounds without, so that `create` is free of it.
 *
 * libxenguest reads each new guest's context to copy the header of the one it sets,
 * and so does this program. --reuse-context keeps the first guest's instead, which
 * libxenctrl's callers do not do. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define WARM_UP 5
#define DEFAULT_ROUNDS 50
#define MAX_ROUNDS 10000
#define DEFAULT_REST_MS 10

struct options {
    bool json, reuse_context;
    unsigned int rounds, rest_ms;
    const char *kernel;
};

struct summary {
    double mean, min, median, max;  /* milliseconds */
};

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Of the field at `offset` of every `times`. */
static struct summary summarise(const struct times *times, unsigned int n, size_t offset)
{
    static uint64_t values[MAX_ROUNDS];
    double sum = 0;

    for (unsigned int i = 0; i < n; i++) {
        memcpy(&values[i], (const char *)&times[i] + offset, sizeof(values[i]));
        sum += (double)values[i];
    }
    qsort(values, n, sizeof(values[0]), ascending);
    return (struct summary){sum / n / 1e6, (double)values[0] / 1e6, (double)values[n / 2] / 1e6,
                            (double)values[n - 1] / 1e6};
}

static void print_json(const char *name, struct summary s)
{
    printf("\"%s\":{\"mean\":%.6f,\"min\":%.6f,\"median\":%.6f,\"max\":%.6f}", name, s.mean, s.min,
           s.median, s.max);
}

static void print_row(const char *name, struct summary s)
{
    printf("%-22s %9.4f %9.4f %9.4f %9.4f\n", name, s.mean, s.min, s.median, s.max);
}

static const struct {
    const char *name;
    size_t offset;
} totals[] = {{"create", offsetof(struct times, create)},
              {"boot", offsetof(struct times, boot)},
              {"destroy", offsetof(struct times, destroy)}};

#define TOTALS (sizeof(totals) / sizeof(totals[0]))

static size_t step_offset(unsigned int step)
{
    return offsetof(struct times, step) + step * sizeof(uint64_t);
}

static void report_json(const struct times *plain, const struct times *stepped,
                        const struct options *options)
{
    unsigned int n = options->rounds;

    putchar('{');
    for (size_t i = 0; i < TOTALS; i++)
        printf("\"%s_ms\":%.6f,", totals[i].name, summarise(plain, n, totals[i].offset).mean);
    printf("\"rounds\":%u,\"rest_ms\":%u,\"details\":{", n, options->rest_ms);
    for (size_t i = 0; i < TOTALS; i++) {
        print_json(totals[i].name, summarise(plain, n, totals[i].offset));
        putchar(i + 1 < TOTALS ? ',' : '}');
    }
    fputs(",\"steps\":{", stdout);
    for (unsigned int i = 0; i < STEPS; i++) {
        print_json(step_names[i], summarise(stepped, n, step_offset(i)));
        putchar(i + 1 < STEPS ? ',' : '}');
    }
    puts("}");
}

static void report_table(const struct times *plain, const struct times *stepped,
                         const struct options *options)
{
    unsigned int n = options->rounds;

    printf("%-22s %9s %9s %9s %9s   ms, %u rounds, %u ms of rest before each\n", "", "mean", "min",
           "median", "max", n, options->rest_ms);
    for (unsigned int i = 0; i < STEPS; i++)
        print_row(step_names[i], summarise(stepped, n, step_offset(i)));
    for (size_t i = 0; i < TOTALS; i++)
        print_row(totals[i].name, summarise(plain, n, totals[i].offset));
}

static struct options parse(int argc, char **argv)
{
    struct options options = {.rounds = DEFAULT_ROUNDS, .rest_ms = DEFAULT_REST_MS};

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            options.json = true;
        else if (!strcmp(argv[i], "--reuse-context"))
            options.reuse_context = true;
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
            options.rounds = (unsigned int)strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--rest") && i + 1 < argc)
            options.rest_ms = (unsigned int)strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && !options.kernel)
            options.kernel = argv[i];
        else
            die("unknown argument %s", argv[i]);
    }
    if (!options.kernel)
        die("usage: floor [--json] [--rounds N] [--rest MS] [--reuse-context] KERNEL");
    if (options.rounds < 1 || options.rounds > MAX_ROUNDS)
        die("--rounds takes a number from 1 to %d", MAX_ROUNDS);
    return options;
}

int main(int argc, char **argv)
{
    static struct times plain[MAX_ROUNDS], stepped[MAX_ROUNDS];
    static struct plan plan;
    struct options options = parse(argc, argv);
    struct image image;
    static struct host host;

    image_load(&image, options.kernel, GUEST_BYTES);
    plan_make(&plan, &image, options.reuse_context);
    host_open(&host);
    for (unsigned int i = 0; i < WARM_UP + options.rounds; i++) {
        unsigned int round = i < WARM_UP ? 0 : i - WARM_UP; /* warm-ups are overwritten */
        stepped[round].per_step = true;
        guest_live(&host, &plan, options.rest_ms, &plain[round]);
        guest_live(&host, &plan, options.rest_ms, &stepped[round]);
        if (interrupted)
            die("interrupted");
    }
    (options.json ? report_json : report_table)(plain, stepped, &options);
    return 0;
}
