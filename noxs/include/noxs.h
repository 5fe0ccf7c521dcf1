/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The noxs page, for guests in C. docs/noxs.md says what the fields mean, who may
 * write them and in which order; noxs/tests/header.rs holds this header to that.
 *
 * The rings of devices are Xen's own: public/io/console.h, netif.h, blkif.h.
 */
#ifndef NOXS_H
#define NOXS_H

#include <stddef.h>
#include <stdint.h>

#define NOXS_MAGIC 0x53584f4eu /* "NOXS" */
#define NOXS_MAJOR 1
#define NOXS_MINOR 0
#define NOXS_PAGE_SIZE 4096
#define NOXS_SLOTS 32
#define NOXS_NAME_MAX 63
#define NOXS_USER_INLINE 512
#define NOXS_LOG_SIZE 1024
#define NOXS_LOG_HEADER 12

#define NOXS_FLAG_GRANT_TABLE 1u
#define NOXS_FLAG_SHARED_INFO 2u

/* noxs_bell.services of the host's bell */
#define NOXS_TO_HOST_REPORT 1u
#define NOXS_TO_HOST_LOG 2u
/* noxs_bell.services of the guest's bell */
#define NOXS_TO_GUEST_REQUEST 1u
#define NOXS_TO_GUEST_TABLE 2u
#define NOXS_TO_GUEST_LOG_ROOM 4u

enum noxs_request {
    NOXS_REQUEST_NONE,
    NOXS_REQUEST_POWEROFF,
    NOXS_REQUEST_REBOOT,
    NOXS_REQUEST_SUSPEND,
    NOXS_REQUEST_RESUME,
    NOXS_REQUEST_TABLE_CHANGED,
    NOXS_REQUEST_DUMP
};

enum noxs_state {
    NOXS_STATE_BOOTING,
    NOXS_STATE_BOOTED,
    NOXS_STATE_READY,
    NOXS_STATE_STOPPING,
    NOXS_STATE_CRASHED
};

enum noxs_answer { NOXS_ANSWER_OK, NOXS_ANSWER_NOT_SUPPORTED, NOXS_ANSWER_FAILED };

enum noxs_kind { NOXS_KIND_EMPTY, NOXS_KIND_CONSOLE, NOXS_KIND_NET, NOXS_KIND_BLOCK };

enum noxs_slot_state { NOXS_SLOT_ABSENT, NOXS_SLOT_PRESENT, NOXS_SLOT_REMOVING };

/* The console's place in the table. */
#define NOXS_CONSOLE 0

/* Of noxs_slot.guest_features: the guest uses the device, and rings its bit. */
#define NOXS_IN_USE 0x8000u
/* Of any device's features, both ways: what is granted for its data stays granted while it is
 * in use. */
#define NOXS_GRANTS_STAY 0x4000u

#define NOXS_NET_CSUM 1u
#define NOXS_NET_GSO_TCPV4 2u
#define NOXS_NET_GSO_TCPV6 4u
#define NOXS_NET_SG 8u

#define NOXS_BLOCK_READ_ONLY 1u
#define NOXS_BLOCK_FLUSH 2u
#define NOXS_BLOCK_DISCARD 4u

struct noxs_bell {
    uint32_t devices;
    uint32_t services;
    uint32_t asleep;
    uint32_t pad[13];
};

struct noxs_net {
    uint8_t mac[6];
    uint8_t prefix4;
    uint8_t prefix6;
    uint8_t ipv4[4];
    uint8_t gateway4[4];
    uint8_t ipv6[16];
    uint8_t gateway6[16];
};

struct noxs_block {
    uint64_t sectors; /* of 512 bytes */
    uint32_t sector_size;
    uint32_t physical_sector_size;
    uint32_t info;
    uint32_t max_indirect_segments;
    uint8_t serial[20];
    uint8_t pad[4];
};

struct noxs_slot {
    uint8_t kind;
    uint8_t state;
    uint8_t index;
    uint8_t frames;
    uint16_t backend;
    uint16_t mtu;
    uint32_t first_frame;
    uint16_t host_features;
    uint16_t guest_features; /* the guest's */
    union {
        struct noxs_net net;
        struct noxs_block block;
        uint8_t bytes[48];
    } config;
};

struct noxs_page {
    /* header: the host's */
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t size;
    uint32_t generation;
    uint8_t uuid[16];
    uint32_t flags;
    uint32_t port;
    uint32_t grant_frames;
    uint16_t slots;
    uint16_t slot_size;
    uint64_t grant_table_frame;
    uint64_t shared_info_frame;
    /* doorbells: both sides' */
    struct noxs_bell host_bell;
    struct noxs_bell guest_bell;
    /* control: the host's */
    uint32_t request;
    uint32_t request_sequence;
    uint8_t pad_control[56];
    /* report: the guest's */
    uint32_t acknowledged;
    uint32_t state;
    uint32_t code;
    uint32_t answer;
    uint8_t ipv4[4];
    uint8_t prefix4;
    uint8_t prefix6;
    uint8_t pad_prefix[2];
    uint8_t ipv6[16];
    uint8_t pad_report[24];
    /* log: the guest's, except log_consumed */
    uint32_t log_produced;
    uint32_t log_dropped;
    uint8_t pad_log[24];
    uint32_t log_consumed;
    uint8_t pad_consumed[28];
    /* identity: the host's */
    uint8_t name_len;
    char name[NOXS_NAME_MAX];
    uint32_t user_len;
    uint32_t user_overflow_pages;
    uint64_t user_overflow_frame;
    uint8_t pad_user[48];
    uint8_t user[NOXS_USER_INLINE];
    /* device table: the host's, except guest_features */
    struct noxs_slot table[NOXS_SLOTS];
    /* log: the guest's */
    uint8_t log[NOXS_LOG_SIZE];
};

_Static_assert(sizeof(struct noxs_slot) == 64, "a slot has 64 bytes");
_Static_assert(sizeof(struct noxs_page) == NOXS_PAGE_SIZE, "the page has 4096 bytes");

/* Verbs of the guest. */

static inline uint32_t noxs_load(volatile uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void noxs_store(volatile uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Whether this program speaks the page's version. */
static inline int noxs_usable(volatile struct noxs_page *page) {
    return page->magic == NOXS_MAGIC && page->major == NOXS_MAJOR &&
           page->size >= NOXS_PAGE_SIZE && page->slots == NOXS_SLOTS && page->slot_size == 64;
}

/* Begins reading what the host writes: 0 while it is writing. */
static inline int noxs_read_begin(volatile struct noxs_page *page, uint32_t *generation) {
    *generation = noxs_load(&page->generation);
    return *generation % 2 == 0;
}

/* Whether what was read since noxs_read_begin belongs together. */
static inline int noxs_read_end(volatile struct noxs_page *page, uint32_t generation) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return page->generation == generation;
}

/* Rings for devices and services: 1 when the event channel is to be notified. */
static inline int noxs_ring(volatile struct noxs_page *page, uint32_t devices, uint32_t services) {
    if (devices)
        __atomic_fetch_or(&page->host_bell.devices, devices, __ATOMIC_SEQ_CST);
    if (services)
        __atomic_fetch_or(&page->host_bell.services, services, __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&page->host_bell.asleep, 0, __ATOMIC_SEQ_CST) != 0;
}

/* Takes what the host rang for. */
static inline void noxs_take(volatile struct noxs_page *page, uint32_t *devices,
                             uint32_t *services) {
    *devices = __atomic_exchange_n(&page->guest_bell.devices, 0, __ATOMIC_SEQ_CST);
    *services = __atomic_exchange_n(&page->guest_bell.services, 0, __ATOMIC_SEQ_CST);
}

/* Asks to be notified: 0 when something was rung for meanwhile, and taken. */
static inline int noxs_sleep(volatile struct noxs_page *page, uint32_t *devices,
                             uint32_t *services) {
    __atomic_exchange_n(&page->guest_bell.asleep, 1, __ATOMIC_SEQ_CST);
    noxs_take(page, devices, services);
    if (!*devices && !*services)
        return 1;
    noxs_store(&page->guest_bell.asleep, 0);
    return 0;
}

/* Whether the host asks for something that was not answered, and what. Read it again when it
 * is 0 and the host was writing: it rings when it has written. */
static inline int noxs_asked(volatile struct noxs_page *page, uint32_t *request,
                             uint32_t *sequence) {
    uint32_t generation;

    if (!noxs_read_begin(page, &generation))
        return 0;
    *request = page->request;
    *sequence = page->request_sequence;
    return noxs_read_end(page, generation) && *sequence != page->acknowledged;
}

/* Answers a request; noxs_ring with NOXS_TO_HOST_REPORT tells it. */
static inline void noxs_answer(volatile struct noxs_page *page, uint32_t sequence,
                               enum noxs_answer answer) {
    page->answer = answer;
    noxs_store(&page->acknowledged, sequence);
}

/* Says what the guest is doing; noxs_ring with NOXS_TO_HOST_REPORT tells it. */
static inline void noxs_report(volatile struct noxs_page *page, enum noxs_state state,
                               uint32_t code) {
    page->code = code;
    noxs_store(&page->state, state);
}

static inline void noxs_log_put(volatile struct noxs_page *page, uint32_t position,
                                const void *bytes, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        page->log[(position + i) % NOXS_LOG_SIZE] = ((const uint8_t *)bytes)[i];
}

/* Writes a record; noxs_ring with NOXS_TO_HOST_LOG tells it. 0: no room, and counted. */
static inline int noxs_log(volatile struct noxs_page *page, uint8_t severity, uint64_t time_ns,
                           const char *text, uint32_t len) {
    uint32_t produced = page->log_produced;
    uint32_t used = produced - noxs_load(&page->log_consumed);
    uint8_t header[NOXS_LOG_HEADER] = {0};
    uint32_t size;

    if (len > NOXS_LOG_SIZE - NOXS_LOG_HEADER) {
        len = NOXS_LOG_SIZE - NOXS_LOG_HEADER;
        header[3] = 4;
    }
    size = (NOXS_LOG_HEADER + len + 3) & ~3u;
    if (used > NOXS_LOG_SIZE || NOXS_LOG_SIZE - used < size) {
        page->log_dropped = page->log_dropped + 1;
        return 0;
    }
    header[0] = (uint8_t)size;
    header[1] = (uint8_t)(size >> 8);
    header[2] = severity;
    header[3] |= (uint8_t)(size - NOXS_LOG_HEADER - len);
    for (int i = 0; i < 8; i++)
        header[4 + i] = (uint8_t)(time_ns >> (8 * i));
    noxs_log_put(page, produced, header, NOXS_LOG_HEADER);
    noxs_log_put(page, produced + NOXS_LOG_HEADER, text, len);
    noxs_store(&page->log_produced, produced + size);
    return 1;
}

#endif
