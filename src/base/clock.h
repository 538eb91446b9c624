/*
 * The system's clock, in ns.  (Cheaper, and rougher: aio__ticks() in compat.h.)
 */
#ifndef AIO_BASE_CLOCK_H
#define AIO_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, in ns; it stands while the machine sleeps.  22 ns through the vDSO. */
int64_t aio__clock_now(void);

#endif
