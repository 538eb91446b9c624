/*
 * The barrier: a count and a state, and a condition for both.
 *
 * It fills until as many are in as there are parties; then it drains: those
 * leave, and who comes stays outside until the last of them is out.  So it is
 * after a reset with somebody inside.
 */
#include <errno.h>

#include <aio/sync.h>

enum { FILLING, DRAINING, RESETTING, BROKEN };

int aio_barrier_init(aio_barrier *barrier, int parties)
{
    if (barrier == NULL || parties < 1)
        return -EINVAL;
    *barrier = (aio_barrier)AIO_BARRIER_INIT(parties);
    return 0;
}

/* Predicates. */
static int lets_in(void *arg)
{
    const aio_barrier *barrier = arg;
    return barrier->state != DRAINING && barrier->state != RESETTING;
}

static int lets_out(void *arg)
{
    const aio_barrier *barrier = arg;
    return barrier->state != FILLING;
}

/* Tells all that the state is another one. */
static void tell(aio_barrier *barrier)
{
    (void)aio_condition_notify_all(&barrier->condition);
}

static int pass(aio_barrier *barrier, int index)
{
    if (index + 1 == barrier->parties) {
        barrier->state = DRAINING;
        tell(barrier);
        return index;
    }
    int rc = aio_condition_wait_for(&barrier->condition, lets_out, barrier);
    if (rc < 0)
        return rc;
    return barrier->state == DRAINING ? index : -AIO_EBROKEN;
}

static void go_out(aio_barrier *barrier)
{
    if (--barrier->count > 0)
        return;
    if (barrier->state != BROKEN)
        barrier->state = FILLING;
    tell(barrier);
}

/* With the condition's lock held. */
static int enter(aio_barrier *barrier)
{
    int rc = aio_condition_wait_for(&barrier->condition, lets_in, barrier);
    if (rc < 0)
        return rc;
    if (barrier->state == BROKEN)
        return -AIO_EBROKEN;
    rc = pass(barrier, barrier->count++);
    go_out(barrier);
    return rc;
}

int aio_barrier_wait(aio_barrier *barrier)
{
    if (barrier == NULL || barrier->parties < 1)
        return -EINVAL;
    int rc = aio_condition_acquire(&barrier->condition);
    if (rc < 0)
        return rc;
    rc = enter(barrier);
    (void)aio_condition_release(&barrier->condition);
    return rc;
}

static int change(aio_barrier *barrier, int state)
{
    if (barrier == NULL)
        return -EINVAL;
    int rc = aio_condition_acquire(&barrier->condition);
    if (rc < 0)
        return rc;
    barrier->state = state == RESETTING && barrier->count == 0 ? FILLING : state;
    tell(barrier);
    return aio_condition_release(&barrier->condition);
}

int aio_barrier_reset(aio_barrier *barrier)
{
    return change(barrier, RESETTING);
}

int aio_barrier_abort(aio_barrier *barrier)
{
    return change(barrier, BROKEN);
}

int aio_barrier_parties(const aio_barrier *barrier)
{
    return barrier != NULL ? barrier->parties : -EINVAL;
}

int aio_barrier_waiting(const aio_barrier *barrier)
{
    if (barrier == NULL)
        return -EINVAL;
    return barrier->state == FILLING ? barrier->count : 0;
}

bool aio_barrier_broken(const aio_barrier *barrier)
{
    return barrier != NULL && barrier->state == BROKEN;
}
