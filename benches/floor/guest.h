/* One guest's life in the fewest libxenctrl calls. */
#ifndef FLOOR_GUEST_H
#define FLOOR_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"
#include "image.h"

#define GUEST_BYTES (4u << 20)
#define MAX_PAGES (GUEST_BYTES / PAGE_BYTES)

enum step {
    CREATEDOMAIN,
    MAX_VCPUS,
    MAX_MEM,
    POPULATE,
    TSC_INFO,
    EVTCHN,
    HVM_PARAMS,
    COPY,
    GET_CONTEXT,
    SET_CONTEXT,
    CREATE_STEPS,               /* creation ends here */
    UNPAUSE = CREATE_STEPS,
    STEPS
};

extern const char *const step_names[STEPS];

/* Nanoseconds of one guest's life. */
struct times {
    bool per_step;              /* fill `step`; reading the clock costs a little */
    uint64_t last;
    uint64_t step[STEPS];
    uint64_t create, boot, destroy;
};

/* A run of bytes to be copied into the mapped pages. */
struct chunk {
    size_t offset;              /* in the mapping */
    const void *bytes;
    size_t size;
};

/* A vCPU's state as XEN_DOMCTL_sethvmcontext takes it. */
struct context {
    struct hvm_save_descriptor header_d;
    HVM_SAVE_TYPE(HEADER) header;
    struct hvm_save_descriptor mtrr_d;
    HVM_SAVE_TYPE(MTRR) mtrr;
    struct hvm_save_descriptor cpu_d;
    HVM_SAVE_TYPE(CPU) cpu;
    struct hvm_save_descriptor end_d;
    HVM_SAVE_TYPE(END) end;
};

/* What is the same for every guest of an image, worked out once. */
struct plan {
    size_t nr_pages;
    xen_pfn_t gfns[MAX_PAGES];  /* pages to map; the console's is the last */
    unsigned int nr_chunks;
    struct chunk chunks[MAX_SEGMENTS + 1];
    unsigned char boot_page[PAGE_BYTES];
    struct context context;
    bool context_known;         /* header and memory types are those of an earlier guest */
    bool reuse_context;
    uint32_t full_size;         /* bytes of a saved guest; 0: not asked yet */
    unsigned char *full;
};

void plan_make(struct plan *plan, const struct image *image, bool reuse_context);

/* Creates, starts, awaits and destroys one guest, after `rest_ms` milliseconds of
 * rest: Xen's idle loop scrubs a dead guest's memory, and a guest made before it is
 * done pays for that. */
void guest_live(struct host *host, struct plan *plan, unsigned int rest_ms, struct times *times);

#endif
