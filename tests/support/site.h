/*
 * Which place in the library made the call that is under way, on this thread: set
 * by faults.c, which is called first, and put on record by the ledger.
 */
#ifndef TESTS_SUPPORT_SITE_H
#define TESTS_SUPPORT_SITE_H

extern _Thread_local void *harness_site;

#endif
