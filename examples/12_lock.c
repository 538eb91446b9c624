/*
 * 12_lock: what takes several steps, one task at a time.
 *
 *     import asyncio
 *
 *     lock = asyncio.Lock()
 *     balance = 100
 *
 *     async def spend(name, amount):
 *         global balance
 *         async with lock:
 *             before = balance
 *             await asyncio.sleep(0.01)        # ask the bank
 *             if before < amount:
 *                 print(f"{name}: only {before} left")
 *                 return
 *             balance = before - amount
 *             print(f"{name}: {amount}, {balance} left")
 *
 *     async def main():
 *         async with asyncio.TaskGroup() as group:
 *             for name, amount in ("rent", 60), ("food", 30), ("boat", 50):
 *                 group.create_task(spend(name, amount))
 *
 *     asyncio.run(main())
 *
 * Without the lock, each of the three would see the hundred that was there at first.  A task is
 * interrupted only where it waits: had spend() no wait between reading and writing, it would need
 * no lock.  Who waits for the lock gets it in his turn.  (The group is a scope here, where 06_group
 * makes a call of it: the tasks can use what stands in the same function.)
 *
 * Output:
 *   rent: 60, 40 left
 *   food: 30, 10 left
 *   boat: only 10 left
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct expense {
    const char *name;
    int amount;
};

static aio_lock lock = AIO_LOCK_INIT;
static int balance = 100;

/* With the lock held. */
static int pay(const struct expense *expense)
{
    int before = balance;
    int rc = aio_sleep(AIO_MSEC(10));
    if (rc < 0)
        return rc;
    if (before < expense->amount) {
        printf("%s: only %d left\n", expense->name, before);
        return 0;
    }
    balance = before - expense->amount;
    printf("%s: %d, %d left\n", expense->name, expense->amount, balance);
    return 0;
}

static int spend(void *arg)
{
    int rc = aio_lock_acquire(&lock);
    if (rc < 0)
        return rc;
    rc = pay(arg);
    (void)aio_lock_release(&lock);
    return rc;
}

static int program(void *arg)
{
    struct expense expenses[] = {{"rent", 60}, {"food", 30}, {"boat", 50}};
    aio_group group;
    (void)arg;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = aio_group_spawn(&group, spend, &expenses[i]);
    return aio_group_end(&group, rc);
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "lock: %s\n", aio_strerror(rc));
    return rc < 0;
}
