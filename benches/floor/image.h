/* The kernel image: what has to be copied where, and where it starts. */
#ifndef FLOOR_IMAGE_H
#define FLOOR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096u
#define MAX_SEGMENTS 16

struct segment {
    uint64_t paddr;     /* guest-physical address */
    const void *bytes;  /* what the file has for it */
    size_t size;
};

struct image {
    uint32_t entry;     /* XEN_ELFNOTE_PHYS32_ENTRY */
    uint64_t end;       /* first guest-physical address behind the image, bss included */
    unsigned int nr_segments;
    struct segment segments[MAX_SEGMENTS];
};

/* Reads a 64-bit ELF image that lies below `ram` bytes; ends the program with a
 * message when it is none. */
void image_load(struct image *image, const char *path, uint64_t ram);

#endif
