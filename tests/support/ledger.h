/*
 * The ledger: every block, descriptor and mapping that the library makes has a
 * number, and must be gone after the test.
 *
 * It stands between the library and the system, as the entries of `aio__sys`.
 * Blocks and mappings of the C library itself (stdio's, getaddrinfo()'s) are none
 * of its business.  A block freed twice is found and not passed on; so is the
 * unmapping of what is not mapped, and a close of what is not open.
 */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include <stddef.h>

/* Goes between the library and the system; what is made from here on is looked for at the end. */
void ledger_begin(void);
void ledger_end(void);

/* How much the library holds that it has made since the beginning: for tests of growth. */
size_t ledger_blocks(void);
size_t ledger_bytes(void);
size_t ledger_mapped(void);
size_t ledger_descriptors(void);

/* This test lets the library close descriptors that are not open. */
void ledger_allow_bad_close(void);

#endif
