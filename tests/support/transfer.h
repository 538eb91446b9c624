/*
 * Transfers that do less than asked: the part of faults.h that is between the
 * library and recv, send, read, write, accept, and the waiting of selectors.
 */
#ifndef TESTS_SUPPORT_TRANSFER_H
#define TESTS_SUPPORT_TRANSFER_H

/* Puts its entries in the table; they hand on to those that were there. */
void transfer_install(void);
void transfer_clear(void);

#endif
