/*
 * The table of ops.
 */
#include "conformance/ops.h"

#include <string.h>

static const struct op_row OPS[] = {
    {"log", op_log, PRINTS_OK, -1},
    {"sleep", op_sleep, PRINTS_OK, -1},
    {"spawn", op_spawn, PRINTS_OK, -1},
    {"eager", op_eager, PRINTS_OK, -1},
    {"await", op_await, PRINTS_NUMBER, 0},
    {"cancel", op_cancel, PRINTS_NUMBER, 0},
    {"cancelself", op_cancelself, PRINTS_NUMBER, -1},
    {"uncancel", op_uncancel, PRINTS_NUMBER, -1},
    {"cancelling", op_cancelling, PRINTS_NUMBER, 0},
    {"done", op_done, PRINTS_NUMBER, 0},
    {"fail", op_fail, PRINTS_OK, -1},
    {"set", op_set, PRINTS_OK, -1},
    {"setfail", op_setfail, PRINTS_OK, -1},
    {"timeout", op_timeout, PRINTS_OK, -1},
    {"reschedule", op_reschedule, PRINTS_OK, -1},
    {"group", op_group, PRINTS_OK, -1},
    {"gspawn", op_gspawn, PRINTS_OK, -1},
    {"cset", op_cset, PRINTS_OK, -1},
    {"cget", op_cget, PRINTS_NUMBER, -1},
    {"foreach", op_foreach, PRINTS_NUMBER, -1},
    {"yield", op_yield, PRINTS_OK, -1},
    {"soon", op_soon, PRINTS_OK, -1},
    {"later", op_later, PRINTS_OK, -1},
    {"gather", op_gather, PRINTS_OK, 0},
    {"gatherx", op_gatherx, PRINTS_OK, 0},
    {"wait", op_wait, PRINTS_OK, 2},
    {"ascompleted", op_ascompleted, PRINTS_OK, 0},
    {"waitfor", op_waitfor, PRINTS_NUMBER, -1},
    {"shield", op_shield, PRINTS_NUMBER, 0},
    {"acquire", op_acquire, PRINTS_OK, -1},
    {"release", op_release, PRINTS_OK, -1},
    {"locked", op_locked, PRINTS_NUMBER, -1},
    {"with", op_with, PRINTS_OK, -1},
    {"eset", op_eset, PRINTS_OK, -1},
    {"eclear", op_eclear, PRINTS_OK, -1},
    {"ewait", op_ewait, PRINTS_OK, -1},
    {"cwait", op_cwait, PRINTS_OK, -1},
    {"notify", op_notify, PRINTS_OK, -1},
    {"bwait", op_bwait, PRINTS_NUMBER, -1},
    {"breset", op_breset, PRINTS_OK, -1},
    {"babort", op_babort, PRINTS_OK, -1},
    {"put", op_put, PRINTS_OK, -1},
    {"putnow", op_putnow, PRINTS_OK, -1},
    {"get", op_get, PRINTS_NUMBER, -1},
    {"getnow", op_getnow, PRINTS_NUMBER, -1},
    {"taskdone", op_taskdone, PRINTS_OK, -1},
    {"join", op_join, PRINTS_OK, -1},
    {"shutdown", op_shutdown, PRINTS_OK, -1},
};

static const struct declaration_row DECLARATIONS[] = {
    {"future", declare_future},
    {"var", declare_var},
    {"lock", declare_lock},
    {"event", declare_event},
    {"cond", declare_condition},
    {"sem", declare_semaphore},
    {"bsem", declare_bounded_semaphore},
    {"barrier", declare_barrier},
    {"queue", declare_queue},
};

const struct op_row *op_find(const char *name)
{
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (strcmp(OPS[i].name, name) == 0)
            return &OPS[i];
    return NULL;
}

const struct declaration_row *declaration_find(const char *name)
{
    for (size_t i = 0; i < sizeof DECLARATIONS / sizeof *DECLARATIONS; i++)
        if (strcmp(DECLARATIONS[i].name, name) == 0)
            return &DECLARATIONS[i];
    return NULL;
}

struct lookout {
    void (*found)(const char *name, void *arg);
    void *arg;
    bool all_known;
};

static void see(struct lookout *lookout, const char *name, bool known)
{
    if (known)
        return;
    lookout->all_known = false;
    lookout->found(name, lookout->arg);
}

static void look_at_body(struct lookout *lookout, const struct body *body)
{
    for (const struct op *op = body->first; op != NULL; op = op->next) {
        see(lookout, op->name, op_find(op->name) != NULL || strcmp(op->name, "return") == 0);
        if (op->block != NULL)
            look_at_body(lookout, op->block);
    }
}

bool program_supported(const struct program *program, void (*found)(const char *name, void *arg),
                       void *arg)
{
    struct lookout lookout = {found, arg, true};
    for (const struct op *op = program->declarations.first; op != NULL; op = op->next)
        see(&lookout, op->name, declaration_find(op->name) != NULL);
    for (const struct coroutine *it = program->coroutines; it != NULL; it = it->next)
        look_at_body(&lookout, &it->body);
    return lookout.all_known;
}
