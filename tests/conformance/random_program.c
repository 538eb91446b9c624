/*
 * Draws and prints random programs.
 */
#include "conformance/random_subject.h"

#include <string.h>

#define MAX_AMOUNT 30 /* us of a sleep, a timeout, a delay: few, so that many coincide */

/* How often a kind is drawn, and how it is printed. */
static const struct {
    const char *name;
    unsigned weight;
} KINDS[ACT_KINDS] = {
    [ACT_SLEEP] = {"sleep", 12},
    [ACT_YIELD] = {"yield", 8},
    [ACT_SPAWN] = {"spawn", 16},
    [ACT_EAGER] = {"eager", 8},
    [ACT_AWAIT] = {"await", 14},
    [ACT_AWAIT_DONE] = {"await_done", 6},
    [ACT_JOIN] = {"join", 5},
    [ACT_STOP] = {"stop", 4},
    [ACT_SHIELD] = {"shield", 5},
    [ACT_WAIT_FOR] = {"wait_for", 6},
    [ACT_GATHER] = {"gather", 9},
    [ACT_GATHER_ALL] = {"gather_all", 6},
    [ACT_WAIT] = {"wait", 6},
    [ACT_ITERATE] = {"iterate", 6},
    [ACT_TIMEOUT] = {"timeout", 12},
    [ACT_CANCEL] = {"cancel", 9},
    [ACT_CANCEL_SELF] = {"cancel_self", 2},
    [ACT_UNCANCEL] = {"uncancel", 3},
    [ACT_SET] = {"set", 6},
    [ACT_SOON] = {"soon", 4},
    [ACT_LATER] = {"later", 4},
    [ACT_ON_DONE] = {"on_done", 5},
    [ACT_CANCEL_CALLBACK] = {"cancel_callback", 2},
    [ACT_RETURN] = {"return", 1},
    [ACT_FAIL] = {"fail", 1},
};

static const struct operation *operation_of(const struct action *action)
{
    return &SUBJECTS[action->subject]->operations[action->operation];
}

const char *action_name(const struct action *action)
{
    return action->kind == ACT_USE ? operation_of(action)->name : KINDS[action->kind].name;
}

bool random_program_draws_lots(const struct random_program *program)
{
    bool draws = false;
    for (unsigned i = 0; i < SUBJECT_COUNT; i++)
        draws = draws || ((program->subjects >> i & 1) != 0 && SUBJECTS[i]->draws_lots);
    return draws;
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number below `bound`. */
static unsigned draw(uint64_t *state, unsigned bound)
{
    return (unsigned)(random_next(state) >> 33) % bound;
}

static enum action_kind draw_kind(uint64_t *state)
{
    unsigned total = 0;
    for (unsigned i = 0; i < ACT_KINDS; i++)
        total += KINDS[i].weight;
    unsigned left = draw(state, total), kind = 0;
    while (left >= KINDS[kind].weight)
        left -= KINDS[kind++].weight;
    return (enum action_kind)kind;
}

static unsigned draw_place(uint64_t *state, enum action_kind kind)
{
    switch (kind) {
    case ACT_JOIN:
    case ACT_STOP:
        return draw(state, TASKS);
    case ACT_SET:
        return TASKS + draw(state, FUTURES);
    default:
        /* A future as often as a task, though there are fewer. */
        return draw(state, 2) == 0 ? draw(state, TASKS) : TASKS + draw(state, FUTURES);
    }
}

/* An operation of one of the program's subjects. */
static void draw_use(const struct random_program *program, uint64_t *state, struct action *action)
{
    do
        action->subject = draw(state, SUBJECT_COUNT);
    while ((program->subjects >> action->subject & 1) == 0);
    const struct subject *subject = SUBJECTS[action->subject];
    unsigned total = 0;
    for (unsigned i = 0; i < subject->operation_count; i++)
        total += subject->operations[i].weight;
    unsigned left = draw(state, total);
    action->operation = 0;
    while (left >= subject->operations[action->operation].weight)
        left -= subject->operations[action->operation++].weight;
    action->kind = ACT_USE;
    action->object = draw(state, 4) == 0; /* mostly the same, so that they meet */
}

/* `left`: how many more actions the block has that this one is in. */
static void draw_action(struct random_program *program, uint64_t *state, struct action *action,
                        unsigned left)
{
    action->kind = draw_kind(state);
    action->swallow = draw(state, 3) > 0;
    action->place = draw_place(state, action->kind);
    action->callback = draw(state, CALLBACKS);
    action->amount = draw(state, 4) == 0 ? 0 : draw(state, MAX_AMOUNT);
    action->place_count = 1 + draw(state, MAX_TARGETS);
    for (unsigned i = 0; i < action->place_count; i++)
        action->places[i] = draw_place(state, action->kind);
    action->mode = draw(state, 3);
    action->limited = draw(state, 2) == 0;
    bool spawns = action->kind == ACT_SPAWN || action->kind == ACT_EAGER;
    bool block = action->kind == ACT_TIMEOUT;
    if (program->subjects != 0 && !spawns && draw(state, 2) == 0) {
        draw_use(program, state, action);
        block = operation_of(action)->block;
        spawns = operation_of(action)->spawns;
    }
    action->length = block && left > 0 ? 1 + draw(state, left) : 0;
    if (!spawns)
        return;
    if (program->tasks < TASKS)
        action->place = program->tasks++;
    else
        action->kind = ACT_YIELD;
}

static void draw_block(struct random_program *program, uint64_t *state, struct action *actions,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        draw_action(program, state, &actions[i], count - i - 1);
        draw_block(program, state, &actions[i + 1], actions[i].length);
        i += actions[i].length;
    }
}

void random_program_draw(struct random_program *program, uint64_t seed)
{
    uint64_t state = seed;
    memset(program, 0, sizeof *program);
    program->seed = seed;
    program->tasks = 1;
    for (unsigned i = 0, most = draw(&state, 4); i < most; i++)
        program->subjects |= 1u << draw(&state, SUBJECT_COUNT);
    for (unsigned task = 0; task < program->tasks; task++) {
        program->lengths[task] = 1 + draw(&state, MAX_ACTIONS);
        draw_block(program, &state, program->scripts[task], program->lengths[task]);
    }
    for (unsigned i = 0; i < CALLBACKS; i++) {
        struct deed *deed = &program->deeds[i];
        unsigned which = draw(&state, 3);
        deed->kind = which == 0 ? DEED_NONE : which == 1 ? DEED_CANCEL : DEED_SET;
        deed->place = draw_place(&state, deed->kind == DEED_SET ? ACT_SET : ACT_CANCEL);
        deed->amount = draw(&state, 100);
    }
}

/* ---- printing ------------------------------------------------------------------------------- */

static void print_place(FILE *file, unsigned place)
{
    if (place < TASKS)
        fprintf(file, " t%u", place);
    else
        fprintf(file, " f%u", place - TASKS);
}

static void print_several(FILE *file, const struct action *action)
{
    static const char *const modes[] = {" all", " first", " error"};
    bool gathers = action->kind == ACT_GATHER || action->kind == ACT_GATHER_ALL;
    if (action->kind == ACT_WAIT)
        fputs(modes[action->mode], file);
    if (!gathers && action->limited)
        fprintf(file, " %u", action->amount);
    for (unsigned i = 0; i < action->place_count; i++)
        print_place(file, action->places[i]);
}

static void print_use(FILE *file, const struct action *action)
{
    fprintf(file, " object %u amount %u mode %u", action->object, action->amount, action->mode);
    if (action->limited)
        fputs(" limited", file);
    if (operation_of(action)->spawns)
        print_place(file, action->place);
    for (unsigned i = 0; i < action->place_count && !operation_of(action)->block; i++)
        fprintf(file, "%c%u", i == 0 ? ' ' : ',', action->places[i]);
}

static void print_action(FILE *file, const struct action *action)
{
    fprintf(file, "%s%s", action->swallow ? "try " : "", action_name(action));
    switch (action->kind) {
    case ACT_SPAWN:
    case ACT_EAGER:
    case ACT_AWAIT:
    case ACT_AWAIT_DONE:
    case ACT_JOIN:
    case ACT_STOP:
    case ACT_CANCEL:
    case ACT_SHIELD:
        print_place(file, action->place);
        break;
    case ACT_WAIT:
    case ACT_ITERATE:
    case ACT_GATHER:
    case ACT_GATHER_ALL:
        print_several(file, action);
        break;
    case ACT_WAIT_FOR:
    case ACT_SET:
        print_place(file, action->place);
        fprintf(file, " %u", action->amount);
        break;
    case ACT_ON_DONE:
        fprintf(file, " c%u", action->callback);
        print_place(file, action->place);
        break;
    case ACT_LATER:
        fprintf(file, " c%u %u", action->callback, action->amount);
        break;
    case ACT_SOON:
    case ACT_CANCEL_CALLBACK:
        fprintf(file, " c%u", action->callback);
        break;
    case ACT_USE:
        print_use(file, action);
        break;
    case ACT_SLEEP:
    case ACT_TIMEOUT:
    case ACT_RETURN:
    case ACT_FAIL:
        fprintf(file, " %u", action->amount);
        break;
    default:
        break;
    }
    fputc('\n', file);
}

static void print_block(FILE *file, const struct action *actions, unsigned count, unsigned depth)
{
    for (unsigned i = 0; i < count; i++) {
        fprintf(file, "%*s", (int)depth * 2, "");
        print_action(file, &actions[i]);
        print_block(file, &actions[i + 1], actions[i].length, depth + 1);
        i += actions[i].length;
    }
}

static void print_deed(FILE *file, const struct deed *deed)
{
    fputs(deed->kind == DEED_NONE ? "nothing" : deed->kind == DEED_SET ? "set" : "cancel", file);
    if (deed->kind != DEED_NONE)
        print_place(file, deed->place);
    if (deed->kind == DEED_SET)
        fprintf(file, " %u", deed->amount);
    fputc('\n', file);
}

void random_program_print(const struct random_program *program, FILE *file)
{
    fprintf(file, "seed %llu\n", (unsigned long long)program->seed);
    for (unsigned task = 0; task < program->tasks; task++) {
        fprintf(file, "t%u\n", task);
        print_block(file, program->scripts[task], program->lengths[task], 1);
    }
    for (unsigned i = 0; i < CALLBACKS; i++) {
        fprintf(file, "c%u: ", i);
        print_deed(file, &program->deeds[i]);
    }
}
