/* The library handles of this process, and its way to give up. */
#ifndef FLOOR_HOST_H
#define FLOOR_HOST_H

#include <signal.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

struct host {
    xc_interface *xch;
    xenforeignmemory_handle *fmem;
    xenevtchn_handle *xce;
    evtchn_port_t dom_exc;  /* local port of VIRQ_DOM_EXC */
    uint32_t live;          /* guest that must not be left behind; 0: none */
};

/* Set by SIGINT and SIGTERM, and by SIGALRM, which bounds a wait. */
extern volatile sig_atomic_t interrupted;

/* Opens everything. Whatever way the program ends, `live` is destroyed. */
void host_open(struct host *host);

/* Both end the program. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *what);

#endif
