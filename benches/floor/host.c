#include "host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t interrupted;

static struct host *opened;

static void destroy_live(void)
{
    if (opened->live)
        xc_domain_destroy(opened->xch, opened->live);
}

/* Also ends a wait for an event: the system call is not restarted. */
static void interrupt(int signal)
{
    interrupted = signal;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt};

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void host_open(struct host *host)
{
    memset(host, 0, sizeof(*host));
    host->xch = xc_interface_open(NULL, NULL, 0);
    host->fmem = xenforeignmemory_open(NULL, 0);
    host->xce = xenevtchn_open(NULL, 0);
    if (!host->xch || !host->fmem || !host->xce)
        die("this is no Xen dom0, or not root's shell: the device files of /dev/xen do not open");
    xenevtchn_port_or_error_t port = xenevtchn_bind_virq(host->xce, VIRQ_DOM_EXC);
    if (port < 0)
        die_errno("VIRQ_DOM_EXC (a running xenstored has it)");
    host->dom_exc = (evtchn_port_t)port;
    opened = host;
    atexit(destroy_live);
    handle_signals();
}

void die(const char *format, ...)
{
    va_list args;

    fputs("floor: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void die_errno(const char *what)
{
    die("%s: %s", what, strerror(errno));
}
