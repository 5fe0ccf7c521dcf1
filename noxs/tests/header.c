/* Prints the header's layout, and a page on which its verbs were used: what
 * noxs/tests/header.rs compares with the Rust side. */
#include "noxs.h"

#include <stdio.h>

#define PAGE(field) printf(#field " %zu\n", offsetof(struct noxs_page, field))
#define SLOT(field) printf("slot." #field " %zu\n", offsetof(struct noxs_slot, field))
#define VALUE(name) printf(#name " %llu\n", (unsigned long long)(name))

static void layout(void) {
    PAGE(magic); PAGE(major); PAGE(minor); PAGE(size); PAGE(generation); PAGE(uuid);
    PAGE(flags); PAGE(port); PAGE(grant_frames); PAGE(slots); PAGE(slot_size);
    PAGE(grant_table_frame); PAGE(shared_info_frame); PAGE(host_bell); PAGE(guest_bell);
    PAGE(host_bell.services); PAGE(host_bell.asleep);
    PAGE(request); PAGE(request_sequence); PAGE(acknowledged); PAGE(state); PAGE(code);
    PAGE(answer); PAGE(ipv4); PAGE(prefix4); PAGE(prefix6); PAGE(ipv6); PAGE(log_produced);
    PAGE(log_dropped); PAGE(log_consumed); PAGE(name_len); PAGE(name); PAGE(user_len);
    PAGE(user_overflow_pages); PAGE(user_overflow_frame); PAGE(user); PAGE(table); PAGE(log);
    SLOT(kind); SLOT(state); SLOT(index); SLOT(frames); SLOT(backend); SLOT(mtu);
    SLOT(first_frame); SLOT(host_features); SLOT(guest_features); SLOT(config);
    VALUE(NOXS_MAGIC); VALUE(NOXS_MAJOR); VALUE(NOXS_MINOR); VALUE(NOXS_PAGE_SIZE);
    VALUE(NOXS_SLOTS); VALUE(NOXS_NAME_MAX); VALUE(NOXS_USER_INLINE); VALUE(NOXS_LOG_SIZE);
    VALUE(NOXS_LOG_HEADER); VALUE(NOXS_FLAG_GRANT_TABLE); VALUE(NOXS_FLAG_SHARED_INFO);
    VALUE(NOXS_TO_HOST_REPORT); VALUE(NOXS_TO_HOST_LOG); VALUE(NOXS_TO_GUEST_REQUEST);
    VALUE(NOXS_TO_GUEST_TABLE); VALUE(NOXS_TO_GUEST_LOG_ROOM); VALUE(NOXS_REQUEST_POWEROFF);
    VALUE(NOXS_REQUEST_REBOOT); VALUE(NOXS_REQUEST_SUSPEND); VALUE(NOXS_REQUEST_RESUME);
    VALUE(NOXS_REQUEST_TABLE_CHANGED); VALUE(NOXS_REQUEST_DUMP); VALUE(NOXS_STATE_BOOTED);
    VALUE(NOXS_STATE_READY); VALUE(NOXS_STATE_STOPPING); VALUE(NOXS_STATE_CRASHED);
    VALUE(NOXS_ANSWER_NOT_SUPPORTED); VALUE(NOXS_ANSWER_FAILED); VALUE(NOXS_SLOT_PRESENT);
    VALUE(NOXS_SLOT_REMOVING); VALUE(NOXS_CONSOLE); VALUE(NOXS_IN_USE); VALUE(NOXS_GRANTS_STAY); VALUE(NOXS_NET_CSUM);
    VALUE(NOXS_NET_GSO_TCPV4); VALUE(NOXS_NET_GSO_TCPV6); VALUE(NOXS_NET_SG);
    VALUE(NOXS_BLOCK_READ_ONLY); VALUE(NOXS_BLOCK_FLUSH); VALUE(NOXS_BLOCK_DISCARD);
}

/* Reads a page from standard input, uses every verb on it, writes it to the file. */
static int verbs(const char *file) {
    static struct noxs_page page;
    uint32_t devices, services, generation, request, sequence;
    FILE *out;

    if (fread(&page, sizeof page, 1, stdin) != 1 || !noxs_usable(&page))
        return 1;
    if (!noxs_read_begin(&page, &generation) || !noxs_read_end(&page, generation))
        return 1;
    if (page.table[1].kind != NOXS_KIND_NET || page.table[1].config.net.gateway4[3] != 1)
        return 1;
    if (page.table[2].kind != NOXS_KIND_BLOCK || page.table[2].config.block.serial[19] != 'j')
        return 1;
    noxs_take(&page, &devices, &services);
    if (services != (NOXS_TO_GUEST_TABLE | NOXS_TO_GUEST_REQUEST) ||
         !noxs_sleep(&page, &devices, &services))
        return 1;
    if (!noxs_asked(&page, &request, &sequence) || request != NOXS_REQUEST_SUSPEND)
        return 1;
    noxs_answer(&page, sequence, NOXS_ANSWER_NOT_SUPPORTED);
    if (noxs_asked(&page, &request, &sequence))
        return 1;
    noxs_report(&page, NOXS_STATE_READY, 7);
    if (!noxs_log(&page, 6, 0x0102030405060708, page.name, page.name_len))
        return 1;
    if (!noxs_ring(&page, 4, NOXS_TO_HOST_REPORT | NOXS_TO_HOST_LOG))
        return 1;
    out = fopen(file, "wb");
    return !out || fwrite(&page, sizeof page, 1, out) != 1 || fclose(out) != 0;
}

int main(int argc, char **argv) {
    if (argc > 1)
        return verbs(argv[1]);
    layout();
    return 0;
}
