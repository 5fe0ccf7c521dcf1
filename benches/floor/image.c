#include "image.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/elfnote.h>

#include "host.h"

struct file {
    const char *path;
    const unsigned char *bytes;
    size_t size;
};

static struct file map_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        die_errno(path);
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        die_errno(path);
    close(fd);
    return (struct file){path, bytes, (size_t)st.st_size};
}

static const void *range(const struct file *file, uint64_t offset, uint64_t size)
{
    if (offset > file->size || size > file->size - offset)
        die("%s: an ELF header points outside the file", file->path);
    return file->bytes + offset;
}

static void add_segment(struct image *image, const struct file *file, const Elf64_Phdr *ph,
                        uint64_t ram)
{
    if (ph->p_paddr > ram || ph->p_memsz > ram - ph->p_paddr || ph->p_filesz > ph->p_memsz)
        die("%s: a segment does not fit the guest's %llu bytes", file->path,
            (unsigned long long)ram);
    if (ph->p_paddr + ph->p_memsz > image->end)
        image->end = ph->p_paddr + ph->p_memsz;
    if (ph->p_filesz == 0)
        return;
    if (image->nr_segments == MAX_SEGMENTS)
        die("%s: more than %d segments", file->path, MAX_SEGMENTS);
    image->segments[image->nr_segments++] = (struct segment){
        ph->p_paddr, range(file, ph->p_offset, ph->p_filesz), ph->p_filesz};
}

static void read_notes(struct image *image, const struct file *file, const Elf64_Phdr *ph)
{
    const unsigned char *at = range(file, ph->p_offset, ph->p_filesz);
    uint64_t left = ph->p_filesz;
    Elf64_Nhdr note;

    while (left >= sizeof(note)) {
        memcpy(&note, at, sizeof(note));
        uint64_t name = (note.n_namesz + 3ull) & ~3ull, desc = (note.n_descsz + 3ull) & ~3ull;
        if (name + desc > left - sizeof(note))
            return;
        const unsigned char *text = at + sizeof(note), *value = text + name;
        if (note.n_namesz == 4 && !memcmp(text, "Xen", 4) &&
            note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_descsz >= sizeof(image->entry))
            memcpy(&image->entry, value, sizeof(image->entry));
        at = value + desc;
        left -= sizeof(note) + name + desc;
    }
}

void image_load(struct image *image, const char *path, uint64_t ram)
{
    struct file file = map_file(path);
    Elf64_Ehdr eh;

    memset(image, 0, sizeof(*image));
    memcpy(&eh, range(&file, 0, sizeof(eh)), sizeof(eh));
    if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
        eh.e_phentsize != sizeof(Elf64_Phdr))
        die("%s: not a 64-bit ELF image", path);
    for (unsigned int i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, range(&file, eh.e_phoff + i * sizeof(ph), sizeof(ph)), sizeof(ph));
        if (ph.p_type == PT_LOAD)
            add_segment(image, &file, &ph, ram);
        else if (ph.p_type == PT_NOTE)
            read_notes(image, &file, &ph);
    }
    if (!image->entry)
        die("%s: no XEN_ELFNOTE_PHYS32_ENTRY, so it cannot boot as PVH", path);
}
