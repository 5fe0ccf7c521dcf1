#include "guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xen/hvm/params.h>

#define TSC_NATIVE 2u           /* Xen's TSC_MODE_NEVER_EMULATE; in no public header */
#define SUPERPAGE_ORDER 9u
#define WAIT_SECONDS 30u

const char *const step_names[STEPS] = {
    [CREATEDOMAIN] = "createdomain", [MAX_VCPUS] = "max_vcpus",
    [MAX_MEM] = "max_mem",           [POPULATE] = "populate",
    [TSC_INFO] = "tsc_info",         [EVTCHN] = "evtchn_alloc_unbound",
    [HVM_PARAMS] = "hvm_params",     [COPY] = "map_copy_unmap",
    [GET_CONTEXT] = "get_context",   [SET_CONTEXT] = "set_context",
    [UNPAUSE] = "unpause",
};

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Checks a step's answer and, where asked, takes its time. */
static void done(struct times *times, enum step step, bool ok)
{
    if (!ok)
        die_errno(step_names[step]);
    if (times->per_step) {
        uint64_t t = now();
        times->step[step] = t - times->last;
        times->last = t;
    }
}

static bool create(struct host *host)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = 1,
        .max_evtchn_port = 127,
        .max_grant_frames = 4,
        .max_maptrack_frames = 0,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };

    return xc_domain_create(host->xch, &host->live, &config) == 0;
}

/* All of the memory in one call, as 2 MiB extents. */
static bool populate(struct host *host)
{
    xen_pfn_t extents[] = {0, 1u << SUPERPAGE_ORDER};
    int n = (int)(sizeof(extents) / sizeof(extents[0]));

    return xc_domain_populate_physmap(host->xch, host->live, (unsigned long)n, SUPERPAGE_ORDER, 0,
                                      extents) == n;
}

/* Maps all that is written to in one batch. What is not written to is zero already:
 * Xen scrubs memory before it gives it to a guest. */
static bool copy(struct host *host, const struct plan *plan)
{
    int errors[MAX_PAGES];
    unsigned char *memory = xenforeignmemory_map(host->fmem, host->live, PROT_READ | PROT_WRITE,
                                                 plan->nr_pages, plan->gfns, errors);

    if (!memory)
        return false;
    for (unsigned int i = 0; i < plan->nr_chunks; i++) {
        const struct chunk *chunk = &plan->chunks[i];
        memcpy(memory + chunk->offset, chunk->bytes, chunk->size);
    }
    memset(memory + (plan->nr_pages - 1) * PAGE_BYTES, 0, PAGE_BYTES); /* the console ring */
    return xenforeignmemory_unmap(host->fmem, memory, plan->nr_pages) == 0;
}

/* Takes the header and the memory types out of a whole saved guest. libxenctrl has
 * no call that gives them alone: getcontext_partial() knows no header record. */
static bool get_context(struct host *host, struct plan *plan)
{
    struct hvm_save_descriptor d;
    uint32_t at = 0;
    int size;

    if (!plan->full_size) { /* once: every guest of a kind has the same size */
        size = xc_domain_hvm_getcontext(host->xch, host->live, NULL, 0);
        plan->full = size > 0 ? malloc((size_t)size) : NULL;
        if (!plan->full)
            return false;
        plan->full_size = (uint32_t)size;
    }
    size = xc_domain_hvm_getcontext(host->xch, host->live, plan->full, plan->full_size);
    if (size <= 0)
        return false;
    memcpy(&plan->context.header_d, plan->full, sizeof(d) + HVM_SAVE_LENGTH(HEADER));
    do {
        if ((uint32_t)size - at < sizeof(d) + HVM_SAVE_LENGTH(MTRR))
            return false;
        memcpy(&d, plan->full + at, sizeof(d));
        at += (uint32_t)sizeof(d) + d.length;
    } while (d.typecode != HVM_SAVE_CODE(MTRR));
    memcpy(&plan->context.mtrr, plan->full + at - d.length, HVM_SAVE_LENGTH(MTRR));
    plan->context.mtrr.msr_mtrr_def_type = 1u << 11 | 6u; /* enabled, write-back */
    plan->context_known = true;
    return true;
}

/* Every call here is needed: without max_mem there is nothing to populate, without
 * tsc_info every rdtsc of the guest traps, and without the register state it starts
 * at the reset vector. */
static void build(struct host *host, struct plan *plan, struct times *times)
{
    xc_interface *xch = host->xch;

    done(times, CREATEDOMAIN, create(host));
    done(times, MAX_VCPUS, xc_domain_max_vcpus(xch, host->live, 1) == 0);
    done(times, MAX_MEM, xc_domain_setmaxmem(xch, host->live, GUEST_BYTES / 1024) == 0);
    done(times, POPULATE, populate(host));
    done(times, TSC_INFO, xc_domain_set_tsc_info(xch, host->live, TSC_NATIVE, 0, 0, 0) == 0);
    int port = xc_evtchn_alloc_unbound(xch, host->live, 0);
    done(times, EVTCHN, port >= 0);
    xen_pfn_t console = plan->gfns[plan->nr_pages - 1];
    done(times, HVM_PARAMS,
         xc_hvm_param_set(xch, host->live, HVM_PARAM_CONSOLE_PFN, console) == 0 &&
             xc_hvm_param_set(xch, host->live, HVM_PARAM_CONSOLE_EVTCHN, (uint64_t)port) == 0);
    done(times, COPY, copy(host, plan));
    done(times, GET_CONTEXT,
         (plan->reuse_context && plan->context_known) || get_context(host, plan));
    /* Memory types and registers in one call; libxenguest makes two. */
    done(times, SET_CONTEXT,
         xc_domain_hvm_setcontext(xch, host->live, (uint8_t *)&plan->context,
                                  sizeof(plan->context)) == 0);
}

/* Waits until VIRQ_DOM_EXC fires and the guest has shut down. The interrupt names no
 * domain, and one for an earlier guest may come late. */
static void await_shutdown(struct host *host)
{
    xc_domaininfo_t info;

    for (;;) {
        if (xenevtchn_pending(host->xce) < 0 && interrupted == SIGALRM)
            die("the guest gave no sign of life within %u s", WAIT_SECONDS);
        if (interrupted)
            die("interrupted");
        if (xc_domain_getinfolist(host->xch, host->live, 1, &info) != 1 ||
            info.domain != host->live)
            die("the guest vanished");
        if (info.flags & XEN_DOMINF_shutdown)
            break;
        xenevtchn_unmask(host->xce, host->dom_exc);
    }
    unsigned int reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    if (reason != SHUTDOWN_poweroff)
        die("the guest did not power itself off: shutdown reason %u", reason);
    xenevtchn_unmask(host->xce, host->dom_exc);
}

void guest_live(struct host *host, struct plan *plan, unsigned int rest_ms, struct times *times)
{
    struct timespec rest = {.tv_sec = rest_ms / 1000, .tv_nsec = rest_ms % 1000 * 1000000L};
    uint64_t start;

    nanosleep(&rest, NULL);
    start = times->last = now();
    build(host, plan, times);
    times->create = now() - start;

    alarm(WAIT_SECONDS);
    start = times->last = now();
    done(times, UNPAUSE, xc_domain_unpause(host->xch, host->live) == 0);
    await_shutdown(host);
    times->boot = now() - start;
    alarm(0);

    start = now();
    if (xc_domain_destroy(host->xch, host->live) != 0)
        die_errno("destroydomain");
    times->destroy = now() - start;
    host->live = 0;
}
