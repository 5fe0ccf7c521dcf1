/* Everything about a guest that is known before there is one. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#include <xen/arch-x86/hvm/start_info.h>

#define CONSOLE_GFN (MAX_PAGES - 1)

/* Adds a run of bytes at a guest-physical address, and the pages it lies in. */
static void add_chunk(struct plan *plan, uint64_t paddr, const void *bytes, size_t size)
{
    xen_pfn_t first = paddr / PAGE_BYTES, last = (paddr + size - 1) / PAGE_BYTES;

    plan->chunks[plan->nr_chunks++] =
        (struct chunk){plan->nr_pages * PAGE_BYTES + paddr % PAGE_BYTES, bytes, size};
    for (xen_pfn_t gfn = first; gfn <= last; gfn++) {
        if (plan->nr_pages == MAX_PAGES - 1)
            die("the kernel image leaves no room in %u bytes", GUEST_BYTES);
        plan->gfns[plan->nr_pages++] = gfn;
    }
}

/* hvm_start_info, memory map and an empty command line, in one page. */
static void make_boot_page(struct plan *plan, uint64_t paddr)
{
    struct {
        struct hvm_start_info info;
        struct hvm_memmap_table_entry map[4];
        char cmdline[8];
    } boot = {.info.magic = XEN_HVM_START_MAGIC_VALUE, .info.version = 1};
    uint64_t after = paddr + PAGE_BYTES, console = (uint64_t)CONSOLE_GFN * PAGE_BYTES;

    if (after > console)
        die("the kernel image leaves no room in %u bytes", GUEST_BYTES);
    boot.info.memmap_paddr = paddr + (uint64_t)((char *)boot.map - (char *)&boot);
    boot.info.memmap_entries = 4;
    boot.info.cmdline_paddr = paddr + (uint64_t)(boot.cmdline - (char *)&boot);
    boot.map[0] = (struct hvm_memmap_table_entry){0, paddr, XEN_HVM_MEMMAP_TYPE_RAM, 0};
    boot.map[1] =
        (struct hvm_memmap_table_entry){paddr, PAGE_BYTES, XEN_HVM_MEMMAP_TYPE_ACPI, 0};
    boot.map[2] =
        (struct hvm_memmap_table_entry){after, console - after, XEN_HVM_MEMMAP_TYPE_RAM, 0};
    boot.map[3] =
        (struct hvm_memmap_table_entry){console, PAGE_BYTES, XEN_HVM_MEMMAP_TYPE_RESERVED, 0};
    memcpy(plan->boot_page, &boot, sizeof(boot));
    add_chunk(plan, paddr, plan->boot_page, sizeof(boot));
}

/* Flat 32-bit protected mode, as docs/misc/pvh.pandoc of Xen promises a PVH guest;
 * the values are those of libxenguest's vcpu_hvm(). */
static void make_context(struct context *context, uint32_t entry, uint64_t boot_paddr)
{
    context->mtrr_d.typecode = HVM_SAVE_CODE(MTRR);
    context->mtrr_d.length = HVM_SAVE_LENGTH(MTRR);
    context->cpu_d.typecode = HVM_SAVE_CODE(CPU);
    context->cpu_d.length = HVM_SAVE_LENGTH(CPU);
    context->end_d.typecode = HVM_SAVE_CODE(END);
    context->end_d.length = HVM_SAVE_LENGTH(END);

    context->cpu.cs_limit = context->cpu.ds_limit = ~0u;
    context->cpu.es_limit = context->cpu.ss_limit = ~0u;
    context->cpu.tr_limit = 0x67;
    context->cpu.cs_arbytes = 0xc9b;
    context->cpu.ds_arbytes = context->cpu.es_arbytes = context->cpu.ss_arbytes = 0xc93;
    context->cpu.tr_arbytes = 0x8b;
    context->cpu.cr0 = 1u << 0 | 1u << 4; /* PE, ET */
    context->cpu.dr6 = 0xffff0ff0;
    context->cpu.dr7 = 0x400;
    context->cpu.rip = entry;
    context->cpu.rbx = boot_paddr;
}

void plan_make(struct plan *plan, const struct image *image, bool reuse_context)
{
    uint64_t boot = (image->end + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);

    memset(plan, 0, sizeof(*plan));
    plan->reuse_context = reuse_context;
    for (unsigned int i = 0; i < image->nr_segments; i++) {
        const struct segment *segment = &image->segments[i];
        add_chunk(plan, segment->paddr, segment->bytes, segment->size);
    }
    make_boot_page(plan, boot);
    plan->gfns[plan->nr_pages++] = CONSOLE_GFN;
    make_context(&plan->context, image->entry, boot);
}
