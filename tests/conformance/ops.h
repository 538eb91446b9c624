/*
 * The table of ops and of what can be declared: name to function.
 *
 * An op returns >= 0 or a failure; its row says whether the number is printed,
 * or `ok`.  A new op is a function in the file of its subject, its prototype
 * here, and a row in ops.c; what has no row makes a scenario be skipped.
 */
#ifndef CONFORMANCE_OPS_H
#define CONFORMANCE_OPS_H

#include "conformance/scenario.h"

enum prints { PRINTS_OK, PRINTS_NUMBER };

struct op_row {
    const char *name;
    int (*run)(struct step *step);
    enum prints prints;
    int names_at; /* the word from which on all are names of tasks or futures; -1: none are */
};

struct declaration_row {
    const char *name;
    int (*declare)(struct step *step);
};

/* NULL where the table has none; so has `return`, which is the interpreter's own. */
const struct op_row *op_find(const char *name);
const struct declaration_row *declaration_find(const char *name);
/*
 * Calls found(name, arg) for each op and declaration of the program that is in no table, as often
 * as it is there.  Whether there was none.
 */
bool program_supported(const struct program *program, void (*found)(const char *name, void *arg),
                       void *arg);

/* ops_task.c */
int op_log(struct step *step);
int op_sleep(struct step *step);
int op_spawn(struct step *step);
int op_eager(struct step *step);
int op_await(struct step *step);
int op_cancel(struct step *step);
int op_cancelself(struct step *step);
int op_uncancel(struct step *step);
int op_cancelling(struct step *step);
int op_done(struct step *step);
int op_fail(struct step *step);

/* ops_future.c */
int declare_future(struct step *step);
int op_set(struct step *step);
int op_setfail(struct step *step);

/* ops_timeout.c */
int op_timeout(struct step *step);
int op_reschedule(struct step *step);

/* ops_group.c */
int op_group(struct step *step);
int op_gspawn(struct step *step);
/* ops_context.c */
int declare_var(struct step *step);
int op_cset(struct step *step);
int op_cget(struct step *step);

/* ops_generator.c */
int op_foreach(struct step *step);
int op_yield(struct step *step);

/* ops_callback.c */
int op_soon(struct step *step);
int op_later(struct step *step);

/* ops_gather.c */
int op_gather(struct step *step);
int op_gatherx(struct step *step);
int op_wait(struct step *step);
int op_ascompleted(struct step *step);
int op_waitfor(struct step *step);
int op_shield(struct step *step);

/* ops_sync.c */
int declare_lock(struct step *step);
int declare_event(struct step *step);
int declare_condition(struct step *step);
int declare_semaphore(struct step *step);
int declare_bounded_semaphore(struct step *step);
int declare_barrier(struct step *step);
int op_acquire(struct step *step);
int op_release(struct step *step);
int op_locked(struct step *step);
int op_with(struct step *step);
int op_eset(struct step *step);
int op_eclear(struct step *step);
int op_ewait(struct step *step);
int op_cwait(struct step *step);
int op_notify(struct step *step);
int op_bwait(struct step *step);
int op_breset(struct step *step);
int op_babort(struct step *step);

/* ops_queue.c */
int declare_queue(struct step *step);
int op_put(struct step *step);
int op_putnow(struct step *step);
int op_get(struct step *step);
int op_getnow(struct step *step);
int op_taskdone(struct step *step);
int op_join(struct step *step);
int op_shutdown(struct step *step);

#endif
