/* A guest in C: says who it is on the console and in the log, reports that it is ready,
 * and ends when it is asked to. */
#include "noxs.h"

/* The runtime's: learns where the shared info page is, notifies the host, waits until notified,
 * reaches a frame of memory. */
struct host;
void guest_shared_info(const struct host *host, uint64_t frame);
void guest_notify(const struct host *host);
void guest_wait(const struct host *host);
volatile void *guest_frame(const struct host *host, uint32_t frame);

#define INFO 6

/* How the guest ends; main.rs knows these. */
enum end { POWER_OFF, REBOOT, NO_PAGE, NO_CONSOLE, NO_ROOM };

/* struct xencons_interface of Xen's public/io/console.h. */
struct console {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod, out_cons, out_prod;
};

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

/* Prints what fits. A console that was not taken into use needs no bit, only an event. */
static int print(volatile struct noxs_page *page, const struct host *host, const char *text,
                 uint32_t len) {
    volatile struct console *console = guest_frame(host, page->table[NOXS_CONSOLE].first_frame);
    uint32_t produced;

    if (!console)
        return 0;
    produced = console->out_prod;
    for (uint32_t i = 0; i < len && produced - noxs_load(&console->out_cons) < 2048; i++)
        console->out[produced++ % 2048] = text[i];
    noxs_store(&console->out_prod, produced);
    guest_notify(host);
    return 1;
}

/* Waits until the host asks the guest to end, and says no to everything else. */
static enum end serve(volatile struct noxs_page *page, const struct host *host) {
    uint32_t request, sequence, devices, services;

    for (;;) {
        while (noxs_asked(page, &request, &sequence)) {
            int end = request == NOXS_REQUEST_POWEROFF || request == NOXS_REQUEST_REBOOT;

            noxs_answer(page, sequence, end ? NOXS_ANSWER_OK : NOXS_ANSWER_NOT_SUPPORTED);
            if (noxs_ring(page, 0, NOXS_TO_HOST_REPORT))
                guest_notify(host);
            if (end)
                return request == NOXS_REQUEST_REBOOT ? REBOOT : POWER_OFF;
        }
        if (noxs_sleep(page, &devices, &services))
            guest_wait(host);
    }
}

enum end guest_main(volatile struct noxs_page *page, const struct host *host) {
    static const char greeting[] = "hello, I am up, my name is ";
    char text[sizeof greeting + NOXS_NAME_MAX + 2], self[NOXS_NAME_MAX];
    uint32_t len;

    if (!noxs_usable(page))
        return NO_PAGE;
    guest_shared_info(host, page->shared_info_frame);
    len = append(text, 0, greeting, sizeof greeting - 1);
    len = append(text, len, self, name(page, self));
    if (!noxs_log(page, INFO, 0, text, len))
        return NO_ROOM;
    noxs_report(page, NOXS_STATE_READY, 0);
    if (noxs_ring(page, 0, NOXS_TO_HOST_LOG | NOXS_TO_HOST_REPORT))
        guest_notify(host);
    if (!print(page, host, text, append(text, len, "\r\n", 2)))
        return NO_CONSOLE;
    return serve(page, host);
}
