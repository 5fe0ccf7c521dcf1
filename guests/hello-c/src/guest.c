/* A guest in C: reads who it is, writes a log record, says that it is ready. */
#include "noxs.h"

/* The runtime's: notifies the host. */
void guest_notify(void);

#define INFO 6

static uint32_t append(char *to, uint32_t at, const char *text, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        to[at + i] = text[i];
    return at + len;
}

/* Copies the name; returns its length. */
static uint32_t name(volatile struct noxs_page *page, char *to) {
    uint32_t generation, len;

    do {
        while (!noxs_read_begin(page, &generation))
            ;
        len = page->name_len;
        if (len > NOXS_NAME_MAX)
            len = NOXS_NAME_MAX;
        for (uint32_t i = 0; i < len; i++)
            to[i] = page->name[i];
    } while (!noxs_read_end(page, generation));
    return len;
}

/* Returns 0 when all was done. */
int guest_main(volatile struct noxs_page *page) {
    static const char greeting[] = "hello, I am up, my name is ";
    char text[sizeof greeting + NOXS_NAME_MAX], self[NOXS_NAME_MAX];
    uint32_t len;

    if (!noxs_usable(page))
        return 1;
    len = append(text, 0, greeting, sizeof greeting - 1);
    len = append(text, len, self, name(page, self));
    if (!noxs_log(page, INFO, 0, text, len))
        return 2;
    noxs_report(page, NOXS_STATE_READY, 0);
    if (noxs_ring(page, 0, NOXS_TO_HOST_LOG | NOXS_TO_HOST_REPORT))
        guest_notify();
    return 0;
}
