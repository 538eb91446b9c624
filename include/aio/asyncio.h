/*
 * aio/asyncio.h: all of libaio.
 *
 *     #include <aio/asyncio.h>
 *
 *     base.h       results, errors, units of time
 *     loop.h       the event loop: callbacks, timers, descriptors, signals
 *     future.h     results that are not there yet
 *     task.h       functions that run concurrently; sleeping; timeouts
 *     gather.h     several futures at once: gather, wait, as_completed; wait_for, shield
 *     group.h      tasks that end together
 *     generator.h  functions that give one item after the other, and may wait between
 *     context.h    variables of which each task has its own value
 *     sync.h       locks, events, conditions, semaphores, barriers
 *     queue.h      queues between tasks
 *     channel.h    items that go from task to task
 *     io.h         waiting on descriptors
 *     select.h     waiting for the first of several things
 *     stream.h     buffered streams of bytes
 *     net.h        TCP connections and servers
 *     run.h        aio_run()
 *     debug.h      dumps of all tasks; debug mode; code that must not suspend
 */
#ifndef AIO_ASYNCIO_H
#define AIO_ASYNCIO_H

#include <aio/base.h>
#include <aio/loop.h>
#include <aio/future.h>
#include <aio/task.h>
#include <aio/gather.h>
#include <aio/group.h>
#include <aio/generator.h>
#include <aio/context.h>
#include <aio/sync.h>
#include <aio/queue.h>
#include <aio/channel.h>
#include <aio/io.h>
#include <aio/select.h>
#include <aio/stream.h>
#include <aio/net.h>
#include <aio/run.h>
#include <aio/debug.h>

#endif
